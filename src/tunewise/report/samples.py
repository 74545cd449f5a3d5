"""Which rows to show, and which label pairs: chosen by lot and seed, or by count; never by taste.

Given Evidence, gives back rows with every finalist's answer. Knows nothing of how they are shown.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tunewise.records import Example
from tunewise.report.gather import Evidence, Judged

ERRORS_SHOWN = 8
DIFFERENCES_SHOWN = 3  # of each kind
PAIRS_SHOWN = 12
LABELS_IN_MATRIX = 12  # up to so many labels, the whole confusion is shown


@dataclass(frozen=True)
class Answer:
    """What one candidate said to a row; `answer` is None where it wasn't asked."""

    candidate: str
    answer: str | None
    right: bool
    probability: float | None


@dataclass(frozen=True)
class Sample:
    """A test row with the finalists' answers."""

    example: Example
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Drawn:
    """Some rows of a kind: what they have in common, how many there are, and those drawn."""

    title: str
    there_are: int
    samples: tuple[Sample, ...]

    @property
    def ids(self) -> set[str]:
        """The rows' ids."""
        return {sample.example.id for sample in self.samples}


@dataclass(frozen=True)
class Pair:
    """`count` of the `support` rows of `target` were answered with `answer`."""

    target: str
    answer: str
    count: int
    support: int | None


@dataclass(frozen=True)
class Matrix:
    """Rows by target and answer: `counts` [target, answer]; `other` [target], no legal answer."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    other: tuple[int, ...]


def leader(evidence: Evidence) -> Judged | None:
    """Return the winner, or where there is none the finalist with the best figure."""
    return evidence.finalists[0] if evidence.finalists else None


def runner_up(evidence: Evidence) -> Judged | None:
    """Return the best finalist behind the leader."""
    return evidence.finalists[1] if len(evidence.finalists) > 1 else None


def errors_of(evidence: Evidence, one: Judged) -> Drawn:
    """Return rows drawn by lot from those that `one` gets wrong."""
    wrong = [row for row in _answered(evidence, one) if not _is_right(one, row)]
    return Drawn("", len(wrong), _drawn(evidence, wrong, ERRORS_SHOWN))


def differences(evidence: Evidence, one: Judged, other: Judged) -> list[Drawn]:
    """Return rows on which two candidates differ, as many of each kind as there are.

    Rows that errors_of shows already come last.
    """
    shown = errors_of(evidence, one).ids
    both = [row for row in _answered(evidence, one) if row.id in other.answers]
    if not evidence.dataset.labels:
        apart = [r for r in both if one.answers[r.id].answer != other.answers[r.id].answer]
        return [Drawn("Written differently", len(apart), _drawn(evidence, apart, ERRORS_SHOWN))]
    kinds = (
        (f"Only {one.name} is right", True, False),
        (f"Only {other.name} is right", False, True),
        ("Both are wrong, each in its own way", False, False),
    )
    found = []
    for title, first, second in kinds:
        rows = [
            row
            for row in both
            if one.answers[row.id].answer != other.answers[row.id].answer
            and (_is_right(one, row), _is_right(other, row)) == (first, second)
        ]
        found.append(Drawn(title, len(rows), _drawn(evidence, rows, DIFFERENCES_SHOWN, shown)))
    return found


def worst_pairs(one: Judged) -> list[Pair]:
    """Return the pairs of labels that `one` confuses most often."""
    support = {figures.label: figures.support for figures in one.card.labels}
    pairs = sorted(one.card.confused, key=lambda pair: (-pair.count, pair.target, pair.answer))
    return [Pair(p.target, p.answer, p.count, support.get(p.target)) for p in pairs[:PAIRS_SHOWN]]


def confusion(evidence: Evidence, one: Judged) -> Matrix | None:
    """Return how often `one` answered each label with each; None when there are too many labels."""
    labels = evidence.dataset.labels
    if not 0 < len(labels) <= LABELS_IN_MATRIX:
        return None
    counts: Counter[tuple[str, str]] = Counter()
    other: Counter[str] = Counter()
    for row in _answered(evidence, one):
        answer = one.answers[row.id].answer
        if answer in labels:
            counts[row.target, answer] += 1
        else:
            other[row.target] += 1
    cells = tuple(tuple(counts[target, answer] for answer in labels) for target in labels)
    return Matrix(labels, cells, tuple(other[target] for target in labels))


def _answered(evidence: Evidence, one: Judged) -> list[Example]:
    return [row for row in evidence.rows("test") if row.id in one.answers]


def _is_right(one: Judged, row: Example) -> bool:
    return one.answers[row.id].answer == row.target


def _drawn(
    evidence: Evidence, rows: Sequence[Example], most: int, last: Collection[str] = ()
) -> tuple[Sample, ...]:
    """Return the `most` rows with the lowest lots; a row's lot depends on its id and the seed.

    Rows that every finalist answered come first: their part is a random one, so the draw stays
    fair, and the answers can be seen side by side.
    """
    finalists = evidence.finalists

    def order(row: Example) -> tuple[bool, bool, str]:
        asked = all(row.id in one.answers for one in finalists)
        return row.id in last, not asked, _lot(row.id, evidence.task.seed)

    return tuple(
        Sample(row, tuple(_answer(evidence, one, row) for one in finalists))
        for row in sorted(rows, key=order)[:most]
    )


def _lot(row_id: str, seed: int) -> str:
    return hashlib.sha256(f"sample {seed} {row_id}".encode()).hexdigest()


def _answer(evidence: Evidence, one: Judged, row: Example) -> Answer:
    prediction = one.answers.get(row.id)
    if prediction is None:
        return Answer(one.name, None, right=False, probability=None)
    labels = evidence.dataset.labels
    known = prediction.scores is not None and prediction.answer in labels
    probability = prediction.scores[labels.index(prediction.answer)] if known else None  # type: ignore[index]
    return Answer(one.name, prediction.answer, prediction.answer == row.target, probability)
