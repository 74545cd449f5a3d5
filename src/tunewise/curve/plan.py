"""Which fits make up a learning curve: sizes, draws of rows, and who judges them.

A fit is given `size` labelled rows, of which it learns from most and chooses on the rest, as a
run does, and is judged on rows that it was given none of. Both come from the rows to learn from
and choose on; test rows are never asked for. Everything follows from hashes of the rows, so that
smaller sets lie in larger ones and the same points come out when a curve is carried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tunewise.data.copies import compared
from tunewise.data.folds import folds_of
from tunewise.data.identity import lot
from tunewise.errors import DataError
from tunewise.evaluation.power_law import FEWEST_SIZES
from tunewise.records import Dataset, Example, Splits
from tunewise.task.settings import EncoderSettings, Entry, PromptSettings, TuningSettings

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
SMALL_SIZES = (10, 20, 50)  # where there are too few of the others
WANTED_SIZES = 5
LAST_STEP = 1.3  # a size closer than this below all rows is left out
FOLDS = 5  # one of them judges: a fifth of the rows
PASSES = 5_000  # rows learnt, each pass counted, that all draws of one size may come to
LANGUAGE_PASSES = 10  # what a language model's pass over a row counts as, at least
PROMPT_PASSES = PASSES  # what trying a prompt counts as: each size is drawn once


@dataclass(frozen=True)
class Step:
    """One fit: so many rows of this draw, judged by this fold."""

    size: int
    draw: int
    fold: int


@dataclass(frozen=True)
class Given:
    """The rows of one step."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    judged: tuple[Example, ...]


@dataclass(frozen=True)
class Ground:
    """The rows that curves are drawn from.

    Attributes:
        rows: to learn from and choose on, in the dataset's order.
        folds: the fold of each.
        share: of the rows it is given that a fit chooses on.
        seed: of the draws.
    """

    rows: tuple[Example, ...]
    folds: tuple[int, ...]
    share: float
    seed: int

    @cached_property
    def smallest_pool(self) -> int:
        """Rows there are beside the largest fold."""
        return len(self.rows) - max(self.folds.count(fold) for fold in set(self.folds))

    def part(self, most: int) -> Ground:
        """Return at most so many of the rows, those with the lowest lots, in their folds."""
        if most >= len(self.rows):
            return self
        kept = {row.id for row in sorted(self.rows, key=lambda row: lot("part", row.id))[:most]}
        both = [(r, f) for r, f in zip(self.rows, self.folds, strict=True) if r.id in kept]
        rows, folds = tuple(row for row, _ in both), tuple(fold for _, fold in both)
        return Ground(rows, folds, self.share, self.seed)

    def pool(self, fold: int) -> list[Example]:
        """Return the rows of all other folds."""
        return [row for row, at in zip(self.rows, self.folds, strict=True) if at != fold]

    def judges(self, fold: int, most: int | None = None) -> list[Example]:
        """Return the rows of a fold, at most so many: those with the lowest lots."""
        rows = [row for row, at in zip(self.rows, self.folds, strict=True) if at == fold]
        if most is None or most >= len(rows):
            return rows
        kept = {row.id for row in sorted(rows, key=lambda row: lot("judge", row.id))[:most]}
        return [row for row in rows if row.id in kept]

    def ranked(self, draw: int, fold: int) -> list[Example]:
        """Return the rows that this fold doesn't judge in the order of this draw."""
        return sorted(self.pool(fold), key=lambda row: lot("draw", self.seed, draw, row.id))

    def parted(self, rows: Sequence[Example]) -> tuple[list[Example], list[Example]]:
        """Return the rows to learn from and those to choose on."""
        chosen_on = [row for row in rows if self._chooses(row)]
        if len(chosen_on) == len(rows):
            return list(rows), []
        ids = {row.id for row in chosen_on}
        return [row for row in rows if row.id not in ids], chosen_on

    def given(self, step: Step, most_judges: int | None = None) -> Given:
        """Return the rows of one step."""
        train, validation = self.parted(self.ranked(step.draw, step.fold)[: step.size])
        judged = self.judges(step.fold, most_judges)
        return Given(tuple(train), tuple(validation), tuple(judged))

    def _chooses(self, row: Example) -> bool:
        return lot("choose", self.seed, compared(row)) < self.share


def ground(dataset: Dataset, splits: Splits, share: float, seed: int) -> Ground:
    """Return the rows to learn from and choose on, in folds; never a test row."""
    wanted = {*splits.train, *splits.validation}
    rows = tuple(row for row in dataset.examples if row.id in wanted)
    return Ground(rows, tuple(folds_of(rows, FOLDS, seed)), share, seed)


def sizes_of(found: Ground, draws: int, *, labelled: bool = True) -> tuple[int, ...]:
    """Return the numbers of rows to fit with, the largest being all but the judging fold.

    Args:
        found: the rows.
        draws: of each size at most.
        labelled: whether targets are labels, of which a fit needs more than one.

    Raises:
        DataError: there are too few rows for a curve.
    """
    if len(set(found.folds)) < FOLDS:
        why = "are too much alike (or too few groups) to judge each other"
        raise _too_few(found, why, labelled=labelled)
    most = found.smallest_pool
    inside = [size for size in SIZES if size * LAST_STEP <= most]
    for size in reversed(SMALL_SIZES):
        if len(inside) < WANTED_SIZES - 1 and size * LAST_STEP <= most:
            inside.insert(0, size)
    if labelled:
        labels = len({row.target for row in found.rows})
        least = _labels_learnt(found, inside, draws)
        inside = [size for size in inside if size >= labels and least[size] > 1]
    sizes = (*inside, most)
    if len(sizes) < FEWEST_SIZES:
        why = f"allow only {len(sizes)} sizes, {FEWEST_SIZES} are needed"
        raise _too_few(found, why, labelled=labelled)
    return sizes


def _too_few(found: Ground, why: str, *, labelled: bool) -> DataError:
    of = f" of {len({row.target for row in found.rows})} labels" if labelled else ""
    return DataError(
        f"there are too few rows for a learning curve: {len(found.rows):,}{of} {why}",
        where=found.rows[0].source if found.rows else None,
        mend="Label more rows.",
    )


def _labels_learnt(found: Ground, sizes: Sequence[int], draws: int) -> dict[int, int]:
    """Return how many labels a fit of each size learns at least, whoever judges it."""
    ways = {(draw, draw % folds) for draw in range(draws) for folds in range(1, FOLDS + 1)}
    least = dict.fromkeys(sizes, len(found.rows))
    for draw, fold in ways:
        ranked = found.ranked(draw, fold)
        for size in sizes:
            train, _ = found.parted(ranked[:size])
            least[size] = min(least[size], len({row.target for row in train}))
    return least


def steps_of(found: Ground, sizes: Sequence[int], entry: Entry, draws: int) -> list[Step]:
    """Return the fits of one candidate, the smallest first.

    Cheap sizes are drawn `draws` times, dear ones less often. As many folds judge as the largest
    size has draws, each draw being judged by its own, so that every size is judged by the same
    rows; with one draw of the largest size that is one fold for all.

    Args:
        found: the rows.
        sizes: from `sizes_of`.
        entry: the candidate's settings.
        draws: of each size at most.
    """
    wanted = [_draws(entry, round(size * (1 - found.share)), draws) for size in sizes]
    folds = min(FOLDS, *wanted)
    return [
        Step(size, draw, draw % folds)
        for size, count in zip(sizes, wanted, strict=True)
        for draw in range(count - count % folds)
    ]


def passes(entry: Entry, rows: int) -> int:
    """Return about how many rows a fit reads, each time it reads one counted."""
    settings = entry.settings
    if isinstance(settings, EncoderSettings):
        from tunewise.training.encoder.arguments import default_epochs

        return rows * (settings.num_train_epochs or default_epochs(rows))
    if isinstance(settings, PromptSettings):
        return PROMPT_PASSES
    if isinstance(settings, TuningSettings):
        from tunewise.training.language.arguments import epochs_of

        return LANGUAGE_PASSES * rows * epochs_of(settings, rows)
    return max(1, rows // 30)


def _draws(entry: Entry, rows: int, most: int) -> int:
    return max(1, min(most, PASSES // passes(entry, max(1, rows))))
