"""Whether the statistics keep what they say: intervals, verdicts and forecasts, by simulation.

Worlds are drawn whose truth is known, judged with the code that judges candidates, and counted.

Goals:
- 95% intervals hold the truth at least 94% of the time: accuracy, macro F1, means of ROUGE-like
  scores and paired differences of each, of 50 to 2,000 rows and an accuracy of 0.6 to 0.98, rows
  alone and in groups; and at most 97% of it with 200 rows or more and an accuracy below 0.95.
- Candidates that don't differ: 'tune' in at most 5% of verdicts, with 2, 5 and 10 candidates.
- The forecast power of 80% is within 3 points of the share of simulated tests that notice.
- 10,000 predictions with 10,000 resamples and all metrics take at most 20 s.

Shares of simulations are themselves uncertain: a goal counts as missed where it is by more than two
standard errors. Coverage of accuracy, and of differences of accuracies, is summed up exactly and
given no such leave. Parts run side by side, each in a process.

    python benchmarks/statistical_truth.py [--quick] [--check] [--out FILE.json] [--processes 2]
                                           [--only intervals|groups|verdicts|power|speed]
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, multivariate_normal, norm
from side_by_side import commit, timed

from tunewise.decision.decide import decided
from tunewise.evaluation.answers import Answers
from tunewise.evaluation.differences import (
    Pair,
    macro_f1_difference,
    mean_difference,
    right_and_wrong_interval,
)
from tunewise.evaluation.f1 import macro_f1
from tunewise.evaluation.mean import grouped_share, mean_interval
from tunewise.evaluation.power import mcnemar_power, noticeable_difference
from tunewise.evaluation.proportion import share
from tunewise.evaluation.score import macro_f1_interval, scorecard, text_intervals
from tunewise.files import write_json
from tunewise.records import Example, Family, Interval, Prediction, Scorecard
from tunewise.task.settings import DecideSettings

Floats: TypeAlias = npt.NDArray[np.float64]
LEAST, MOST = 0.94, 0.97
LEAVE = 2.0  # standard errors of a simulated share
KINDS: dict[str, Family] = {
    "majority": "floor",
    "existing": "keep",
    "prompt": "prompt",
    "encoder": "tune",
}


@dataclass
class Told:
    """What was found, and which goals it misses."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, what: str, value: float, low: float, high: float, worlds: int | None) -> None:
        """Note a share, printed, with what it has to lie between."""
        error = math.sqrt(value * (1 - value) / worlds) if worlds else 0.0
        bad = bool(value + LEAVE * error < low or value - LEAVE * error > high)
        goal = f"{low:.0%} to {high:.0%}"
        print(
            f"{what:58}{value:8.1%} ±{100 * error:4.1f}   {goal:14}{'MISSED' if bad else ''}",
            flush=True,
        )
        self.rows.append(
            {
                "what": what,
                "share": float(value),
                "worlds": worlds,
                "low": low,
                "high": high,
                "missed": bad,
            }
        )
        if bad:
            self.missed.append(f"{what}: {value:.1%}")


def highest(rows: int, accuracy: float) -> float:
    """Return the coverage that is too high to be honest work."""
    return MOST if rows >= 200 and accuracy < 0.95 else 1.0


def covered(draw: Callable[[], tuple[Interval, float]], worlds: int) -> float:
    """Return how often an interval holds the truth."""
    held = 0
    for _ in range(worlds):
        found, truth = draw()
        held += found.low - 1e-12 <= truth <= found.high + 1e-12
    return held / worlds


def accuracy_intervals(told: Told, *, quick: bool) -> None:
    for rows in (50, 200, 500, 2_000):
        for accuracy in (0.6, 0.8, 0.9, 0.94, 0.98):
            hits = np.arange(rows + 1)
            chance = binom.pmf(hits, rows, accuracy)
            likely = hits[chance > 1e-9]
            held = sum(
                chance[h]
                for h in likely
                if share(int(h), rows).low <= accuracy <= share(int(h), rows).high
            )
            told.add(
                f"accuracy {accuracy}, {rows:,} rows (exact)",
                float(held), LEAST, highest(rows, accuracy), None,
            )  # fmt: skip
        if quick and rows == 500:
            return


def confusion(labels: int, accuracy: float) -> Floats:
    """Return chances [target, answer] with labels of unequal size."""
    weights = np.arange(2 * labels, labels, -1.0)
    weights /= weights.sum()
    chances = np.zeros((labels, labels))
    for target in range(labels):
        others = weights.copy()
        others[target] = 0
        chances[target] = weights[target] * (1 - accuracy) * others / others.sum()
        chances[target, target] = weights[target] * accuracy
    return chances


def f1_of(chances: Floats) -> float:
    """Return the true macro F1."""
    return float(macro_f1(np.diag(chances), chances.sum(axis=1), chances.sum(axis=0)))


def answers_of(targets: Any, given: Any, labels: int) -> Answers:
    ids = tuple(f"{n:06d}" for n in range(len(targets)))
    return Answers(ids, targets, given, tuple(map(str, range(labels))), labels, ())


def macro_f1_intervals(told: Told, *, quick: bool) -> None:
    worlds = 300 if quick else 1_500
    rng = np.random.default_rng(1)
    for labels, rows in ((2, 50), (4, 50), (4, 200), (10, 200), (10, 1_000)):
        for accuracy in (0.6, 0.9, 0.98):
            chances = confusion(labels, accuracy)

            def draw(chances: Floats = chances, rows: int = rows) -> tuple[Interval, float]:
                cell = rng.choice(chances.size, size=rows, p=chances.ravel())
                found = answers_of(cell // len(chances), cell % len(chances), len(chances))
                return macro_f1_interval(found, 1_000), f1_of(chances)

            told.add(
                f"macro F1, {labels} labels, accuracy {accuracy}, {rows:,} rows",
                covered(draw, worlds), LEAST, highest(rows, accuracy), worlds,
            )  # fmt: skip


SCORES: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "ROUGE about 0.3": (lambda rng, n: rng.beta(2, 4.7, n), 2 / 6.7),
    "ROUGE about 0.15, skewed": (lambda rng, n: rng.beta(0.6, 3.4, n), 0.15),
    "ROUGE about 0.7": (lambda rng, n: rng.beta(4, 1.7, n), 4 / 5.7),
    "half of the rows 0": (
        lambda rng, n: np.where(rng.random(n) < 0.5, 0.0, rng.beta(2, 4, n)), 1 / 6
    ),
    "80% of the rows 1": (
        lambda rng, n: np.where(rng.random(n) < 0.8, 1.0, rng.beta(2, 2, n)), 0.9
    ),
    "95% of the rows 1": (
        lambda rng, n: np.where(rng.random(n) < 0.95, 1.0, rng.beta(2, 2, n)), 0.975
    ),
}  # fmt: skip


def mean_intervals(told: Told, *, quick: bool) -> None:
    worlds = 2_000 if quick else 8_000
    rng = np.random.default_rng(2)
    for name, (scores, truth) in SCORES.items():
        for rows in (50, 200, 2_000):

            def draw(
                scores: Any = scores, truth: float = truth, rows: int = rows
            ) -> tuple[Interval, float]:
                return mean_interval(scores(rng, rows)), truth

            told.add(
                f"{name}, {rows:,} rows",
                covered(draw, worlds), LEAST, highest(rows, truth), worlds,
            )  # fmt: skip


def paired(
    rng: np.random.Generator, rows: int, accuracies: tuple[float, float], alike: float = 0.7
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which rows two candidates get right, their errors correlated."""
    hard = rng.standard_normal(rows)
    ease = [
        math.sqrt(alike) * hard + math.sqrt(1 - alike) * rng.standard_normal(rows) for _ in (0, 1)
    ]
    one, other = (e > norm.isf(a) for e, a in zip(ease, accuracies, strict=True))
    return one, other


def pair_of(
    rng: np.random.Generator, rows: int, accuracies: tuple[float, float], labels: int = 4
) -> Pair:
    targets = rng.integers(labels, size=rows)
    right = paired(rng, rows, accuracies)
    one, other = (
        np.where(ok, targets, (targets + rng.integers(1, labels, rows)) % labels) for ok in right
    )
    return Pair(targets, one, other, labels)


def only_one(accuracies: tuple[float, float], alike: float = 0.7) -> tuple[float, float]:
    """Return the true shares of rows that just the first, and just the second, gets right."""
    edges = [float(norm.isf(a)) for a in accuracies]
    both = float(multivariate_normal.cdf([-e for e in edges], cov=[[1, alike], [alike, 1]]))
    return accuracies[0] - both, accuracies[1] - both


def difference_coverage(rows: int, accuracies: tuple[float, float]) -> float:
    """Return the exact coverage of the interval of two accuracies' difference."""
    shares = only_one(accuracies)
    truth, held = accuracies[0] - accuracies[1], 0.0
    firsts = np.arange(rows + 1)
    for ours in firsts[binom.pmf(firsts, rows, shares[0]) > 1e-9]:
        rest = np.arange(rows - ours + 1)
        chances = binom.pmf(ours, rows, shares[0]) * binom.pmf(
            rest, rows - ours, shares[1] / (1 - shares[0])
        )
        for theirs in rest[chances > 1e-10]:
            found = right_and_wrong_interval(int(ours), int(theirs), rows)
            held += chances[theirs] * (found.low - 1e-12 <= truth <= found.high + 1e-12)
    return held


def difference_intervals(told: Told, *, quick: bool) -> None:
    worlds = 1_000 if quick else 4_000
    rng = np.random.default_rng(3)
    for rows in (50, 200, 2_000):
        for one, other in ((0.6, 0.6), (0.9, 0.85), (0.98, 0.96)):
            most = MOST if rows >= 200 and max(one, other) < 0.95 else 1.0
            told.add(
                f"difference of accuracies {one} and {other}, {rows:,} rows (exact)",
                difference_coverage(rows, (one, other)), LEAST, most, None,
            )  # fmt: skip
        for name in ("ROUGE about 0.3", "half of the rows 0"):
            scores, _ = SCORES[name]

            def apart(rows: int = rows, scores: Any = scores) -> Any:
                return mean_difference(scores(rng, rows) - scores(rng, rows), 0).difference, 0.0

            told.add(
                f"difference of means, {name}, {rows:,} rows",
                covered(apart, worlds // 4), LEAST, MOST if rows >= 200 else 1.0, worlds // 4,
            )  # fmt: skip
    few = 100 if quick else 500
    for rows, one, other in ((100, 0.8, 0.8), (400, 0.9, 0.85)):

        def f1_apart(rows: int = rows, one: float = one, other: float = other) -> Any:
            found = macro_f1_difference(pair_of(rng, rows, (one, other)), 0)
            return found.difference, one - other  # balanced labels and errors: F1 is accuracy

        told.add(
            f"difference of macro F1 {one} and {other}, {rows:,} rows",
            covered(f1_apart, few), LEAST, MOST if rows >= 200 else 1.0, few,
        )  # fmt: skip


def grouped_intervals(told: Told, *, quick: bool) -> None:
    """Groups of 1 to 9 rows that share much of their luck; beside them, rows taken as alone."""
    worlds = 1_000 if quick else 4_000
    rng = np.random.default_rng(4)
    for groups in (30, 100, 400):
        for accuracy in (0.6, 0.9):

            def luck(groups: int = groups, alike: float = 0.4) -> tuple[Any, Floats]:
                number = np.repeat(np.arange(groups), rng.integers(1, 10, groups))
                whole = rng.standard_normal(groups)[number]
                own = rng.standard_normal(len(number))
                return number, math.sqrt(alike) * whole + math.sqrt(1 - alike) * own

            def alone(accuracy: float = accuracy, luck: Any = luck) -> Any:
                _, ease = luck()
                return grouped_share((ease > norm.isf(accuracy)).astype(float), None), accuracy

            def grouped(accuracy: float = accuracy, luck: Any = luck) -> Any:
                number, ease = luck()
                return grouped_share((ease > norm.isf(accuracy)).astype(float), number), accuracy

            def score(luck: Any = luck) -> Any:
                number, ease = luck()
                return mean_interval(norm.cdf(ease) ** 2, number), 1 / 3

            name = f"{groups} groups of 1 to 9 rows"
            print(f"  (taken as rows alone: {covered(alone, worlds // 4):.1%})")
            told.add(f"accuracy {accuracy}, {name}", covered(grouped, worlds), LEAST, 1.0, worlds)
        told.add(f"mean of scores, {name}", covered(score, worlds), LEAST, 1.0, worlds)


def verdicts(metric: str, told: Told, *, quick: bool) -> None:
    """How often 'tune' is said though nothing differs."""
    worlds = 100 if quick else 800
    rng = np.random.default_rng(5)
    for candidates in (2, 5, 10):
        for rows in (100, 1_000):
            count = worlds // (1 if metric == "accuracy" else 4)
            wrong = sum(_decided(rng, metric, candidates, rows) == "tune" for _ in range(count))
            told.add(
                f"false 'tune', {metric}, {candidates} candidates, {rows:,} rows",
                wrong / count, 0.0, 0.05, count,
            )  # fmt: skip


def _decided(rng: np.random.Generator, metric: str, candidates: int, rows: int) -> str:
    names = {"majority": "majority"} | {
        f"{kind}-{n}": kind
        for n in range(candidates)
        for kind in [("prompt", "encoder", "existing", "encoder")[n % 4]]
    }
    if metric == "rouge_l":
        words = np.array(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"])
        targets = [" ".join(words) for _ in range(rows)]
        labels: tuple[str, ...] = ()
        most = {name: 2 if kind == "majority" else 9 for name, kind in names.items()}
        given = {
            name: [" ".join(words[: rng.integers(0, most[name])]) for _ in range(rows)]
            for name in names
        }
    else:
        labels = ("a", "b", "c", "d")
        targets = [labels[n] for n in rng.integers(4, size=rows)]
        hard, edge = rng.standard_normal(rows), float(norm.isf(0.85))
        given = {}
        for name, kind in names.items():
            ease = math.sqrt(0.6) * hard + math.sqrt(0.4) * rng.standard_normal(rows)
            off = rng.integers(1, 4, rows).tolist()
            given[name] = [
                "a" if kind == "majority"
                else t if e > edge
                else labels[(labels.index(t) + o) % 4]
                for t, e, o in zip(targets, ease.tolist(), off, strict=True)
            ]  # fmt: skip
    examples = [Example(f"{n:05d}", "", t, n + 1, "rows.csv") for n, t in enumerate(targets)]
    answers = {
        name: [Prediction(e.id, a) for e, a in zip(examples, said, strict=True)]
        for name, said in given.items()
    }
    test = {name: _card(name, names[name], rows, rng.random(), metric) for name in names}
    verdict = decided(
        validation=test, test=test, answers=answers, examples=examples, labels=labels,
        settings=DecideSettings.model_validate({"metric": metric, "minimum_gain": 0.0}),
        looks=1, seed=0,
    )  # fmt: skip
    return verdict.decision


def _card(name: str, kind: str, rows: int, value: float, metric: str) -> Scorecard:
    """Return what validation says where nothing differs: any order of the candidates."""
    metrics = {metric: Interval(value, 0.0, 1.0, ""), "accuracy": Interval(value, 0.0, 1.0, "")}
    return Scorecard(name, kind, KINDS[kind], "test", rows, metrics, (), ())


def power(told: Told, *, quick: bool) -> None:
    """The difference said to be noticed four times in five, put to the test."""
    worlds = 600 if quick else 4_000
    rng = np.random.default_rng(6)
    for rows, discordance in ((60, 0.3), (200, 0.15), (1_000, 0.1)):
        least = noticeable_difference(rows, discordance)
        assert least is not None
        share_one = (max(discordance, least) + least) / 2
        share_other = max(discordance, least) - share_one
        noticed = 0
        for _ in range(worlds):
            only_one, only_other, _ = rng.multinomial(
                rows, [share_one, share_other, 1 - share_one - share_other]
            )
            ahead = np.repeat(
                [1.0, -1.0, 0.0], [only_one, only_other, rows - only_one - only_other]
            )
            noticed += mean_difference(ahead, 0).p_value < 0.05
        told.add(
            f"power, accuracy, {rows:,} rows, {least:.1%} apart",
            noticed / worlds,
            0.77,
            0.83,
            worlds,
        )
        assert abs(mcnemar_power(rows, max(discordance, least), least) - 0.8) < 1e-3
    few = worlds // 4
    for rows in (60, 300, 1_000):
        scores, _ = SCORES["ROUGE about 0.3"]
        forecast = [
            mean_difference(scores(rng, rows) - scores(rng, rows), 0).noticeable for _ in range(20)
        ]
        least = float(np.mean([f for f in forecast if f is not None]))
        noticed = sum(
            mean_difference(
                np.clip(scores(rng, rows) - scores(rng, rows) + least, -1, 1), 0
            ).p_value
            < 0.05
            for _ in range(few)
        )
        told.add(f"power, means, {rows:,} rows, {least:.1%} apart", noticed / few, 0.77, 0.83, few)
    few = 100 if quick else 600
    for rows in (200, 600):
        least = 0.05
        for _ in range(3):  # forecast in a world in which the difference is what is forecast
            pair = [
                macro_f1_difference(pair_of(rng, rows, (0.8 + least, 0.8)), 0) for _ in range(20)
            ]
            least = float(np.mean([one.noticeable for one in pair if one.noticeable is not None]))
        noticed = sum(
            macro_f1_difference(pair_of(rng, rows, (0.8 + least, 0.8)), 0).p_value < 0.05
            for _ in range(few)
        )
        told.add(
            f"power, macro F1, {rows:,} rows, {least:.1%} apart", noticed / few, 0.77, 0.83, few
        )


def speed(told: Told, *, quick: bool) -> None:
    """10,000 predictions, 10,000 resamples, all metrics but the one that asks an encoder."""
    del quick
    rng = np.random.default_rng(7)
    rows = 10_000
    chances = confusion(20, 0.9)
    cell = rng.choice(chances.size, size=rows, p=chances.ravel())
    found = answers_of(cell // 20, cell % 20, 20)
    f1_seconds, _ = timed(lambda: macro_f1_interval(found, 10_000))
    labels = tuple(map(str, range(20)))
    examples = [Example(f"{n:06d}", "", str(c // 20), n, "x") for n, c in enumerate(cell)]
    predictions = [Prediction(f"{n:06d}", str(c % 20)) for n, c in enumerate(cell)]
    card_seconds, _ = timed(
        lambda: scorecard(
            candidate="one",
            kind="encoder",
            family="tune",
            split="test",
            examples=examples,
            predictions=predictions,
            labels=labels,
            timing=None,
            part=None,
            fit_seconds=None,
        )
    )
    words = np.array(["the", "you", "may", "not", "we", "can", "your", "account", "data", "use"])
    targets = [" ".join(rng.choice(words, 20)) for _ in range(rows)]
    said = [" ".join(rng.choice(words, 20)) for _ in range(rows)]
    text_seconds, _ = timed(lambda: text_intervals(targets, said))
    whole = f1_seconds + card_seconds + text_seconds
    print(
        f"10,000 predictions: macro F1 with 10,000 resamples {f1_seconds:.1f} s, the scorecard of"
        f" labels {card_seconds:.1f} s, all metrics of texts {text_seconds:.1f} s:"
        f" {whole:.1f} s (at most 20)"
    )
    told.rows.append({"what": "10,000 predictions", "seconds": whole, "missed": whole > 20})
    if whole > 20:
        told.missed.append(f"10,000 predictions took {whole:.1f} s")


# the longest first; the speed last and alone
PARTS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("verdicts", functools.partial(verdicts, "accuracy")),
    ("verdicts", functools.partial(verdicts, "macro_f1")),
    ("power", power),
    ("verdicts", functools.partial(verdicts, "rouge_l")),
    ("intervals", macro_f1_intervals),
    ("intervals", difference_intervals),
    ("intervals", mean_intervals),
    ("groups", grouped_intervals),
    ("intervals", accuracy_intervals),
    ("speed", speed),
)


def simulated(place: int, quick: bool) -> Told:
    """Return what one part found."""
    told = Told()
    PARTS[place][1](told, quick=quick)
    return told


def main() -> None:
    """Simulate, print, and check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=sorted({name for name, _ in PARTS}))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    chosen = [n for n, (name, _) in enumerate(PARTS) if asked.only in (None, name)]
    aside = [n for n in chosen if PARTS[n][0] != "speed"]
    began, told = time.monotonic(), Told()
    with ProcessPoolExecutor(asked.processes) as pool:
        found = list(pool.map(simulated, aside, [asked.quick] * len(aside)))
    found += [simulated(n, asked.quick) for n in chosen if n not in aside]
    for one in found:
        told.rows += one.rows
        told.missed += one.missed
    print(f"{time.monotonic() - began:.0f} s with {asked.processes} processes")
    if asked.out:
        about = {"commit": commit(), "machine": platform.platform(), "rows": told.rows}
        write_json(asked.out, about)
    if told.missed:
        print(f"missed: {'; '.join(told.missed)}")
        sys.exit(1 if asked.check else 0)
    print("all goals met")


if __name__ == "__main__":
    main()
