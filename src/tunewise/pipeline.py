"""The page: task.yaml -> data -> candidates -> predictions -> scorecards -> verdict -> report.

Each arrow is a stage that leaves files in the run folder and isn't run again while its inputs
stay the same. Selection sees train and validation; the test rows are answered by what `load`
finds on disk, so what is judged is what ships. The rooms do the work; this file only orders it.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tunewise import __version__
from tunewise.candidates import FAMILIES, Candidate, Fitted, Setup, candidate
from tunewise.data.audit import audit
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.data.store import load_dataset, write_dataset
from tunewise.decision.decide import decided
from tunewise.evaluation.score import scorecard
from tunewise.files import (
    file_sha256,
    read_json,
    read_record,
    read_records,
    value_sha256,
    write_json,
    write_jsonl,
    write_text,
)
from tunewise.models.resolve import resolve
from tunewise.progress import Progress, clock
from tunewise.records import Dataset, Example, Prediction, Scorecard, Split, Splits, Timing
from tunewise.report.build import write_report
from tunewise.task.load import load_task
from tunewise.task.settings import Entry, Task, named
from tunewise.workspace.environment import environment
from tunewise.workspace.folder import CandidateFolder, RunFolder, held, made
from tunewise.workspace.stages import record_of, run_stage

DATA_VERSION = 1  # each rises when its stage would leave something else for the same inputs
FIT_VERSION = 1
ANSWERS_VERSION = 1
SCORES_VERSION = 1
VERDICT_VERSION = 1
REPORT_VERSION = 1

TIMED_REQUESTS = 40  # single requests timed for p50 and p95
TIMED_SECONDS = 20.0  # no more of them after this long
WARM_UP_REQUESTS = 3


def run(task_file: Path, progress: Progress, runs: Path | None = None) -> RunFolder:
    """Carry a task to its verdict and return the run folder.

    Args:
        task_file: the task.yaml.
        progress: where to say what goes on.
        runs: folder of run folders; left out, 'runs' beside the task file.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    task = load_task(task_file)
    task_folder = task_file.absolute().parent
    path = (runs or task_folder / "runs") / task.task
    with held(path):
        folder = made(path, task.task, task_folder)
        _describe(folder, task_file)
        dataset, splits = _data(folder, task, task_folder, progress)
        work = _Work(folder, task, task_folder, dataset, splits, progress)
        entries = named(task.candidates)
        _drop_strangers(folder, entries)
        for name, entry in entries.items():
            with contextlib.closing(_Candidate(work, name, entry)) as one:
                one.fit()
                one.answer("validation")
                one.answer("test")
        _verdict(work, entries)
        run_stage(
            folder,
            "report",
            version=REPORT_VERSION,
            inputs={"files": _report_inputs(folder, entries), "tunewise": __version__},
            work=lambda: _report(folder),
        )
    return folder


def _describe(folder: RunFolder, task_file: Path) -> None:
    """Keep the task file and the environment in the run folder, rewritten only when they change."""
    text = task_file.read_text(encoding="utf-8-sig")
    if not folder.task.exists() or folder.task.read_text(encoding="utf-8") != text:
        write_text(folder.task, text)
    now = environment()
    if not folder.environment.exists() or read_json(folder.environment) != now:
        write_json(folder.environment, now)


def _data(
    folder: RunFolder, task: Task, task_folder: Path, progress: Progress
) -> tuple[Dataset, Splits]:
    """Read, split and audit the rows."""
    columns = sorted(
        entry.settings.column  # type: ignore[attr-defined]
        for entry in named(task.candidates).values()
        if entry.kind == "existing" and entry.settings.column  # type: ignore[attr-defined]
    )

    def work() -> list[Path]:
        dataset = read_dataset(task.data, task_folder, columns)
        splits = split(dataset, task.data, task.seed)
        findings = audit(dataset, splits)
        write_dataset(folder, dataset)
        write_json(folder.splits, splits)
        write_json(folder.audit, findings)
        for finding in findings:
            if finding.severity == "error":
                progress.warn(f"{finding.reason} {finding.mend}")
        return [folder.dataset, folder.dataset_about, folder.splits, folder.audit]

    files = {
        key: _sha256_of_input(task_folder / name)
        for key in ("train", "validation", "test")
        if (name := getattr(task.data, key)) is not None
    }
    inputs = {"files": files, "settings": task.data, "columns": columns, "seed": task.seed}
    run_stage(folder, "data", version=DATA_VERSION, inputs=inputs, work=work)
    dataset, splits = load_dataset(folder), read_record(folder.splits, Splits)
    left_out = f", {len(dataset.left_out):,} rows left out" if dataset.left_out else ""
    progress.line(
        f"Data: {len(splits.train):,} rows to learn from, {len(splits.validation):,} to choose on,"
        f" {len(splits.test):,} to judge on, {len(dataset.labels)} labels{left_out}."
    )
    return dataset, splits


def _sha256_of_input(path: Path) -> str | None:
    """Hash a data file; a file that can't be read has none, and its reader says why."""
    try:
        return file_sha256(path)
    except OSError:
        return None


@dataclass(frozen=True)
class _Work:
    """What every stage of a run shares."""

    folder: RunFolder
    task: Task
    task_folder: Path
    dataset: Dataset
    splits: Splits
    progress: Progress

    @cached_property
    def by_id(self) -> dict[str, Example]:
        return {example.id: example for example in self.dataset.examples}

    def rows(self, side: Split) -> list[Example]:
        """Return the examples on one side of the split."""
        return [self.by_id[i] for i in getattr(self.splits, side)]

    def part(self, side: Split, entry: Entry) -> tuple[list[Example], str | None]:
        """Return the rows on which a candidate is judged, and how they were chosen if not all.

        A part is the rows with the lowest hashes, so that smaller parts lie inside larger ones
        and any two candidates share the smaller one's rows.
        """
        rows = self.rows(side)
        most = getattr(entry.settings, f"{side}_rows", None)
        if most is None or most >= len(rows):
            return rows, None
        kept = {e.id for e in sorted(rows, key=lambda e: _lot(e.id, side, self.task.seed))[:most]}
        part = [row for row in rows if row.id in kept]
        return part, f"{most:,} of the {len(rows):,} {side} rows, drawn at random by hash"


def _lot(row_id: str, side: Split, seed: int) -> str:
    return hashlib.sha256(f"{side} {seed} {row_id}".encode()).hexdigest()


class _Candidate:
    """One candidate on its way through the stages; the fitted model is loaded only if needed."""

    def __init__(self, work: _Work, name: str, entry: Entry) -> None:
        self.work, self.name, self.entry = work, name, entry
        self.files = work.folder.candidate(name)
        self.fitted: Fitted | None = None
        setup = Setup(
            labels=work.dataset.labels,
            seed=work.task.seed,
            task_folder=work.task_folder,
            instruction=work.task.instruction,
        )
        self.setup = setup
        self.candidate: Candidate = candidate(entry.kind, entry.settings, setup)

    def close(self) -> None:
        """Let go of the model before the next one is loaded."""
        self.fitted = None
        gc.collect()

    def fit(self) -> None:
        """Fit, unless it was done with the same settings, rows and models."""
        work, splits = self.work, self.work.splits
        inputs = {
            "settings": {"kind": self.entry.kind, **self.entry.settings.model_dump(mode="json")},
            "rows": [splits.train, splits.validation],
            "labels": work.dataset.labels,
            "seed": self.setup.seed,
            "instruction": self.setup.instruction,
            "models": self._model_fingerprints(),
            "outside": self._outside_files(),
        }
        began = time.monotonic()
        fresh = run_stage(
            work.folder,
            f"{self.name}.fit",
            version=FIT_VERSION,
            inputs=inputs,
            work=self._fitted_files,
            scratch=self.files.path,
        )
        if fresh:
            work.progress.line(f"{self.name}: fitted in {clock(time.monotonic() - began)}.")

    def _fitted_files(self) -> list[Path]:
        work = self.work
        self.files.path.mkdir(parents=True, exist_ok=True)
        self.fitted = self.candidate.fit(
            work.rows("train"), work.rows("validation"), self.files.path, work.progress
        )
        return sorted(p for p in self.files.path.rglob("*") if p.is_file())

    def answer(self, side: Split) -> None:
        """Answer and score the rows of one side, unless that was done with the same model."""
        work, files = self.work, self.files
        rows, part = work.part(side, self.entry)
        fit = record_of(work.folder, f"{self.name}.fit")
        assert fit is not None, "fit comes before answer"
        run_stage(
            work.folder,
            f"{self.name}.answers.{side}",
            version=ANSWERS_VERSION,
            inputs={
                "fit": [fit.fingerprint, fit.outputs],
                "rows": [[row.id, row.input] for row in rows],
                "outside": self._outside_files(),
            },
            work=lambda: self._answer_files(side, rows),
        )
        run_stage(
            work.folder,
            f"{self.name}.score.{side}",
            version=SCORES_VERSION,
            inputs={
                "answers": file_sha256(files.predictions(side)),
                "timing": file_sha256(files.timing(side)),
                "targets": [row.target for row in rows],
                "part": part,
            },
            work=lambda: self._score_files(side, rows, part, fit.seconds),
        )

    def _answer_files(self, side: Split, rows: Sequence[Example]) -> list[Path]:
        if self.fitted is None:
            self.fitted = self.candidate.load(self.files.path)
        blind = [_without_target(row) for row in rows]
        began = time.perf_counter()
        predictions = self.fitted.predict(blind, self.work.progress) if blind else []
        seconds = time.perf_counter() - began
        latencies = _latencies(self.fitted, blind, self.work.progress) if side == "test" else ()
        write_jsonl(self.files.predictions(side), predictions)
        write_json(self.files.timing(side), Timing(len(rows), seconds, latencies))
        return [self.files.predictions(side), self.files.timing(side)]

    def _score_files(
        self, side: Split, rows: Sequence[Example], part: str | None, fit_seconds: float
    ) -> list[Path]:
        timing = read_record(self.files.timing(side), Timing)
        card = scorecard(
            candidate=self.name,
            kind=self.entry.kind,
            family=FAMILIES[self.entry.kind],
            split=side,
            examples=rows,
            predictions=read_records(self.files.predictions(side), Prediction),
            labels=self.work.dataset.labels,
            timing=timing,
            part=part,
            fit_seconds=fit_seconds,
        )
        write_json(self.files.scorecard(side), card)
        return [self.files.scorecard(side)]

    def _model_fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of every model that the settings name."""
        found = {}
        for key in ("model", "retriever"):
            name = getattr(self.entry.settings, key, None)
            if name is not None:
                model = resolve(name, self.work.progress, task_folder=self.work.task_folder)
                found[key] = model.fingerprint
        return found

    def _outside_files(self) -> dict[str, object]:
        """Return what else an existing system's answers depend on, as far as it can be known."""
        settings, found = self.entry.settings, dict[str, object]()
        for word in (getattr(settings, "file", None), *(getattr(settings, "command", None) or ())):
            if word is not None and (self.work.task_folder / word).is_file():
                found[word] = file_sha256(self.work.task_folder / word)
        if getattr(settings, "column", None) is not None:
            found["column"] = [e.columns.get(settings.column) for e in self.work.dataset.examples]  # type: ignore[attr-defined]
        return found


def _without_target(row: Example) -> Example:
    """Return the row as a candidate may see it when it is judged."""
    return Example(row.id, row.input, "", row.row, row.source, row.columns, row.group)


def _latencies(fitted: Fitted, rows: Sequence[Example], progress: Progress) -> tuple[float, ...]:
    """Return wall seconds of single requests, after warm-up; none where a look-up answers."""
    if not getattr(fitted, "timed", True) or not rows:
        return ()
    for row in rows[:WARM_UP_REQUESTS]:
        fitted.predict([row], progress)
    found: list[float] = []
    for row in rows[:TIMED_REQUESTS]:
        began = time.perf_counter()
        fitted.predict([row], progress)
        found.append(time.perf_counter() - began)
        if sum(found) > TIMED_SECONDS:
            break
    return tuple(found)


def _verdict(work: _Work, entries: dict[str, Entry]) -> None:
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


def _decided(work: _Work, files: dict[str, CandidateFolder], looks: int) -> list[Path]:
    verdict = decided(
        validation={n: read_record(f.scorecard("validation"), Scorecard) for n, f in files.items()},
        test={n: read_record(f.scorecard("test"), Scorecard) for n, f in files.items()},
        answers={n: read_records(f.predictions("test"), Prediction) for n, f in files.items()},
        examples=work.rows("test"),
        labels=work.dataset.labels,
        settings=work.task.decide,
        looks=looks,
        seed=work.task.seed,
    )
    write_json(work.folder.verdict, verdict)
    return [work.folder.verdict]


def _report_inputs(folder: RunFolder, entries: dict[str, Entry]) -> dict[str, str]:
    stages = [
        "data",
        "verdict",
        *(f"{n}.score.{s}" for n in entries for s in ("validation", "test")),
    ]
    found = {name: record.fingerprint for name in stages if (record := record_of(folder, name))}
    for path in (folder.environment, folder.task, folder.looks):
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
