"""Predictions on one side of the split -> a Scorecard.

Given rows, one candidate's predictions and its timing, gives accuracy and macro F1 with their
intervals, the figures of each label, the confused pairs, speed and cost. Knows nothing of other
candidates, of what is wanted, or of files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewise.errors import DataError
from tunewise.evaluation.answers import Answers, Integers, answered_rows, matched
from tunewise.evaluation.calibration import calibration, sureness
from tunewise.evaluation.checks import check_figures, reading_grade
from tunewise.evaluation.f1 import MacroF1, cell_numbers, cells, smoothed
from tunewise.evaluation.groups import group_numbers
from tunewise.evaluation.mean import METHOD, Skewed, grouped_share, mean_interval
from tunewise.evaluation.resampling import (
    RESAMPLES,
    BCa,
    bootstrapped,
    bundled,
    expanded,
)
from tunewise.evaluation.texts import PLAIN, Asked, row_scores
from tunewise.records import (
    CheckFigures,
    ConfusedPair,
    Consistency,
    Example,
    Family,
    Interval,
    LabelFigures,
    Prediction,
    Scorecard,
    Split,
    Timing,
)

PAIRS_KEPT = 100  # confused pairs on a scorecard; answers that are no label are kept besides
IDS_KEPT = 5  # rows named for each pair
SEED = 0  # of the resamples: the same rows and answers give the same scorecard


def scorecard(
    *,
    candidate: str,
    kind: str,
    family: Family,
    split: Split,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    timing: Timing | None,
    part: str | None,
    fit_seconds: float | None,
    asked: Asked = PLAIN,
    local: bool = True,
    consistency: tuple[Consistency, ...] = (),
) -> Scorecard:
    """Return how one candidate did on the given rows.

    An answer that is no legal label counts as wrong and stands among the confused pairs. Macro F1
    is the mean over the labels that occur among the rows' targets. Without labels the answers are
    written texts, and judged as such.

    Args:
        candidate: its name.
        kind: of candidate, such as 'encoder'.
        family: floor, keep, prompt or tune.
        split: the side the rows are on.
        examples: the rows, with their targets.
        predictions: one for each row, in any order.
        labels: all legal labels.
        timing: how long answering took; None if not measured.
        part: how the rows were chosen when they aren't all of the side's.
        fit_seconds: wall time of fitting; None if not measured.
        asked: what written answers are judged by besides.
        local: whether no row leaves the machine.
        consistency: as measured, where the task asks for it.

    Raises:
        DataError: rows, predictions or times that can't be or don't fit together.
    """
    if labels:
        answers = matched(candidate, examples, predictions, labels)
        given, kept = len(answers.ids), answers.predictions
        groups = group_numbers(examples, answers.ids)
        metrics = {
            "accuracy": accuracy(answers, groups),
            "macro_f1": macro_f1_interval(answers, groups=groups),
        }
        by_label, confused = label_figures(answers), confused_pairs(answers)
        sure = sureness(kept)
        believed = None if sure is None else calibration(answers.right, sure)
        checks: tuple[CheckFigures, ...] = ()
        grade = None
    else:
        ids, targets, kept = answered_rows(candidate, examples, predictions, labels)
        given, by_label, confused = len(kept), (), ()
        said = [prediction.answer for prediction in kept]
        metrics = text_intervals(targets, said, group_numbers(examples, ids), asked)
        believed, checks = None, check_figures(asked.checks, said)
        grade = float(np.median([reading_grade(text) for text in said]))
    latencies = _times(candidate, timing)
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) if latencies else (None, None, None)
    batched = timing is not None and timing.rows > 0 and timing.seconds > 0
    return Scorecard(
        candidate=candidate,
        kind=kind,
        family=family,
        split=split,
        rows=given,
        metrics=metrics,
        labels=by_label,
        confused=confused,
        part=part,
        latency_p50=None if p50 is None else float(p50),
        latency_p95=None if p95 is None else float(p95),
        latency_p99=None if p99 is None else float(p99),
        rows_per_second=timing.rows / timing.seconds if timing is not None and batched else None,
        tokens_per_request=_tokens_per_request(kept),
        fit_seconds=fit_seconds,
        cost_per_1000=_cost_per_1000(kept),
        tokens_in=_mean([p.prompt_tokens for p in kept]),
        tokens_out=_mean([p.completion_tokens for p in kept]),
        calibration=believed,
        checks=checks,
        reading_grade=grade,
        seconds_per_request=positive_mean(latencies),
        cost_range=_cost_range(kept),
        local=local,
        consistency=consistency,
    )


def accuracy(answers: Answers, groups: Integers | None = None) -> Interval:
    """Return the share of rows answered right, with an exact interval."""
    return grouped_share(answers.right.astype(np.float64), groups)


def macro_f1_interval(
    answers: Answers,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    groups: Integers | None = None,
) -> Interval:
    """Return macro F1 over the targets' labels, with a BCa bootstrap interval.

    Resampled are the rows and two more, one of them wrong (f1.smoothed), so that a mistake of a
    kind that was never seen isn't taken to be impossible. Where all rows are right, or all wrong,
    the exact interval of accuracy stands in, and the method says so.
    """
    found = cells(answers.targets, answers.answers, words=len(answers.words))
    value = float(MacroF1(found)(found.counts[None, :].astype(np.float64))[0])
    if answers.right.all() or not answers.right.any():
        exact = accuracy(answers, groups)
        low, high = min(value, exact.low), max(value, exact.high)
        return Interval(value, low, high, "as accuracy, since all rows are alike")
    more = smoothed(found)
    statistic = MacroF1(more)
    bundles = None
    if groups is not None:
        cell = cell_numbers(more, answers.targets, answers.answers)
        bundles = bundled(cell, more.counts, groups)
    values = bootstrapped(statistic, more.counts, seed, resamples, bundles)
    worth = len(answers.ids) if groups is None else int(groups.max()) + 1
    far = expanded(worth, len(np.unique(answers.targets)))
    low, high = BCa(statistic, more.counts, values, bundles).interval(far)
    what = "the rows" if groups is None else "groups of rows"
    method = f"BCa bootstrap, {resamples:,} resamples of {what}"
    return Interval(value, min(low, value), max(high, value), method)


def text_intervals(
    targets: Sequence[str],
    answers: Sequence[str],
    groups: Integers | None = None,
    asked: Asked = PLAIN,
) -> dict[str, Interval]:
    """Return each metric of written answers, with its interval."""
    return {m: mean_interval(row_scores(m, targets, answers, asked), groups) for m in asked.metrics}


def label_figures(answers: Answers) -> tuple[LabelFigures, ...]:
    """Return precision, recall and F1 of each legal label; 0 where there is nothing to divide."""
    words = len(answers.words)
    support = np.bincount(answers.targets, minlength=words)
    predicted = np.bincount(answers.answers, minlength=words)
    hits = np.bincount(answers.targets[answers.right], minlength=words)
    return tuple(
        LabelFigures(
            label=answers.words[i],
            support=int(support[i]),
            predicted=int(predicted[i]),
            precision=float(hits[i] / predicted[i]) if predicted[i] else 0.0,
            recall=float(hits[i] / support[i]) if support[i] else 0.0,
            f1=float(2 * hits[i] / (support[i] + predicted[i])) if hits[i] else 0.0,
        )
        for i in range(answers.legal)
    )


def confused_pairs(answers: Answers) -> tuple[ConfusedPair, ...]:
    """Return what was taken for what, the most frequent first, with the ids of some rows."""
    rows: dict[tuple[int, int], list[str]] = {}
    for number in np.flatnonzero(~answers.right):
        pair = int(answers.targets[number]), int(answers.answers[number])
        rows.setdefault(pair, []).append(answers.ids[number])
    ranked = sorted(rows, key=lambda pair: (-len(rows[pair]), pair))
    kept = [
        pair for place, pair in enumerate(ranked) if place < PAIRS_KEPT or pair[1] >= answers.legal
    ]
    return tuple(
        ConfusedPair(
            target=answers.words[pair[0]],
            answer=answers.words[pair[1]],
            count=len(rows[pair]),
            rows=tuple(rows[pair][:IDS_KEPT]),
        )
        for pair in kept
    )


def _times(candidate: str, timing: Timing | None) -> tuple[float, ...]:
    """Return the single requests' seconds, refusing times that can't be."""
    if timing is None:
        return ()
    for seconds in (timing.seconds, *timing.latencies):
        if not (math.isfinite(seconds) and seconds >= 0):
            raise DataError(
                f"a time of {seconds} seconds can't be",
                where=candidate,
                mend="Its timing file was damaged; run the task again without it.",
            )
    return timing.latencies


def _tokens_per_request(predictions: Sequence[Prediction]) -> float | None:
    """Return the mean of tokens read and written; None unless every prediction knows some."""
    known = [
        (p.prompt_tokens or 0) + (p.completion_tokens or 0)
        for p in predictions
        if p.prompt_tokens is not None or p.completion_tokens is not None
    ]
    return float(np.mean(known)) if len(known) == len(predictions) else None


def _mean(counts: Sequence[int | None]) -> float | None:
    """Return the mean of tokens; None unless every prediction knows them."""
    known = [count for count in counts if count is not None]
    return float(np.mean(known)) if known and len(known) == len(counts) else None


def positive_mean(values: Sequence[float]) -> Interval | None:
    """Return the mean of times or prices with its 95% interval; None for fewer than two."""
    if len(values) < 2:
        return None
    found = np.array(values, dtype=np.float64)
    mean = float(found.mean())
    if np.ptp(found) <= 1e-12 * max(mean, 1.0):
        return Interval(mean, mean, mean, "all alike")
    low, high = Skewed(found).interval()
    return Interval(mean, max(0.0, min(low, mean)), max(high, mean), METHOD)


def _cost_range(predictions: Sequence[Prediction]) -> Interval | None:
    """Return US dollars per 1,000 requests with the interval; None unless all have a cost."""
    known = [1000 * p.cost for p in predictions if p.cost is not None]
    return positive_mean(known) if len(known) == len(predictions) else None


def _cost_per_1000(predictions: Sequence[Prediction]) -> float | None:
    """Return US dollars per 1,000 requests; None unless every prediction has a cost."""
    known = [p.cost for p in predictions if p.cost is not None]
    return 1000 * float(np.mean(known)) if len(known) == len(predictions) else None
