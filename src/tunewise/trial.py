"""A trial: one candidate carried through its stages: fit, answer, score.

Given what the run's stages share (Work) and a candidate's entry in the task, leaves settings,
predictions, timings and scorecards in the candidate's folder. Knows nothing of other candidates
or of the verdict.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random

from tunewise.asked_again import asked_again, consistency_of
from tunewise.candidates import FAMILIES, Candidate, Fitted, Outward, Setup, candidate
from tunewise.data.identity import drawn
from tunewise.data.shapes.turns import last_answer
from tunewise.evaluation.score import scorecard
from tunewise.evaluation.texts import Asked, asked_of
from tunewise.files import (
    file_sha256,
    plain,
    read_record,
    read_records,
    unchanged_sha256,
    write_json,
    write_jsonl,
)
from tunewise.heap import let_go
from tunewise.progress import Progress, Silent, clock, showing
from tunewise.records import Dataset, Example, Finding, Prediction, Split, Splits, Timing
from tunewise.rendering.wording import OWN
from tunewise.task.settings import ApiSettings, Entry, PromptSettings, Task
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import StageRecord, record_of, run_stage

FIT_VERSION = 2  # each rises when its stage would leave something else for the same inputs
ANSWERS_VERSION = 2
SCORES_VERSION = 2

TIMED_REQUESTS = 40  # single requests timed for p50 and p95
TIMED_SECONDS = 20.0  # no more of them after this long ...
LEAST_TIMED = 5  # ... but so many, however slow
WARM_UP_REQUESTS = 3
WARM_UP_SECONDS = 2.0  # no more of them after this long


@dataclass(frozen=True)
class Work:
    """What every stage of a run shares."""

    folder: RunFolder
    task: Task
    task_folder: Path
    dataset: Dataset
    splits: Splits
    models: dict[str, str]
    progress: Progress
    processes: int = 1
    consents: bool = False

    @cached_property
    def by_id(self) -> dict[str, Example]:
        """All examples by their ids."""
        return {example.id: example for example in self.dataset.examples}

    @cached_property
    def asked(self) -> Asked:
        """What written answers are judged by besides their likeness to the right ones."""
        return asked_of(self.task, self.task_folder, self.progress)

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
        part = drawn(rows, most, side, self.task.seed)
        return part, f"{most:,} of the {len(rows):,} {side} rows, drawn at random by hash"


class Trial:
    """One candidate on its way through the stages; the fitted model is loaded only if needed."""

    def __init__(self, work: Work, name: str, entry: Entry) -> None:
        self.work, self.name, self.entry = work, name, entry
        self.files = work.folder.candidate(name)
        self.fitted: Fitted | None = None
        self.setup = Setup(
            labels=work.dataset.labels,
            seed=work.task.seed,
            task_folder=work.task_folder,
            instruction=work.task.instruction,
            task_kind=work.task.kind,
            processes=work.processes,
            outward=replace(outward_of(work.folder, work.task), consents=work.consents),
        )

    @cached_property
    def candidate(self) -> Candidate:
        """The candidate; made only if a stage has to run, since that imports what it needs."""
        return candidate(self.entry.kind, self.entry.settings, self.setup)

    def close(self) -> None:
        """Let go of the model before the next one is loaded."""
        self.fitted = None
        let_go()

    def fit(self) -> None:
        """Fit, unless it was done with the same settings, rows and models."""
        work, splits = self.work, self.work.splits
        inputs = {
            "settings": {"kind": self.entry.kind, **self.entry.settings.model_dump(mode="json")},
            "rows": [splits.train, splits.validation],
            "labels": work.dataset.labels,
            "seed": self.setup.seed,
            "instruction": self.setup.instruction,
            "models": [work.models[name] for name in models_of(self.entry)],
            "outside": self.outside_files(),
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
        fit = self.fit_record()
        run_stage(
            work.folder,
            f"{self.name}.answers.{side}",
            version=ANSWERS_VERSION,
            inputs={
                "fit": [fit.fingerprint, fit.outputs],
                "rows": [[row.id, row.input] for row in rows],
                "outside": self.outside_files(),
            },
            work=lambda: self._answer_files(side, rows),
        )
        again = asked_again(self, rows) if side == "test" else {}
        run_stage(
            work.folder,
            f"{self.name}.score.{side}",
            version=SCORES_VERSION,
            inputs={
                "answers": file_sha256(files.predictions(side)),
                "timing": file_sha256(files.timing(side)),
                "targets": [row.target for row in rows],
                "part": part,
                "groups": [row.group for row in rows],
                "checks": work.task.checks,
                "similarity": work.task.encoder_of_similarity,
                **again,
            },
            work=lambda: self._score_files(side, rows, part, fit.seconds),
        )

    def fit_record(self) -> StageRecord:
        """Return what is on record of the fit, which comes before any answer."""
        fit = record_of(self.work.folder, f"{self.name}.fit")
        assert fit is not None, "fit comes before answer"
        return fit

    def few(self, rows: Sequence[Example], most: int) -> list[Example]:
        """Return some of the rows, drawn by hash, as a candidate may see them."""
        return [_without_target(row) for row in drawn(rows, most, "again", self.work.task.seed)]

    def loaded(self) -> Fitted:
        """Return the fitted candidate as it lies on the disk."""
        if self.fitted is None:
            self.fitted = self.candidate.load(self.files.path)
        return self.fitted

    def _answer_files(self, side: Split, rows: Sequence[Example]) -> list[Path]:
        fitted = self.loaded()
        blind = [_without_target(row) for row in rows]
        if announce := getattr(fitted, "announce", None):
            announce(len(blind), self.work.progress)
        answers, latencies = dict[int, Prediction](), tuple[float, ...]()
        if side == "test" and getattr(fitted, "timed", True):
            answers, latencies = _one_by_one(fitted, blind, self.work.progress)
        rest = [row for number, row in enumerate(blind) if number not in answers]
        began = time.perf_counter()
        predictions = fitted.predict(rest, self.work.progress) if rest else []
        seconds, timed = time.perf_counter() - began, len(rest)
        if getattr(fitted, "from_memory", False):  # reading what was asked before takes none
            seconds, timed = 0.0, 0
        others = iter(predictions)
        every = [answers.get(number) or next(others) for number in range(len(blind))]
        write_jsonl(self.files.predictions(side), every)
        write_json(self.files.timing(side), Timing(timed, seconds, latencies))
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
            asked=self.work.asked,
            local=getattr(self.entry.settings, "endpoint", None) is None,
            consistency=consistency_of(self, rows) if side == "test" else (),
        )
        write_json(self.files.scorecard(side), card)
        return [self.files.scorecard(side)]

    def outside_files(self) -> dict[str, object]:
        """Return what else an existing system's answers depend on, as far as it can be known."""
        settings, found = self.entry.settings, dict[str, object]()
        for word in (getattr(settings, "file", None), *(getattr(settings, "command", None) or ())):
            if word is not None and (self.work.task_folder / word).is_file():
                found[word] = file_sha256(self.work.task_folder / word)
        if isinstance(settings, PromptSettings | ApiSettings):
            found |= self._prompt_files(getattr(settings, "documents", None))
        if isinstance(settings, PromptSettings) and settings.engine == "llama.cpp":
            model = self.work.task_folder / settings.model
            found["model"] = unchanged_sha256(model) if model.is_file() else None
        if isinstance(settings, PromptSettings) and settings.endpoint is not None:
            from tunewise.candidates.prompt.outward import known_price

            found["price"] = plain(known_price(settings, self.setup))
        if getattr(settings, "column", None) is not None:
            found["column"] = [e.columns.get(settings.column) for e in self.work.dataset.examples]  # type: ignore[attr-defined]
        return found

    def _prompt_files(self, documents: str | None) -> dict[str, str]:
        """Return the user's own templates, and the documents that are looked up, by hash."""
        home = self.work.task_folder
        files = sorted((home / OWN).glob("*.jinja"))
        if documents is not None:
            files += sorted(p for p in (home / documents).rglob("*") if p.is_file())
        return {str(path): file_sha256(path) for path in files}


def outward_of(folder: RunFolder, task: Task) -> Outward:
    """Return what candidates that ask endpoints are told of money and of what rows hold."""
    found = read_record(folder.audit, list[Finding]) if folder.audit.exists() else []
    clauses = (one.reason.partition(": ")[0] for one in found if one.check == "personal")
    spending, asked = task.spending, task.consistency
    return Outward(
        str(folder.path.absolute()),
        spending.usd,
        spending.requests,
        spending.tokens,
        tuple(clauses),
        fits=1 + asked.seeds if asked else 1,
        again=(len(asked.rewordings) + asked.seeds) * asked.rows if asked else 0,
    )


def models_of(entry: Entry) -> list[str]:
    """Return the names of the models that a candidate's settings ask for."""
    keys = ["model", "retriever"]
    settings = entry.settings
    if isinstance(settings, PromptSettings) and settings.asks_elsewhere:
        keys = ["retriever"] if any(settings.shots) or settings.documents else []
        keys += ["model"] if settings.engine == "vllm" else []
    if isinstance(settings, ApiSettings):
        keys = []
    names = (getattr(entry.settings, key, None) for key in keys)
    return [name for name in names if name is not None]


def _without_target(row: Example) -> Example:
    """Return the row as a candidate may see it when it is judged."""
    return Example(
        row.id,
        row.input,
        "",
        row.row,
        row.source,
        row.columns,
        row.group,
        messages=row.messages[: last_answer(row.messages)],
    )


def _one_by_one(
    fitted: Fitted, rows: Sequence[Example], progress: Progress
) -> tuple[dict[int, Prediction], tuple[float, ...]]:
    """Return answers to some rows by number, and the wall seconds of each, asked for one at a time.

    After warm-up, and no more of them than it takes to know how long a request takes. They are
    drawn at random, so that a few are as long as any.
    """
    silent = Silent()
    numbers = Random(0).sample(range(len(rows)), min(TIMED_REQUESTS, len(rows)))  # noqa: S311
    warm = time.perf_counter() + WARM_UP_SECONDS
    for row in rows[:WARM_UP_REQUESTS]:
        fitted.predict([row], silent)
        if time.perf_counter() > warm:
            break
    answers: dict[int, Prediction] = {}
    seconds: list[float] = []
    shown = 0.0
    with showing(progress, "Timing single requests", 100, "%") as bar:
        for number in numbers:
            began = time.perf_counter()
            [answers[number]] = fitted.predict([rows[number]], silent)
            took = time.perf_counter() - began
            seconds.append(getattr(fitted, "request_seconds", None) or took)
            enough = min(sum(seconds) / TIMED_SECONDS, len(seconds) / LEAST_TIMED)
            done = 100 * min(1, max(len(seconds) / len(numbers), enough))
            bar.advance(done - shown)
            shown = done
            if enough >= 1:
                break
    return answers, tuple(seconds)
