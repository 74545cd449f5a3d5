"""A run folder becomes an engine: the winner, or the candidate named, checked and warmed up.

The one place where a runtime is chosen. Today every candidate is asked as `tunewise predict` asks
it; an exported engine is returned from `_engine` in its stead. Knows nothing of HTTP or threads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tunewise import api
from tunewise.candidates.writing import Writes
from tunewise.data.store import load_format
from tunewise.errors import ModelError, RunFolderError
from tunewise.progress import Progress, Silent
from tunewise.serving.asking import example_of
from tunewise.serving.engine import Card, Engine, RunEngine
from tunewise.serving.writing import WritingEngine
from tunewise.task.load import load_task
from tunewise.task.settings import named
from tunewise.workspace.folder import RunFolder, opened

WARM_UP = "Where is it?"  # any text; the first request then finds kernels chosen and memory taken
WARM_UPS = 3


def loaded(run: Path, candidate: str | None, progress: Progress) -> Engine:
    """Return what answers with a run's winner, or with the candidate named.

    Raises:
        RunFolderError: no run, no winner, no such candidate, files changed since the run, or a
            candidate that only knows the answers in its file.
        ModelError: its model can't be found or loaded.
    """
    predictor = api.load(run, candidate)
    files = opened(run)
    task = load_task(files.task)
    kind = named(task.candidates)[predictor.candidate].kind
    if getattr(predictor.fitted, "timed", True) is False:
        raise RunFolderError(
            f"'{predictor.candidate}' looks its answers up and has none for new texts",
            where=str(files.path),
            mend="Name another with --candidate.",
        )
    card = Card(
        candidate=predictor.candidate,
        kind=kind,
        task=task.task,
        task_kind=task.kind,
        labels=predictor.labels if task.kind == "classification" else (),
        format=load_format(files),
        runtime="transformers",
        streams=False,
        embedding=None,
        made=_made(files, predictor.candidate),
    )
    return _engine(card, predictor, progress)


def _engine(card: Card, predictor: api.Predictor, progress: Progress) -> Engine:
    """Return the engine for a candidate, having answered a text with it."""
    fitted = predictor.fitted
    text = example_of(card, WARM_UP, "warm-up")
    if card.task_kind == "generation" and isinstance(fitted, Writes):
        try:
            writing = WritingEngine(replace(card, streams=True), fitted)
        except ModelError as error:
            progress.warn(f"answers come in one piece, one batch after the other: {error.what}.")
        else:
            writing.warm_up(text)
            return writing
    for _ in range(WARM_UPS):
        fitted.predict([text], Silent())
    embeds = getattr(fitted, "embed", None)
    hidden = None if embeds is None else int(embeds([WARM_UP])[0].shape[1])
    return RunEngine(replace(card, embedding=hidden), fitted, embeds)


def _made(files: RunFolder, candidate: str) -> int:
    return int(files.candidate(candidate).settings.stat().st_mtime)
