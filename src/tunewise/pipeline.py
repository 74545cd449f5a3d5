"""The page: task.yaml -> data -> candidates -> predictions -> scorecards -> verdict -> report.

Each arrow is a stage that leaves files in the run folder and isn't run again while its inputs
stay the same. Selection sees train and validation; the test rows are answered by what `load`
finds on disk, so what is judged is what ships. The rooms do the work; this file only orders it.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tunewise.curve.asked import Asked, chosen
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.decision.decide import decided
from tunewise.evaluation.remembered import Comparisons
from tunewise.files import (
    file_sha256,
    plain,
    read_json,
    read_record,
    read_records,
    value_sha256,
    write_json,
)
from tunewise.intake import (
    describe,
    nothing_left_of_a_false_start,
    quick_findings,
    read_rows,
)
from tunewise.models.resolve import resolve
from tunewise.planning.budget import Consent, compared, within_budget
from tunewise.planning.estimate import Plan
from tunewise.planning.rows import Rows
from tunewise.progress import Progress
from tunewise.records import Finding, Prediction, Scorecard, Splits
from tunewise.report.build import write_curve_page, write_report
from tunewise.report.track import check_trackers, tell_tracker
from tunewise.task.load import load_task
from tunewise.task.settings import Entry, Tracker, columns_asked, named
from tunewise.trial import Trial, Work, models_of
from tunewise.version import __version__
from tunewise.workspace.folder import CandidateFolder, RunFolder, held, made
from tunewise.workspace.stages import candidate_seconds, record_of, run_stage

PLAN_VERSION = 1
VERDICT_VERSION = 3  # each rises when its stage would leave something else for the same inputs
REPORT_VERSION = 4
TRACK_VERSION = 1


def run(
    task_file: Path,
    progress: Progress,
    runs: Path | None = None,
    processes: int = 1,
    *,
    consent: Consent | None = None,
    consents: bool = False,
) -> RunFolder:
    """Carry a task to its verdict and return the run folder.

    Args:
        task_file: the task.yaml.
        progress: where to say what goes on.
        runs: folder of run folders; left out, 'runs' beside the task file.
        processes: that share the training of a language model.
        consent: asked before a run goes over its task's budget; left out, it isn't gone over.
        consents: whether the user has said yes to tuning at a provider, whatever it costs.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    task = load_task(task_file)
    check_trackers(task.track)
    task_folder = task_file.absolute().parent
    entries = named(task.candidates)
    path = (runs or task_folder / "runs") / task.task
    with nothing_left_of_a_false_start(path), held(path):
        folder = made(path, task.task, task_folder)
        describe(folder, task_file.read_text(encoding="utf-8-sig"))
        dataset, splits = read_rows(folder, task, task_folder, progress)
        quick_findings(folder, task, task_folder, (dataset, splits), progress)
        _warn_of_errors(folder, progress)
        if task.budget is not None:
            _plan(folder, Rows(task, task_folder, dataset, splits), progress, consent)
        models = _model_fingerprints(entries.values(), task_folder, progress)
        work = Work(
            folder, task, task_folder, dataset, splits, models, progress, processes, consents
        )
        _drop_strangers(folder, entries)
        for name, entry in entries.items():
            with contextlib.closing(Trial(work, name, entry)) as one:
                one.fit()
                one.answer("validation")
                one.answer("test")
        _verdict(work, entries)
        if task.budget is not None:
            _compare_with_plan(folder, entries, progress)
        _report_stage(folder, entries)
        for tracker in task.track:
            _track(folder, tracker, progress)
    return folder


def curve(task_file: Path, progress: Progress, asked: Asked, runs: Path | None = None) -> RunFolder:
    """Draw a task's learning curves and return the run folder, with curve.json and curve.html.

    A finished run's report shows them from then on; nothing else of the run is touched.

    Args:
        task_file: the task.yaml.
        progress: where to say what goes on.
        asked: what to draw.
        runs: folder of run folders; left out, 'runs' beside the task file.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    task = load_task(task_file)
    chosen(task, asked.candidates)  # refused before anything is read
    from tunewise.curve.draw import Field, learning_curves

    task_folder = task_file.absolute().parent
    path = (runs or task_folder / "runs") / task.task
    with nothing_left_of_a_false_start(path), held(path):
        folder = made(path, task.task, task_folder)
        if not folder.task.exists():
            describe(folder, task_file.read_text(encoding="utf-8-sig"))
        dataset = read_dataset(
            task.data, task_folder, columns_asked(task), kind=task.kind, progress=progress
        )
        splits = split(dataset, task.data, task.seed)
        found = learning_curves(Field(dataset, splits, task, task_folder, folder, progress), asked)
        if not folder.curve.exists() or read_json(folder.curve) != plain(found):
            write_json(folder.curve, found)
        write_curve_page(folder)
        if record_of(folder, "report") and read_record(folder.splits, Splits) == splits:
            _report_stage(folder, named(load_task(folder.task).candidates))
    return folder


def _warn_of_errors(folder: RunFolder, progress: Progress) -> None:
    """Say what puts the verdict in doubt, in every run until it is mended."""
    for finding in read_record(folder.audit, list[Finding]):
        if finding.severity == "error":
            progress.warn(f"{finding.reason} {finding.mend}")


def _model_fingerprints(
    entries: Iterable[Entry], task_folder: Path, progress: Progress
) -> dict[str, str]:
    """Resolve every model before any minute is spent; return fingerprints by name."""
    names = sorted({name for entry in entries for name in models_of(entry)})
    return {n: resolve(n, progress, task_folder=task_folder).fingerprint for n in names}


def _plan(folder: RunFolder, rows: Rows, progress: Progress, consent: Consent | None) -> None:
    """Foresee what the run will take, and go on only within the budget or with consent."""
    task = rows.task
    inputs = {
        "candidates": [entry.model_dump(mode="json") for entry in task.candidates],
        "budget": task.budget,
        "prices": task.prices,
        "rows": rows.splits,
    }

    def work() -> list[Path]:
        plan = within_budget(rows, progress, consent)
        write_json(folder.plan, plan)
        return [folder.plan]

    run_stage(folder, "plan", version=PLAN_VERSION, inputs=inputs, work=work)


def _compare_with_plan(folder: RunFolder, entries: dict[str, Entry], progress: Progress) -> None:
    """Say how the time that was taken compares with the time that was foreseen."""
    taken = {name: candidate_seconds(folder, name) for name in entries}
    for line in compared(read_record(folder.plan, Plan), taken):
        progress.line(line)


def _verdict(work: Work, entries: dict[str, Entry]) -> None:
    """Count the look at the test set, and decide."""
    folder = work.folder
    files = {name: folder.candidate(name) for name in entries}
    answers = {n: file_sha256(f.predictions("test")) for n, f in files.items()}
    cards = {n: file_sha256(f.scorecard(s)) for n, f in files.items() for s in ("validation",)}
    timings = {n: file_sha256(f.timing("test")) for n, f in files.items()}
    looks = _counted_look(folder, work.splits.test, answers)
    run_stage(
        folder,
        "verdict",
        version=VERDICT_VERSION,
        inputs={
            "answers": answers,
            "validation": cards,
            "timings": timings,
            "targets": [row.target for row in work.rows("test")],
            "decide": work.task.decide,
            "checks": work.task.checks,
            "similarity": work.task.encoder_of_similarity,
            "seed": work.task.seed,
            "looks": looks,
        },
        work=lambda: _decided(work, files, looks),
    )


def _counted_look(folder: RunFolder, test: Sequence[str], answers: dict[str, str]) -> int:
    """Return how often these test rows have been looked at; the same answers count once."""
    looks = read_json(folder.looks) if folder.looks.exists() else []
    rows, seen = value_sha256(test), value_sha256(answers)
    if not any(look["rows"] == rows and look["answers"] == seen for look in looks):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        looks.append({"time": now, "rows": rows, "answers": seen, "candidates": sorted(answers)})
        write_json(folder.looks, looks)
    return sum(look["rows"] == rows for look in looks)


def _decided(work: Work, files: dict[str, CandidateFolder], looks: int) -> list[Path]:
    known: Comparisons = {}
    verdict = decided(
        validation={n: read_record(f.scorecard("validation"), Scorecard) for n, f in files.items()},
        test={n: read_record(f.scorecard("test"), Scorecard) for n, f in files.items()},
        answers={n: read_records(f.predictions("test"), Prediction) for n, f in files.items()},
        examples=work.rows("test"),
        labels=work.dataset.labels,
        settings=work.task.decide,
        looks=looks,
        seed=work.task.seed,
        asked=work.asked,
        known=known,
    )
    write_json(work.folder.comparisons, list(known.values()))
    write_json(work.folder.verdict, verdict)
    return [work.folder.verdict, work.folder.comparisons]


def _report_stage(folder: RunFolder, entries: dict[str, Entry]) -> None:
    run_stage(
        folder,
        "report",
        version=REPORT_VERSION,
        inputs={"files": _report_inputs(folder, entries), "tunewise": __version__},
        work=lambda: _report(folder),
    )


def _track(folder: RunFolder, tracker: Tracker, progress: Progress) -> None:
    """Tell a tracker of the run, once for each report."""

    def work() -> list[Path]:
        tell_tracker(folder, tracker)
        progress.line(f"Told {tracker} of the run.")
        return []

    inputs = {"report": file_sha256(folder.report), "verdict": file_sha256(folder.verdict)}
    run_stage(folder, f"track.{tracker}", version=TRACK_VERSION, inputs=inputs, work=work)


def _report_inputs(folder: RunFolder, entries: dict[str, Entry]) -> dict[str, str]:
    stages = [
        "data",
        "audit",
        "audit-page",
        "verdict",
        *(f"{n}.score.{s}" for n in entries for s in ("validation", "test")),
    ]
    found = {name: record.fingerprint for name in stages if (record := record_of(folder, name))}
    for path in (folder.environment, folder.task, folder.looks):
        found[path.name] = file_sha256(path)
    for path in (folder.curve, folder.plan):
        if path.exists():
            found[path.name] = file_sha256(path)
    return found


def _report(folder: RunFolder) -> list[Path]:
    write_report(folder)
    return [folder.report, folder.readme]


def _drop_strangers(folder: RunFolder, entries: dict[str, Entry]) -> None:
    """Delete candidates that the task no longer names, so that the report shows what it says."""
    home = folder.path / "candidates"
    for path in home.iterdir() if home.exists() else ():
        if path.is_dir() and path.name not in entries:
            shutil.rmtree(path)
            for record in folder.stages.glob(f"{path.name}.*.json"):
                record.unlink()
