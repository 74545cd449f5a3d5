"""Two candidates' answers to the same rows -> their difference, its interval and its p-value.

One method for accuracy, one for means of rows' scores, one for macro F1; each also for rows in
groups. Interval and p-value never contradict each other: p is at least what the interval says, and
an interval reaches nil where the test doesn't rule out chance. Knows nothing of candidates' names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, ndtri

from tunewise.evaluation.answers import Floats, Integers
from tunewise.evaluation.f1 import Cells, MacroF1, cell_numbers, cells, smoothed
from tunewise.evaluation.groups import summed
from tunewise.evaluation.mean import SAME, difference_interval, least_apart
from tunewise.evaluation.power import noticeable_difference, resampled_power, rows_to_notice
from tunewise.evaluation.resampling import (
    RESAMPLES,
    SWAPS,
    BCa,
    Bundles,
    bootstrapped,
    bundled,
    expanded,
    expanded_p,
    permutation_p,
    signs_drawn,
    swapped,
    swapped_bundles,
)
from tunewise.evaluation.significance import ALPHA
from tunewise.records import Interval

UNSEEN = "as for rows that were unseen"


@dataclass(frozen=True)
class Pair:
    """Two candidates' answers to the rows they share, `[rows]` each.

    Attributes:
        words: how many different targets and answers there can be.
        groups: numbers of the rows' groups; None where rows stand alone.
    """

    targets: Integers
    challenger: Integers
    incumbent: Integers
    words: int
    groups: Integers | None = None

    @property
    def ahead(self) -> Floats:
        """1 where the challenger alone is right, -1 where the incumbent alone is, `[rows]`."""
        ours, theirs = self.challenger == self.targets, self.incumbent == self.targets
        found: Floats = ours.astype(np.float64) - theirs
        return found


@dataclass(frozen=True)
class Found:
    """What a comparison shows, whichever the metric; as in records.Comparison."""

    difference: Interval
    p_value: float
    test: str
    only_challenger: int
    only_incumbent: int
    noticeable: float | None
    rows_needed: int | None


def accuracy_difference(pair: Pair, seed: int) -> Found:
    """Return the difference of two accuracies: exact McNemar, Bonett and Price's interval.

    Rows in groups are compared as means are, as neither knows of groups.
    """
    return mean_difference(pair.ahead, seed, pair.groups)


def mean_difference(ahead: Floats, seed: int, groups: Integers | None = None) -> Found:
    """Return what rows' differences show of their mean.

    Differences of -1, 0 and 1 are those of right and wrong answers and compared as such: the exact
    McNemar test. Others by a paired permutation test and the interval of mean.py.

    Args:
        ahead: challenger's score minus incumbent's, `[rows]`.
        seed: of the permutations.
        groups: numbers of the rows' groups, `[rows]`; None where rows stand alone.
    """
    ours, theirs = int(np.count_nonzero(ahead > 0)), int(np.count_nonzero(ahead < 0))
    if groups is None and np.isin(ahead, (-1.0, 0.0, 1.0)).all():
        return _right_and_wrong(ours, theirs, len(ahead))
    rows, value = len(ahead), float(ahead.mean())
    sums = summed(ahead, groups)
    null = signs_drawn(sums, seed) / rows
    if np.ptp(ahead) < SAME:
        unseen = paired_difference(0, 0, len(sums))
        low, high = max(-1.0, value + unseen.low), min(1.0, value + unseen.high)
        difference, p_interval = Interval(value, low, high, UNSEEN), 0.0
        if value and low <= 0 <= high:
            p_interval = 1.0
    else:
        difference, p_interval = difference_interval(ahead, groups)
    p_value = max(permutation_p(value, null), p_interval)
    spread = float((sums - value * _sizes(rows, groups)).std()) * math.sqrt(len(sums)) / rows
    by_chance = float(null.std())
    noticeable, needed = resampled_power(rows, value, by_chance, spread)
    if noticeable is not None and np.ptp(ahead) >= SAME:
        # both the test and the interval must notice, and with few rows the interval reaches further
        reach = least_apart(ahead, noticeable, groups) / float(ndtri(1 - ALPHA / 2))
        noticeable, needed = resampled_power(rows, value, max(by_chance, reach), spread)
    what = "whole groups, " if groups is not None else ""
    return Found(
        difference=agreeing(difference, p_value),
        p_value=p_value,
        test=f"paired permutation, {what}{SWAPS:,} swaps",
        only_challenger=ours,
        only_incumbent=theirs,
        noticeable=noticeable,
        rows_needed=needed,
    )


def _sizes(rows: int, groups: Integers | None) -> Integers:
    return np.ones(rows, dtype=np.int64) if groups is None else np.bincount(groups)


def _right_and_wrong(ours: int, theirs: int, rows: int) -> Found:
    discordance = (ours + theirs) / rows
    return Found(
        difference=right_and_wrong_interval(ours, theirs, rows),
        p_value=_exact_mcnemar(ours, theirs),
        test="exact McNemar",
        only_challenger=ours,
        only_incumbent=theirs,
        noticeable=noticeable_difference(rows, discordance),
        rows_needed=rows_to_notice(discordance, (ours - theirs) / rows),
    )


def right_and_wrong_interval(ours: int, theirs: int, rows: int) -> Interval:
    """Return the difference of two accuracies, agreeing with the exact test, as `Found` has it."""
    return agreeing(paired_difference(ours, theirs, rows), _exact_mcnemar(ours, theirs))


def _exact_mcnemar(ours: int, theirs: int) -> float:
    return min(1.0, 2 * float(bdtr(min(ours, theirs), ours + theirs, 0.5)))


def paired_difference(only_first: int, only_second: int, rows: int) -> Interval:
    """Return the difference of two paired shares with its 95% interval.

    Source: D. G. Bonett and R. M. Price (2012), Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data, Journal of Educational and
    Behavioral Statistics 37(4), 479-488.

    Args:
        only_first: rows that only the first got right.
        only_second: rows that only the second got right.
        rows: all rows, at least 1.
    """
    first, second = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)
    middle = first - second
    half = float(ndtri(0.975)) * math.sqrt((first + second - middle**2) / (rows + 2))
    value = (only_first - only_second) / rows
    low, high = min(max(middle - half, -1.0), value), max(min(middle + half, 1.0), value)
    return Interval(value, low, high, "Bonett-Price, paired")


def agreeing(interval: Interval, p_value: float) -> Interval:
    """Return the interval, reaching to nil where the test doesn't rule out chance."""
    if p_value < ALPHA:
        return interval
    return replace(interval, low=min(interval.low, 0.0), high=max(interval.high, 0.0))


def macro_f1_difference(pair: Pair, seed: int) -> Found:
    """Return the difference of two macro F1: permutation of answers, BCa bootstrap.

    Exchanging the two candidates changes the sign and nothing else.
    """
    if pair.challenger.tolist() <= pair.incumbent.tolist():
        return _macro_f1(pair, seed)
    found = _macro_f1(replace(pair, challenger=pair.incumbent, incumbent=pair.challenger), seed)
    there = found.difference
    return replace(
        found,
        difference=Interval(-there.value, -there.high, -there.low, there.method),
        only_challenger=found.only_incumbent,
        only_incumbent=found.only_challenger,
    )


class _Difference:
    """First candidate's macro F1 minus the second's, from counts of cells."""

    def __init__(self, of: Cells) -> None:
        self.first, self.second = MacroF1(of, 0), MacroF1(of, 1)

    def __call__(self, counts: Floats) -> Floats:
        return self.first(counts) - self.second(counts)


def _macro_f1(pair: Pair, seed: int) -> Found:
    plain = _closed_under_swaps(
        cells(pair.targets, pair.challenger, pair.incumbent, words=pair.words)
    )
    rows, difference = len(pair.targets), _Difference(plain)
    value = float(difference(plain.counts[None, :].astype(np.float64))[0])
    null = _null(pair, plain, seed)
    interval, p_interval, spread = _smoothed_interval(pair, plain, value, seed)
    p_value = max(permutation_p(value, null), p_interval)
    by_chance = float(null.std())  # at least the spread, to which smoothing adds a little
    noticeable, needed = resampled_power(rows, value, by_chance, min(spread, by_chance))
    what = "whole groups, " if pair.groups is not None else ""
    return Found(
        difference=agreeing(interval, p_value),
        p_value=p_value,
        test=f"paired permutation, {what}{SWAPS:,} swaps",
        only_challenger=int(np.count_nonzero(pair.ahead > 0)),
        only_incumbent=int(np.count_nonzero(pair.ahead < 0)),
        noticeable=noticeable,
        rows_needed=needed,
    )


def _smoothed_interval(
    pair: Pair, plain: Cells, value: float, seed: int
) -> tuple[Interval, float, float]:
    """Return the BCa interval of the difference, its p-value and the resamples' spread."""
    worth = len(pair.targets) if pair.groups is None else int(pair.groups.max()) + 1
    if (pair.challenger == pair.incumbent).all():
        unseen = paired_difference(0, 0, worth)
        return Interval(value, unseen.low, unseen.high, UNSEEN), 1.0, 0.0
    more = smoothed(plain)
    difference, bundles = _Difference(more), _bundles(pair, more)
    values = bootstrapped(difference, more.counts, seed, bundles=bundles)
    labels = len(np.unique(pair.targets))
    bca = BCa(difference, more.counts, values, bundles)
    low, high = bca.interval(expanded(worth, labels))
    what = "groups of rows" if pair.groups is not None else "the rows"
    method = f"BCa bootstrap, {RESAMPLES:,} resamples of {what}"
    found = Interval(value, min(low, value), max(high, value), method)
    return found, expanded_p(bca.reach(), worth, labels), float(values.std())


def _null(pair: Pair, plain: Cells, seed: int) -> Floats:
    """Return the differences after the two answers to rows, or to groups, changed places."""
    bundles = _bundles(pair, plain)
    if bundles is None:
        return swapped(_Difference(plain), plain.counts.astype(np.int64), _partners(plain), seed)
    return swapped_bundles(_Difference(plain), bundles, _partners(plain), seed)


def _bundles(pair: Pair, of: Cells) -> Bundles | None:
    if pair.groups is None:
        return None
    cell = cell_numbers(of, pair.targets, pair.challenger, pair.incumbent)
    return bundled(cell, of.counts, pair.groups)


def _closed_under_swaps(found: Cells) -> Cells:
    """Return the cells with those added, empty, that exchanging the two answers would fill."""
    codes = np.concatenate([found.codes, found.codes[:, [0, 2, 1]]])
    counts = np.concatenate([found.counts, np.zeros_like(found.counts)])
    unique, place = np.unique(codes, axis=0, return_inverse=True)
    summed_ = np.bincount(place.ravel(), weights=counts, minlength=len(unique))
    return Cells(unique, summed_.astype(np.int64), found.words)


def _partners(found: Cells) -> Integers:
    """Return for each cell the one with the two answers exchanged."""
    place = {tuple(code): number for number, code in enumerate(found.codes.tolist())}
    return np.array([place[t, b, a] for t, a, b in found.codes.tolist()], dtype=np.int64)
