"""Two candidates' predictions on the same rows -> a Comparison; several -> adjusted by Holm.

Only rows that both have answered count, so a candidate judged on a part is compared on that part.
Knows nothing of what a difference is worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar

from tunewise.errors import BadInput, DataError, did_you_mean
from tunewise.evaluation.answers import Answers, Floats, Integers, answered_rows, matched
from tunewise.evaluation.f1 import Cells, MacroF1, cells
from tunewise.evaluation.power import noticeable_difference, resampled_power, rows_to_notice
from tunewise.evaluation.resampling import (
    RESAMPLES,
    SWAPS,
    bca_interval,
    bootstrapped,
    permutation_p,
    swapped,
)
from tunewise.evaluation.score import mean_of
from tunewise.evaluation.texts import row_scores
from tunewise.records import Comparison, Example, Interval, Prediction
from tunewise.task.settings import LABEL_METRICS, TEXT_METRICS

METRICS = (*LABEL_METRICS, *TEXT_METRICS)


def compared(
    *,
    challenger: str,
    incumbent: str,
    challenger_predictions: Sequence[Prediction],
    incumbent_predictions: Sequence[Prediction],
    examples: Sequence[Example],
    labels: Sequence[str],
    metric: str,
    seed: int,
) -> Comparison:
    """Return challenger minus incumbent on the rows that both have answered.

    Accuracy: the exact McNemar test, and Bonett and Price's interval for a paired difference.
    Macro F1 and written answers: a permutation test that swaps the two answers to a row, and a BCa
    bootstrap of rows.

    Args:
        challenger: name of the one.
        incumbent: name of the other.
        challenger_predictions: in any order, on all rows or a part of them.
        incumbent_predictions: likewise.
        examples: the rows, with their targets.
        labels: all legal labels.
        metric: 'accuracy' or 'macro_f1'; for written answers one of TEXT_METRICS.
        seed: of the resamples.

    Returns:
        The comparison; `p_adjusted` is `p_value` until `holm` has seen it.

    Raises:
        BadInput: no such metric.
        DataError: the two share no row, or predictions that don't fit the rows.
    """
    if metric not in METRICS:
        raise BadInput(f"there is no metric '{metric}'", mend=did_you_mean(metric, METRICS))
    if metric in TEXT_METRICS:
        both = {challenger: challenger_predictions, incumbent: incumbent_predictions}
        return _texts(both, examples, metric, seed)
    pair = _paired(
        matched(challenger, examples, challenger_predictions, labels, whole=False),
        matched(incumbent, examples, incumbent_predictions, labels, whole=False),
    )
    if not len(pair.targets):
        raise DataError(
            f"'{challenger}' and '{incumbent}' have no row in common",
            mend="Judge both on the same rows, or one on a part of the other's.",
        )
    found = _accuracy(pair) if metric == "accuracy" else _macro_f1_either_way(pair, seed)
    return Comparison(
        challenger=challenger,
        incumbent=incumbent,
        metric=metric,
        rows=len(pair.targets),
        difference=found.difference,
        p_value=found.p_value,
        p_adjusted=found.p_value,
        test=found.test,
        only_challenger=pair.only_challenger,
        only_incumbent=pair.only_incumbent,
        noticeable=found.noticeable,
        rows_needed=found.rows_needed,
    )


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with `p_adjusted` set over all of them.

    Source: S. Holm (1979), A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6(2), 65-70.
    """
    adjusted: dict[int, float] = {}
    highest = 0.0
    by_p = sorted(range(len(comparisons)), key=lambda number: comparisons[number].p_value)
    for place, number in enumerate(by_p):
        scaled = comparisons[number].p_value * (len(comparisons) - place)
        highest = max(highest, min(scaled, 1.0))
        adjusted[number] = highest
    return [replace(c, p_adjusted=adjusted[number]) for number, c in enumerate(comparisons)]


@dataclass(frozen=True)
class _Pair:
    """Two candidates' answers to the rows they share, `[rows]` each."""

    targets: Integers
    challenger: Integers
    incumbent: Integers
    words: int

    @property
    def only_challenger(self) -> int:
        return self._right_alone(self.challenger, self.incumbent)

    @property
    def only_incumbent(self) -> int:
        return self._right_alone(self.incumbent, self.challenger)

    def _right_alone(self, one: Integers, other: Integers) -> int:
        return int(np.count_nonzero((one == self.targets) & (other != self.targets)))


@dataclass(frozen=True)
class _Found:
    """The parts of a comparison that depend on the metric."""

    difference: Interval
    p_value: float
    test: str
    noticeable: float | None
    rows_needed: int | None


def _paired(challenger: Answers, incumbent: Answers) -> _Pair:
    """Return both candidates' answers under one numbering of words, on the rows they share."""
    words = {word: i for i, word in enumerate(sorted({*challenger.words, *incumbent.words}))}
    _, ours, theirs = np.intersect1d(
        challenger.ids, incumbent.ids, assume_unique=True, return_indices=True
    )
    number_ours = np.array([words[word] for word in challenger.words], dtype=np.int64)
    number_theirs = np.array([words[word] for word in incumbent.words], dtype=np.int64)
    return _Pair(
        targets=number_ours[challenger.targets[ours]],
        challenger=number_ours[challenger.answers[ours]],
        incumbent=number_theirs[incumbent.answers[theirs]],
        words=len(words),
    )


def _accuracy(pair: _Pair) -> _Found:
    ours, theirs, rows = pair.only_challenger, pair.only_incumbent, len(pair.targets)
    discordance = (ours + theirs) / rows
    return _Found(
        difference=paired_difference(ours, theirs, rows),
        p_value=min(1.0, float(mcnemar([[0, ours], [theirs, 0]], exact=True).pvalue)),
        test="exact McNemar",
        noticeable=noticeable_difference(rows, discordance),
        rows_needed=rows_to_notice(discordance, (ours - theirs) / rows),
    )


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
    half = float(norm.isf(0.025)) * math.sqrt((first + second - middle**2) / (rows + 2))
    value = (only_first - only_second) / rows
    low, high = min(max(middle - half, -1.0), value), max(min(middle + half, 1.0), value)
    return Interval(value, low, high, "Bonett-Price, paired")


def _macro_f1_either_way(pair: _Pair, seed: int) -> _Found:
    """Compare so that exchanging the two candidates changes the sign and nothing else."""
    if pair.challenger.tolist() <= pair.incumbent.tolist():
        return _macro_f1(pair, seed)
    found = _macro_f1(replace(pair, challenger=pair.incumbent, incumbent=pair.challenger), seed)
    there = found.difference
    back = Interval(-there.value, -there.high, -there.low, there.method)
    return replace(found, difference=back)


def _macro_f1(pair: _Pair, seed: int) -> _Found:
    found = _closed_under_swaps(
        cells(pair.targets, pair.challenger, pair.incumbent, words=pair.words)
    )
    ours, theirs = MacroF1(found, 0), MacroF1(found, 1)

    def difference(counts: Floats) -> Floats:
        return ours(counts) - theirs(counts)

    rows = len(pair.targets)
    value = float(difference(found.counts[None, :].astype(np.float64))[0])
    values = bootstrapped(difference, found.counts, seed)
    null = swapped(difference, found.counts, _partners(found), seed)
    if np.ptp(values) < 1e-12:
        exact = paired_difference(pair.only_challenger, pair.only_incumbent, rows)
        low, high, method = exact.low, exact.high, "as accuracy, since no resample differs"
    else:
        low, high = bca_interval(difference, found.counts, values)
        method = f"BCa bootstrap, {RESAMPLES:,} resamples of the rows"
    noticeable, needed = resampled_power(rows, value, float(null.std()), float(values.std()))
    return _Found(
        difference=Interval(value, min(low, value), max(high, value), method),
        p_value=permutation_p(value, null),
        test=f"paired permutation, {SWAPS:,} swaps",
        noticeable=noticeable,
        rows_needed=needed,
    )


def _texts(
    predictions: Mapping[str, Sequence[Prediction]],
    examples: Sequence[Example],
    metric: str,
    seed: int,
) -> Comparison:
    """Return the comparison of two candidates' written answers, the challenger's first."""
    challenger, incumbent = predictions
    scores: list[dict[str, float]] = []
    for name in (challenger, incumbent):
        ids, targets, kept = answered_rows(name, examples, predictions[name], (), whole=False)
        values = row_scores(metric, targets, [p.answer for p in kept])
        scores.append(dict(zip(ids, values.tolist(), strict=True)))
    shared = sorted(scores[0].keys() & scores[1].keys())
    if not shared:
        raise DataError(
            f"'{challenger}' and '{incumbent}' have no row in common",
            mend="Judge both on the same rows, or one on a part of the other's.",
        )
    ahead = np.array([scores[0][i] - scores[1][i] for i in shared])
    found = _mean_difference(ahead, seed)
    return Comparison(
        challenger=challenger,
        incumbent=incumbent,
        metric=metric,
        rows=len(shared),
        difference=found.difference,
        p_value=found.p_value,
        p_adjusted=found.p_value,
        test=found.test,
        only_challenger=int(np.count_nonzero(ahead > 0)),
        only_incumbent=int(np.count_nonzero(ahead < 0)),
        noticeable=found.noticeable,
        rows_needed=found.rows_needed,
    )


def _mean_difference(ahead: Floats, seed: int) -> _Found:
    """Return what the rows' differences [rows] show of their mean."""
    rows, value = len(ahead), float(ahead.mean())
    ones, statistic = np.ones(rows, dtype=np.int64), mean_of(ahead)
    values = bootstrapped(statistic, ones, seed)
    rng = np.random.default_rng(seed)
    null = np.array([(rng.integers(0, 2, rows) * 2 - 1) @ ahead / rows for _ in range(SWAPS)])
    if np.ptp(values) < 1e-12:
        exact = paired_difference(0, 0, rows)
        low, high, method = value + exact.low, value + exact.high, "as for rows that were unseen"
    else:
        low, high = bca_interval(statistic, ones, values)
        method = f"BCa bootstrap, {RESAMPLES:,} resamples of the rows"
    noticeable, needed = resampled_power(rows, value, float(null.std()), float(values.std()))
    return _Found(
        difference=Interval(value, min(low, value), max(high, value), method),
        p_value=permutation_p(value, null),
        test=f"paired permutation, {SWAPS:,} swaps",
        noticeable=noticeable,
        rows_needed=needed,
    )


def _closed_under_swaps(found: Cells) -> Cells:
    """Return the cells with those added, empty, that exchanging the two answers would fill."""
    codes = np.concatenate([found.codes, found.codes[:, [0, 2, 1]]])
    counts = np.concatenate([found.counts, np.zeros_like(found.counts)])
    unique, place = np.unique(codes, axis=0, return_inverse=True)
    summed = np.bincount(place.ravel(), weights=counts, minlength=len(unique))
    return Cells(unique, summed.astype(np.int64), found.words)


def _partners(found: Cells) -> Integers:
    """Return for each cell the one with the two answers exchanged."""
    place = {tuple(code): number for number, code in enumerate(found.codes.tolist())}
    return np.array([place[t, b, a] for t, a, b in found.codes.tolist()], dtype=np.int64)
