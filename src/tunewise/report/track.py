"""A finished run folder -> the same told to experiment trackers: figures, verdict, files.

Where a tracker keeps them is its own affair (MLFLOW_TRACKING_URI, TRACKIO_SPACE_ID). The report is
among the files and shows rows of the data. To add a tracker: a word in Tracker (task/settings/)
and a line in TRACKERS. Knows nothing of how figures came about.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import TaskFileError
from tunewise.files import read_record
from tunewise.records import Scorecard, Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import Tracker, named
from tunewise.version import __version__
from tunewise.workspace.folder import RunFolder


@dataclass(frozen=True)
class Told:
    """What a tracker is told.

    Attributes:
        task: its name, which the tracker's project or experiment has too.
        settings: of the task, in short.
        words: decision, winner and sentence.
        figures: of every candidate on the test rows, named 'candidate/figure'.
        files: verdict, report, model card, task file and scorecards, by the name they get.
    """

    task: str
    settings: dict[str, str]
    words: dict[str, str]
    figures: dict[str, float]
    files: dict[str, Path]


def check_trackers(trackers: Sequence[Tracker]) -> None:
    """Refuse trackers whose package isn't installed, before any work is done.

    Raises:
        TaskFileError: one isn't.
    """
    for name in trackers:
        if importlib.util.find_spec(name) is None:
            raise TaskFileError(
                f"track names {name}, which isn't installed",
                where="track",
                mend=f"Install it: pip install {name}",
            )


def tell_tracker(folder: RunFolder, tracker: Tracker) -> None:
    """Tell a tracker of a finished run, as one run of its own.

    Raises:
        FileMissing: a stage isn't finished.
    """
    TRACKERS[tracker](told_of(folder))


def told_of(folder: RunFolder) -> Told:
    """Return what there is to tell of a finished run."""
    task, verdict = load_task(folder.task), read_record(folder.verdict, Verdict)
    files = {p.name: p for p in (folder.task, folder.verdict, folder.report, folder.readme)}
    figures: dict[str, float] = {}
    for name in named(task.candidates):
        path = folder.candidate(name).scorecard("test")
        files[f"{name}.scorecard.json"] = path
        for key, value in _figures(read_record(path, Scorecard)).items():
            figures[f"{name}/{key}"] = value
    for cost in verdict.costs:
        if cost.per_1000 is not None:
            figures[f"{cost.candidate}/cost_per_1000"] = cost.per_1000.value
    return Told(
        task=task.task,
        settings={
            "kind": task.kind,
            "metric": verdict.metric,
            "minimum_gain": str(task.decide.minimum_gain),
            "seed": str(task.seed),
            "candidates": ", ".join(named(task.candidates)),
            "tunewise": __version__,
        },
        words={
            "decision": verdict.decision,
            "winner": verdict.winner or "none",
            "sentence": verdict.sentence,
        },
        figures=figures,
        files=files,
    )


def _figures(card: Scorecard) -> dict[str, float]:
    found: dict[str, float | None] = {}
    for metric, interval in card.metrics.items():
        found |= {metric: interval.value, f"{metric}_low": interval.low}
        found[f"{metric}_high"] = interval.high
    for one in card.consistency:
        found[f"consistency_{one.over}"] = one.figure.value
    found |= {
        "latency_p50": card.latency_p50,
        "latency_p95": card.latency_p95,
        "fit_seconds": card.fit_seconds,
    }
    return {key: value for key, value in found.items() if value is not None}


def _mlflow(told: Told) -> None:
    import mlflow

    mlflow.set_experiment(told.task)
    with mlflow.start_run(run_name=told.words["decision"]):
        mlflow.log_params(told.settings)
        mlflow.set_tags(told.words)
        mlflow.log_metrics(told.figures)
        for name, path in told.files.items():
            mlflow.log_text(path.read_text(encoding="utf-8"), name)


def _trackio(told: Told) -> None:
    import trackio

    files = trackio.Artifact(f"{told.task}-verdict", type="verdict")
    for name, path in told.files.items():
        files.add_file(str(path), name=name)
    trackio.init(
        project=told.task,
        config={**told.settings, **told.words},
        auto_log_cpu=False,  # the run is over
        auto_log_gpu=False,
    )
    try:
        trackio.log(dict(told.figures))
        trackio.log_artifact(files)
    finally:
        trackio.finish()


TRACKERS: dict[Tracker, Callable[[Told], None]] = {"mlflow": _mlflow, "trackio": _trackio}
