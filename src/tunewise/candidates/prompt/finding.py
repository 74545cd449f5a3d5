"""What stands beside a row in its prompt: training examples and passages, found for a way.

Given settings and rows, or what a fit left on record, gives back the finders; each text is embedded
once, whoever looks it up. Knows nothing of templates or of the model that is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import AskedFit
from tunewise.candidates.prompt.conversation import Shot
from tunewise.candidates.prompt.passages import Library, library_of, load_library, looked_up
from tunewise.candidates.prompt.settings_file import (
    PromptFit,
    UsedModel,
    found_model,
    same_model,
    used,
)
from tunewise.candidates.prompt.shots import Embeds, Retriever, load_pool, pool_of, shots_for
from tunewise.candidates.prompt.showing import Way
from tunewise.progress import Progress, Silent
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts
from tunewise.task.settings import PromptSettings

REMEMBERED = 4096  # texts whose embeddings a fit keeps, 2 kB each; its rows come again and again


class Remembering:
    """An embedder that embeds no text again that it has met lately.

    Args:
        embedder: that does the work.
        most: texts that are remembered; those of the last call always are.
    """

    def __init__(self, embedder: Embeds, most: int = 0) -> None:
        self._embedder, self._most = embedder, most
        self._known: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return the texts' embeddings, float32 [texts, hidden], each of unit length."""
        wanted = dict.fromkeys(texts)
        unknown = [text for text in wanted if text not in self._known]
        known = self._known
        if unknown:
            known = known | dict(zip(unknown, self._embedder.embed(unknown, progress), strict=True))
            older = [text for text in known if text not in wanted]
            for text in older[: max(0, len(known) - max(self._most, len(wanted)))]:
                del known[text]
            self._known = known
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True)
class Found:
    """What finds examples and passages; all None where a task shows none."""

    encoder: UsedModel | None = None
    retriever: Retriever | None = None
    library: Library | None = None

    def beside(
        self, examples: Sequence[Example], way: Way
    ) -> list[tuple[list[Shot], Sequence[str]]]:
        """Return the training examples and the passages that a way shows with each row."""
        shots = shots_for(self.retriever, examples, way)
        return list(zip(shots, looked_up(self.library, examples, way), strict=True))

    def save(self, folder: Path, way: Way) -> None:
        """Write what a way needs into a folder."""
        if way.shots and self.retriever is not None:
            self.retriever.pool.save(folder)
        if way.passages and self.library is not None:
            self.library.save(folder)


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
    from tunewise.engines.embeddings import Embedder

    encoder = found_model(settings.retriever, "encoder", progress, setup.task_folder)
    embedder = Embedder(encoder.path)
    questions, retriever = Remembering(embedder, REMEMBERED), None
    if any(way.shots for way in ways):
        texts = dict(zip(setup.labels, label_texts(setup.labels), strict=True))
        pool = pool_of(train, embedder.embed([e.input for e in train], progress))
        own = texts or {e.target: e.target for e in train}
        retriever = Retriever(questions, pool, own, by_label=bool(texts))
    library = library_of(settings, setup, embedder, questions, progress)
    return Found(used(encoder), retriever, library)


def found_on_record(
    folder: Path, fit: PromptFit | AskedFit, setup: Setup, progress: Progress | None = None
) -> Found:
    """Return what finds the examples and passages of a fitted prompt.

    Args:
        folder: that fit left.
        fit: its settings.json.
        setup: tells where relative model folders start.
        progress: for an encoder that has to be fetched.

    Raises:
        ModelError: the encoder isn't the one it was fitted with.
        RunFolderError: the folder isn't as fit left it.
    """
    if fit.retriever is None:
        return Found()
    from tunewise.engines.embeddings import Embedder

    model = same_model(fit.retriever, progress or Silent(), setup.task_folder)
    embedder = Remembering(Embedder(model.path))
    way = fit.chosen if isinstance(fit, AskedFit) else fit.chosen.way
    retriever, library = None, None
    if way.shots:
        pool, texts = load_pool(folder), dict(zip(fit.labels, fit.label_texts, strict=True))
        own = texts or {row.label: row.label for row in pool.rows}
        retriever = Retriever(embedder, pool, own, by_label=bool(texts))
    if way.passages:
        library = load_library(folder, embedder)
    return Found(fit.retriever, retriever, library)
