"""A run folder becomes an engine: the winner, or the candidate named, checked and warmed up.

The one place where a runtime is chosen: a candidate is asked as `tunewise predict` asks it, or its
exported graph is. A further runtime is one more branch of `loaded`. Knows nothing of HTTP or
threads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tunewise import api
from tunewise.candidates import Fitted
from tunewise.candidates.finished import Chosen, chosen
from tunewise.candidates.writing import Writes
from tunewise.data.store import load_format, load_labels
from tunewise.errors import BadInput, ModelError, RunFolderError, did_you_mean
from tunewise.files import read_json
from tunewise.progress import Progress, Silent
from tunewise.serving.asking import CONVERSATIONS, example_of
from tunewise.serving.engine import Card, Engine, RunEngine
from tunewise.serving.exported import GGUFS, GRAPHS, Graph, proved_file
from tunewise.serving.writing import WritingEngine
from tunewise.workspace.cores import usable_cores
from tunewise.workspace.folder import opened

TRAINED = "transformers"
RUNTIMES = (TRAINED, *GRAPHS, *GGUFS)
GRAPHED = ("probe", "encoder")  # candidates that can be written as a graph
WARM_UP = "Where is it?"  # any text; the first request then finds kernels chosen and memory taken
WARM_UPS = 3


def spare_threads() -> int:
    """Return the cores but one, which is the server's own.

    Threads that compute wait for each other; with one more of them than cores are free, each wait
    lasts until the system turns to it again.
    """
    return max(1, usable_cores() - 1)


def loaded(
    run: Path,
    candidate: str | None,
    runtime: str,
    progress: Progress,
    threads: int | None = None,
) -> Engine:
    """Return what answers with a run's winner, or with the candidate named.

    Args:
        run: the run folder.
        candidate: its name; None for the winner.
        runtime: of RUNTIMES.
        progress: where to say what goes on.
        threads: that compute an answer; None for all cores but one.

    Raises:
        RunFolderError: no run, no winner, no such candidate, files changed since the run, or a
            candidate that only knows the answers in its file.
        ModelError: its model can't be found or loaded.
        BadInput: there is no such runtime, or not for this candidate.
        ProofFailed: the export isn't proved to answer as the candidate does.
    """
    if runtime not in RUNTIMES:
        raise BadInput(
            f"there is no runtime '{runtime}'",
            where="--runtime",
            mend=did_you_mean(runtime, RUNTIMES),
        )
    one = chosen(opened(run), candidate)
    labels = load_labels(one.files)
    card = Card(
        candidate=one.name,
        kind=one.entry.kind,
        task=one.task.task,
        task_kind=one.task.kind,
        labels=labels if one.task.kind == "classification" else (),
        format=load_format(one.files),
        runtime=runtime,
        streams=False,
        embedding=None,
        made=int(one.files.candidate(one.name).settings.stat().st_mtime),
    )
    if runtime in GGUFS:
        return _gguf(one, card, runtime, threads)
    threads = threads or spare_threads()
    if runtime != TRAINED:
        return _warm(card, _graph(one, labels, runtime, threads))
    import torch

    torch.set_num_threads(threads)
    fitted = api.predictor(one).fitted
    if getattr(fitted, "timed", True) is False:
        raise RunFolderError(
            f"'{one.name}' looks its answers up and has none for new texts",
            where=str(one.files.path),
            mend="Name another with --candidate.",
        )
    if announce := getattr(fitted, "announce", None):
        announce(None, progress)
    if card.task_kind == "generation" and isinstance(fitted, Writes):
        try:
            writing = WritingEngine(replace(card, streams=True), fitted)
        except ModelError as error:
            progress.warn(f"answers come in one piece, one batch after the other: {error.what}.")
        else:
            writing.warm_up(example_of(card, WARM_UP, "warm-up"))
            return writing
    return _warm(card, fitted)


def _gguf(one: Chosen, card: Card, runtime: str, threads: int | None) -> Engine:
    """Return llama.cpp with the exported file of a candidate that writes."""
    from tunewise.serving.llama_cpp import LlamaCppEngine

    if one.entry.kind not in ("lora", "full") or card.task_kind != "generation":
        raise BadInput(
            f"'{one.name}' is no tuned model that writes its answers",
            where=f"--runtime {runtime}",
            mend=f"Serve it with --runtime {TRAINED}.",
        )
    if card.format in CONVERSATIONS:
        raise BadInput(
            "the task's rows are conversations, which llama.cpp isn't asked with here",
            where=f"--runtime {runtime}",
            mend=f"Serve it with --runtime {TRAINED}.",
        )
    engine = LlamaCppEngine(replace(card, streams=True), proved_file(one, runtime), threads)
    try:
        engine.warm_up(example_of(card, WARM_UP, "warm-up"))
    except BaseException:
        engine.close()
        raise
    return engine


def _graph(one: Chosen, labels: tuple[str, ...], runtime: str, threads: int) -> Graph:
    """Return the exported graph of a candidate."""
    if one.entry.kind not in GRAPHED:
        raise BadInput(
            f"'{one.name}' is no encoder or probe, and has no graph",
            where=f"--runtime {runtime}",
            mend=f"Serve it with --runtime {TRAINED}.",
        )
    file = proved_file(one, runtime)
    about = read_json(one.files.candidate(one.name).settings)
    return Graph(file, labels, int(about.get("training", about)["max_length"]), threads)


def _warm(card: Card, fitted: Fitted) -> Engine:
    """Return the engine for what answers, having answered a text with it."""
    text = example_of(card, WARM_UP, "warm-up")
    for _ in range(WARM_UPS):
        fitted.predict([text], Silent())
    embeds: Any = getattr(fitted, "embed", None)
    hidden = None if embeds is None else int(embeds([WARM_UP])[0].shape[1])
    return RunEngine(replace(card, embedding=hidden), fitted, embeds)
