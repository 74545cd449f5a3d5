"""A finished run folder -> everything the report, the model card and the terminal show.

Reads records and rows, checks that they belong together, ranks the candidates. Knows nothing of
how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tunewise.errors import RunFolderError
from tunewise.files import file_sha256, read_json, read_record, read_records, value_sha256
from tunewise.planning.budget import Outcome, outcomes
from tunewise.planning.estimate import Plan
from tunewise.records import (
    Dataset,
    Example,
    Finding,
    Interval,
    LearningCurves,
    Prediction,
    Scorecard,
    Split,
    Splits,
    Verdict,
)
from tunewise.task.load import load_task
from tunewise.task.settings import CandidateSettings, Task, named
from tunewise.workspace.folder import CandidateFolder, RunFolder
from tunewise.workspace.stages import candidate_seconds, record_of

SIDES: tuple[Split, ...] = ("train", "validation", "test")
Role = Literal["winner", "finalist", "other"]


@dataclass(frozen=True)
class Judged:
    """One candidate with all that is known of it.

    Attributes:
        key: the letter that stands for it in plots.
        card: its figures on the test rows.
        chosen: its figures on the validation rows, on which choices were made.
        asked: its settings in task.yaml, defaults filled in.
        settings: what was fitted, exactly, as its settings.json has it.
        answers: its predictions on the test rows, by the row's id.
        training: what its training logged, in order; empty where nothing was trained in steps.
    """

    name: str
    key: str
    role: Role
    card: Scorecard
    chosen: Scorecard
    asked: CandidateSettings
    settings: Any
    answers: dict[str, Prediction]
    training: tuple[dict[str, float], ...] = ()

    def figure(self, metric: str) -> Interval:
        """Return its figure on the test rows."""
        return self.card.metrics[metric]


@dataclass(frozen=True)
class Evidence:
    """A finished run.

    Attributes:
        judged: the candidates, the best on the verdict's metric first.
        stage_seconds: wall time of each stage on record, the report itself left out.
        curves: the learning curves, None if none were drawn.
        outcomes: what each candidate was foreseen to take, and took; empty without a plan.
        judged_on: when the test rows were last looked at, as a date; None if not on record.
        audited: whether audit.html stands beside the report and is of these rows.
    """

    task: Task
    dataset: Dataset
    splits: Splits
    findings: tuple[Finding, ...]
    judged: tuple[Judged, ...]
    verdict: Verdict
    environment: dict[str, Any]
    stage_seconds: dict[str, float]
    judged_on: str | None
    audited: bool = False
    curves: LearningCurves | None = None
    outcomes: tuple[Outcome, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Example]:
        """The rows by their ids."""
        return {example.id: example for example in self.dataset.examples}

    def rows(self, side: Split) -> list[Example]:
        """Return the rows on one side of the split."""
        return [self.by_id[i] for i in getattr(self.splits, side)]

    def named(self, name: str) -> Judged:
        """Return the candidate of this name."""
        return next(one for one in self.judged if one.name == name)

    @property
    def finalists(self) -> list[Judged]:
        """The winner and each family's choice, the winner first, then the best; no floor."""
        chosen = [one for one in self.judged if one.role != "other"]
        return sorted(chosen, key=lambda one: one.role != "winner")

    @property
    def winner(self) -> Judged | None:
        """The candidate to use, None when nothing beats the majority label."""
        return self.named(self.verdict.winner) if self.verdict.winner is not None else None

    @property
    def sentence(self) -> str:
        """The verdict's sentence without the decision, for where that stands above it."""
        _, head, rest = self.verdict.sentence.partition(": ")
        if not head:
            return self.verdict.sentence
        named_first = any(rest.startswith(one.name) for one in self.judged)
        return rest if named_first else rest[:1].upper() + rest[1:]

    @property
    def data_fingerprint(self) -> str:
        """SHA-256 over ids (hashes of the rows' content), labels and sides."""
        targets = {e.id: e.target for e in self.dataset.examples}
        return value_sha256(
            {side: [[i, targets[i]] for i in getattr(self.splits, side)] for side in SIDES}
        )


def gathered(folder: RunFolder, dataset: Dataset) -> Evidence:
    """Return what a finished run folder holds, for showing.

    Args:
        folder: with all stages but the report done.
        dataset: its rows.

    Raises:
        FileMissing: a stage isn't finished.
        RunFolderError: a file isn't of this version, or files don't belong together.
    """
    task = load_task(folder.task)
    verdict = read_record(folder.verdict, Verdict)
    entries = named(task.candidates)
    judged = [_judged(folder, verdict, name, entry.settings) for name, entry in entries.items()]
    judged.sort(key=lambda one: (-one.figure(verdict.metric).value, one.name))
    keys = _keys(len(judged))
    evidence = Evidence(
        task=task,
        dataset=dataset,
        splits=read_record(folder.splits, Splits),
        findings=tuple(read_record(folder.audit, list[Finding])),
        judged=tuple(replace(one, key=key) for one, key in zip(judged, keys, strict=True)),
        verdict=verdict,
        environment=read_json(folder.environment),
        stage_seconds=_stage_seconds(folder),
        judged_on=_judged_on(folder.looks),
        audited=is_audited(folder),
        curves=read_record(folder.curve, LearningCurves) if folder.curve.exists() else None,
        outcomes=_outcomes(folder, list(entries)),
    )
    _check(evidence, folder)
    return evidence


def _outcomes(folder: RunFolder, names: list[str]) -> tuple[Outcome, ...]:
    """Return what was foreseen and what was taken, where the task has a budget."""
    if not folder.plan.exists():
        return ()
    taken = {name: candidate_seconds(folder, name) for name in names}
    return tuple(outcomes(read_record(folder.plan, Plan), taken))


def is_audited(folder: RunFolder) -> bool:
    """Whether `tunewise audit` has left its page here, and for the rows as they are now."""
    page = record_of(folder, "audit-page")
    return page is not None and page.inputs.get("rows") == value_sha256(rows_hashes(folder))


def rows_hashes(folder: RunFolder) -> list[str]:
    """Return the SHA-256 of the files that hold the rows and their sides."""
    return [file_sha256(path) for path in (folder.dataset, folder.dataset_about, folder.splits)]


def _judged(folder: RunFolder, verdict: Verdict, name: str, asked: CandidateSettings) -> Judged:
    files = folder.candidate(name)
    card = read_record(files.scorecard("test"), Scorecard)
    picked = name in verdict.finalists.values() and card.family != "floor"
    role: Role = "finalist" if picked else "other"
    return Judged(
        name=name,
        key="",
        role="winner" if name == verdict.winner else role,
        card=card,
        chosen=read_record(files.scorecard("validation"), Scorecard),
        asked=asked,
        settings=read_json(files.settings),
        answers={p.id: p for p in read_records(files.predictions("test"), Prediction)},
        training=_training(files),
    )


def _training(files: CandidateFolder) -> tuple[dict[str, float], ...]:
    """Return what a candidate's training logged, nothing where it left no training.json."""
    path = files.path / "training.json"
    return tuple(read_json(path)["curve"]) if path.exists() else ()


def _keys(count: int) -> list[str]:
    """Return short keys for `count` candidates: letters, or numbers when there are too many."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return list(letters[:count]) if count <= len(letters) else [str(n + 1) for n in range(count)]


def _stage_seconds(folder: RunFolder) -> dict[str, float]:
    names = sorted(p.name.removesuffix(".json") for p in folder.stages.glob("*.json"))
    done = [n for n in names if n != "report" and not n.endswith(".begun")]
    return {name: record.seconds for name in done if (record := record_of(folder, name))}


def _judged_on(looks: Path) -> str | None:
    """Return the day of the last look at the test rows."""
    found = read_json(looks) if looks.exists() else []
    times = [str(look["time"]) for look in found if isinstance(look, dict) and "time" in look]
    return max(times)[:10] if times else None


def _check(evidence: Evidence, folder: RunFolder) -> None:
    """Refuse records that name rows or candidates which aren't there."""
    mend = "A file was changed from outside; run the task again."
    names = {one.name for one in evidence.judged}
    verdict = evidence.verdict
    meant = {verdict.winner, *verdict.finalists.values()} - {None}
    for comparison in verdict.comparisons:
        meant |= {comparison.challenger, comparison.incumbent}
    if strangers := sorted(str(name) for name in meant - names):
        raise RunFolderError(
            f"the verdict names a candidate '{strangers[0]}' that the task has not",
            where=str(folder.verdict),
            mend=mend,
        )
    ids = {i for side in SIDES for i in getattr(evidence.splits, side)}
    if missing := sorted(ids - evidence.by_id.keys()):
        raise RunFolderError(
            f"the row '{missing[0]}' is on a side of the split but not in the data",
            where=str(folder.splits),
            mend=mend,
        )
    test = set(evidence.splits.test)
    for one in evidence.judged:
        if strangers := sorted(one.answers.keys() - test):
            raise RunFolderError(
                f"'{one.name}' has an answer for '{strangers[0]}', which is no test row",
                where=str(folder.candidate(one.name).predictions("test")),
                mend=mend,
            )
