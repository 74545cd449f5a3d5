"""What a prompt that is asked in words is made of, fresh or from its record: questions, finders.

Given settings and rows, or what a fit left, gives back the questions and what finds examples and
passages for them. Knows nothing of the model that is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import AskedFit
from tunewise.candidates.prompt.passages import Library, library_of, load_library
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.settings_file import UsedModel, found_model, same_model, used
from tunewise.candidates.prompt.shots import Retriever, load_pool, retriever_over
from tunewise.candidates.prompt.showing import Way
from tunewise.progress import Progress, Silent
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts
from tunewise.task.settings import PromptSettings


@dataclass(frozen=True)
class Found:
    """What finds examples and passages; all None where a task shows none."""

    encoder: UsedModel | None = None
    retriever: Retriever | None = None
    library: Library | None = None


def questions_on_record(fit: AskedFit, setup: Setup) -> Questions:
    """Return the questions as a fitted prompt asks them."""
    return Questions(setup, fit.templates, fit.answering, fit.max_new_tokens, fit.instructions)


def found_for(
    settings: PromptSettings,
    setup: Setup,
    train: Sequence[Example],
    ways: Sequence[Way],
    progress: Progress,
) -> Found:
    """Return what finds the examples and passages of some ways."""
    if not any(way.shots or way.passages for way in ways):
        return Found()
    encoder = found_model(settings.retriever, "encoder", progress, setup.task_folder)
    texts = dict(zip(setup.labels, label_texts(setup.labels), strict=True))
    retriever = retriever_over(
        train,
        encoder.path,
        texts or {e.target: e.target for e in train},
        progress,
        by_label=bool(texts),
    )
    library = library_of(settings, setup, retriever.embedder, progress)
    return Found(used(encoder), retriever, library)


def found_on_record(folder: Path, fit: AskedFit, setup: Setup) -> Found:
    """Return what finds the examples and passages of a fitted prompt."""
    if fit.retriever is None:
        return Found()
    from tunewise.engines.embeddings import Embedder

    embedder = Embedder(same_model(fit.retriever, Silent(), setup.task_folder).path)
    retriever, library = None, None
    if fit.chosen.shots:
        pool = load_pool(folder)
        texts = dict(zip(fit.labels, fit.label_texts, strict=True))
        own = texts or {row.label: row.label for row in pool.rows}
        retriever = Retriever(embedder, pool, own, by_label=bool(texts))
    if fit.chosen.passages:
        library = load_library(folder, embedder)
    return Found(fit.retriever, retriever, library)
