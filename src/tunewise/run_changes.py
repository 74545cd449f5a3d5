"""Two finished runs -> what changed in data, settings and results, and whether that is chance.

Candidates of the same name are compared in pairs on the test rows that both runs judged them on.
Knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.data.store import load_dataset
from tunewise.decision.words import chance, counted, percent, points, points_range
from tunewise.errors import RunFolderError
from tunewise.evaluation.compare import compared
from tunewise.evaluation.significance import ALPHA, holm
from tunewise.evaluation.texts import asked_of
from tunewise.files import plain, read_record, read_records
from tunewise.progress import Silent
from tunewise.records import Comparison, Dataset, Example, Prediction, Scorecard, Splits, Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import Task, named
from tunewise.workspace.folder import RunFolder, opened, task_folder_of
from tunewise.workspace.stages import trusted

SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class RunChanges:
    """What is different in the second of two runs.

    Attributes:
        data: sentences on rows, labels and sides.
        settings: keys of task.yaml with their value before and after; None where it isn't there.
        results: sentences on candidates, one each.
        comparisons: behind them; the second run's candidate is the challenger, adjusted by Holm.
        verdicts: the sentence of each run's verdict.
    """

    data: tuple[str, ...]
    settings: dict[str, tuple[Any, Any]]
    results: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[str, str]


@dataclass(frozen=True)
class _Run:
    folder: RunFolder
    task: Task
    dataset: Dataset
    splits: Splits
    verdict: Verdict

    @property
    def by_id(self) -> dict[str, Example]:
        return {row.id: row for row in self.dataset.examples}

    def test(self) -> dict[str, Example]:
        rows = self.by_id
        return {i: rows[i] for i in self.splits.test}


def run_changes(before: Path, after: Path) -> RunChanges:
    """Return what is different in the run `after`.

    Raises:
        RunFolderError: no finished run, changed files, or runs of different kinds of task.
    """
    one, other = _read(before), _read(after)
    if one.task.kind != other.task.kind:
        raise RunFolderError(
            f"one run is of kind '{one.task.kind}' and the other of '{other.task.kind}'",
            where=str(after),
            mend="Compare two runs of the same task.",
        )
    comparisons, results = _results(one, other)
    return RunChanges(
        data=tuple(_data(one, other)),
        settings=_settings(plain(one.task), plain(other.task)),
        results=tuple(results),
        comparisons=tuple(comparisons),
        verdicts=(one.verdict.sentence, other.verdict.sentence),
    )


def _read(path: Path) -> _Run:
    folder = opened(path)
    trusted(folder, "verdict")
    return _Run(
        folder,
        load_task(folder.task),
        load_dataset(folder),
        read_record(folder.splits, Splits),
        read_record(folder.verdict, Verdict),
    )


def _data(one: _Run, other: _Run) -> list[str]:
    told = []
    for side in SIDES:
        was, now = set(getattr(one.splits, side)), set(getattr(other.splits, side))
        gone, new = len(was - now), len(now - was)
        if gone or new:
            told.append(
                f"{side}: {counted(len(was), 'row')} before, {len(now):,} now ({new:,} new,"
                f" {gone:,} no longer there)."
            )
    if one.dataset.labels != other.dataset.labels:
        new_labels = sorted({*other.dataset.labels} - {*one.dataset.labels})
        lost = sorted({*one.dataset.labels} - {*other.dataset.labels})
        told += [f"New labels: {', '.join(new_labels)}."] if new_labels else []
        told += [f"Labels that are gone: {', '.join(lost)}."] if lost else []
    moved = [i for i in other.splits.test if i in {*one.splits.train, *one.splits.validation}]
    if moved:
        told.append(
            f"{counted(len(moved), 'test row')} of now stood on another side before: figures on"
            " them can't be set against each other."
        )
    return told or ["The same rows, on the same sides."]


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    one, other = _flat(before), _flat(after)
    return {
        key: (one.get(key), other.get(key))
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    }


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)  # type: ignore[assignment]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= _flat(item, f"{path}.{key}" if path else str(key))
    return found


def _results(one: _Run, other: _Run) -> tuple[list[Comparison], list[str]]:
    was, now = one.test(), other.test()
    shared = [row for i, row in now.items() if i in was and was[i].target == row.target]
    before, after = (list(named(run.task.candidates)) for run in (one, other))
    metric = other.verdict.metric
    told = [f"{name}: not in the second run." for name in before if name not in after]
    told += [f"{name}: only in the second run." for name in after if name not in before]
    both = [name for name in after if name in before]
    if not shared:
        told.append("The runs share no test row, so no difference can be told from chance.")
        return [], told
    found = [c for name in both if (c := _compared(one, other, name, shared, metric)) is not None]
    adjusted = holm(found)
    names = {c.challenger: c for c in adjusted}
    for name in both:
        told.append(_told(one, other, name, names.get(f"{name} now"), metric))
    return adjusted, told


def _compared(
    one: _Run, other: _Run, name: str, shared: list[Example], metric: str
) -> Comparison | None:
    ids = {row.id for row in shared}
    given = [
        [p for p in read_records(run.folder.candidate(name).predictions("test"), Prediction)
         if p.id in ids]
        for run in (one, other)
    ]  # fmt: skip
    if not {p.id for p in given[0]} & {p.id for p in given[1]}:
        return None
    return compared(
        challenger=f"{name} now",
        incumbent=f"{name} before",
        challenger_predictions=given[1],
        incumbent_predictions=given[0],
        examples=shared,
        labels=sorted({*one.dataset.labels, *other.dataset.labels}),
        metric=metric,
        seed=other.task.seed,
        asked=asked_of(other.task, task_folder_of(other.folder), Silent()),
    )


def _told(one: _Run, other: _Run, name: str, found: Comparison | None, metric: str) -> str:
    cards = [
        read_record(run.folder.candidate(name).scorecard("test"), Scorecard) for run in (one, other)
    ]
    values = [
        percent(card.metrics[metric].value, card.rows) if metric in card.metrics else "?"
        for card in cards
    ]
    figures = f"{name}: {values[0]}% before, {values[1]}% now"
    if found is None:
        return f"{figures}; no test row in common."
    change = found.difference
    rows = counted(found.rows, "shared test row")
    if change.value == 0 and found.only_challenger == 0 and found.only_incumbent == 0:
        return f"{figures}; the same on the {rows}."
    way = "better" if change.value > 0 else "worse"
    span = f"{points_range(change, found.rows)}, {chance(found.p_adjusted)}"
    real = "a real difference" if found.p_adjusted < ALPHA else "which may be chance"
    return f"{figures}; {points(change.value, found.rows)} {way} on the {rows} ({span}), {real}."
