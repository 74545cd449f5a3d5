"""Twenty worlds whose truth is planted: is the verdict right, and for the right reason?

Each world draws rows, candidates of known quality, speed and price, and lets the real scorecards
and the real rules judge. Right is the decision that follows from what was planted; the reason is a
figure or sentence that must stand in the verdict. (A noisy judge has no say in a verdict; how it is
told from people is in tests/report/test_judge.py.)

Goal: the right verdict with the right reason in at least 19 of 20 worlds, for each seed tried.

    python benchmarks/planted_worlds.py [--seeds N] [--check] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm
from side_by_side import commit

from tunewise.decision.decide import decided
from tunewise.evaluation.score import scorecard
from tunewise.evaluation.texts import Asked
from tunewise.records import Example, Family, Prediction, Timing, Verdict
from tunewise.task.settings import CheckSettings, DecideSettings

GOAL = 19
LABELS = ("billing", "delivery", "login", "other")
FAMILIES: dict[str, Family] = {
    "majority": "floor", "existing": "keep", "prompt": "prompt", "encoder": "tune", "lora": "tune"
}  # fmt: skip
WORDS = ["you", "may", "share", "or", "sell", "what", "we", "know", "about", "account", "asks"]


@dataclass(frozen=True)
class Who:
    """A candidate: true quality, seconds of a request, price, answers in batches a second."""

    quality: float
    seconds: float = 0.01
    cost: float | None = None
    rate: float = 100.0
    local: bool = True
    fit_seconds: float = 60.0
    validation: float | None = None
    form: float = 1.0  # share of answers in the form that is asked for


@dataclass(frozen=True)
class World:
    """Candidates by kind, rows and wishes; `right` and `told` are what must come out."""

    who: dict[str, Who]
    right: str
    told: tuple[str, ...]
    rows: int = 1_500
    alike: float = 0.8
    wishes: dict[str, Any] = field(default_factory=dict)
    texts: bool = False
    checks: tuple[CheckSettings, ...] = ()
    groups: int | None = None
    looks: int = 1


def worlds() -> dict[str, World]:
    return {
        "tuned is better": World(
            {"prompt": Who(0.80), "encoder": Who(0.92)}, "tune", ("more than the prompt",)
        ),
        "prompt is better": World(
            {"prompt": Who(0.92), "encoder": Who(0.82)}, "prompt", ("more than the tuned model",)
        ),
        "what there is is best": World(
            {"existing": Who(0.93), "prompt": Who(0.80), "encoder": Who(0.85)},
            "keep", ("encoder is", "behind existing"),
        ),
        "equal, tuning cheaper at this volume": World(
            {"prompt": Who(0.90, cost=0.004, local=False), "encoder": Who(0.90)},
            "tune", ("What they cost at 100,000 requests a month", "rules out a gain of 2 points"),
            rows=5_000, alike=0.95, wishes={"price_per_hour": 1.0, "requests_per_month": 100_000},
        ),
        "equal, too few requests to pay for tuning": World(
            {
                "prompt": Who(0.90, cost=0.0004, local=False),
                "encoder": Who(0.90, fit_seconds=90_000),
            },
            "prompt", ("requests a month", "encoder costs less than prompt"),
            rows=5_000, alike=0.95, wishes={"price_per_hour": 4.0, "requests_per_month": 2_000},
        ),
        "equal, tuning faster": World(
            {"prompt": Who(0.90, seconds=0.7), "encoder": Who(0.90)},
            "tune", ("A typical request takes encoder",), rows=5_000, alike=0.95,
        ),
        "too few rows to tell": World(
            {"prompt": Who(0.80), "encoder": Who(0.84)},
            "not enough evidence", ("further test row", "only 60 test rows"), rows=60,
        ),
        "too few rows, and a small difference": World(
            {"prompt": Who(0.90), "encoder": Who(0.925)},
            "not enough evidence", ("until then, use prompt",), rows=250, alike=0.5,
        ),
        "leaked validation rows": World(
            {"prompt": Who(0.75), "encoder": Who(0.85, validation=0.99)},
            "tune", ("the two sides aren't alike",),
        ),
        "leaked test rows": World(
            {"prompt": Who(0.80), "encoder": Who(1.0)},
            "tune", ("make sure that the label doesn't stand in the text",),
        ),
        "a slow winner": World(
            {"prompt": Who(0.93, seconds=0.9), "encoder": Who(0.85)},
            "tune", ("prompt does better", "too slow for your limit", "would be looked at"),
            wishes={"max_latency_ms": 300.0},
        ),
        "everything too slow": World(
            {"prompt": Who(0.9, seconds=2.0), "encoder": Who(0.9, seconds=1.0)},
            "none meets your bar",
            ("no candidate keeps to 300 ms",),
            wishes={"max_latency_ms": 300.0},
        ),
        "a dear winner": World(
            {"prompt": Who(0.95, cost=0.02, local=False), "encoder": Who(0.88)},
            "tune", ("prompt is set aside: 1,000 requests cost $", "were allowed"),
            wishes={"max_cost_per_1000": 1.0, "price_per_hour": 1.0},
        ),
        "rows must stay here": World(
            {"prompt": Who(0.95, cost=0.001, local=False), "encoder": Who(0.88)},
            "tune", ("sends rows to an endpoint",), wishes={"run_locally": True},
        ),
        "nothing reaches the bar": World(
            {"prompt": Who(0.80), "encoder": Who(0.85)},
            "none meets your bar", ("you asked for at least 95.0%",), wishes={"at_least": 0.95},
        ),
        "nothing is learnt": World(
            {"prompt": Who(0.40), "encoder": Who(0.40)},
            "not enough evidence", ("always answering the most frequent label",), rows=2_000,
        ),
        "a winner that fails the format": World(
            {"prompt": Who(0.60, form=0.95), "lora": Who(0.72, form=0.40)},
            "prompt", ("points more than the tuned model",),
            texts=True, wishes={"metric": "checks"}, rows=600,
            checks=(CheckSettings(regex=r"^Summary: "),),
        ),
        "tuned writes better": World(
            {"prompt": Who(0.40), "lora": Who(0.60)},
            "tune", ("more than the prompt",), texts=True, wishes={"metric": "rouge_l"}, rows=400,
        ),
        "a difference that lies in a few documents": World(
            {"prompt": Who(0.80), "encoder": Who(0.84)},
            "not enough evidence", ("further test row",), rows=400, groups=8, alike=0.2,
        ),
        "test rows that are used up": World(
            {"prompt": Who(0.80), "encoder": Who(0.92)},
            "tune", ("have been looked at 9 times",), looks=9,
        ),
    }  # fmt: skip


def verdict(world: World, seed: int) -> Verdict:
    """Return the verdict on a world drawn anew."""
    rng = np.random.default_rng(seed)
    labels = () if world.texts else LABELS
    test, validation = (_examples(rng, world, n) for n in (world.rows, 400))
    candidates = {"majority": Who(0.0), **world.who}
    asked = Asked(world.checks)
    settings = DecideSettings.model_validate(world.wishes)
    answers = {n: _answers(rng, world, n, w, test, w.quality) for n, w in candidates.items()}
    chosen = {
        n: _answers(
            rng, world, n, w, validation, w.quality if w.validation is None else w.validation
        )
        for n, w in candidates.items()
    }

    # fmt: off
    def card(name: str, side: Any, rows: Sequence[Example], given: list[Prediction]) -> Any:
        who = candidates[name]
        times = rng.gamma(50, who.seconds / 50, 40) if side == "test" else ()
        return scorecard(
            candidate=name, kind=name, family=FAMILIES[name], split=side, examples=rows,
            predictions=given, labels=labels, part=None, fit_seconds=who.fit_seconds, asked=asked,
            timing=Timing(len(rows), len(rows) / who.rate, tuple(times)), local=who.local,
        )

    return decided(
        validation={n: card(n, "validation", validation, chosen[n]) for n in candidates},
        test={n: card(n, "test", test, answers[n]) for n in candidates},
        answers=answers, examples=test, labels=labels, settings=settings, looks=world.looks,
        seed=seed, asked=asked,
    )
    # fmt: on


def _examples(rng: np.random.Generator, world: World, rows: int) -> list[Example]:
    groups = [
        None if world.groups is None else f"document {n * world.groups // rows}"
        for n in range(rows)
    ]
    if world.texts:
        targets = ["Summary: " + " ".join(rng.permutation(WORDS)[:8]) for _ in range(rows)]
    else:
        targets = rng.choice(LABELS, size=rows, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    return [
        Example(f"{n:05d}", f"text {n}", t, n + 1, "rows.csv", group=g)
        for n, (t, g) in enumerate(zip(targets, groups, strict=True))
    ]


def _answers(  # noqa: PLR0917 -- a world, a candidate, rows
    rng: np.random.Generator, world: World, name: str, who: Who, rows: list[Example], quality: float
) -> list[Prediction]:
    """Return answers whose errors go with those of other candidates, and within documents."""
    hard = np.random.default_rng([len(rows), 5]).standard_normal(len(rows))
    own = rng.standard_normal(len(rows))
    if world.groups is not None:  # each document suits a candidate or doesn't
        own = rng.standard_normal(world.groups)[np.arange(len(rows)) * world.groups // len(rows)]
    ease = math.sqrt(world.alike) * hard + math.sqrt(1 - world.alike) * own
    chance = norm.cdf(ease)
    said = []
    for n, row in enumerate(rows):
        if world.texts:
            answer = _written(rng, name, row.target, quality, who.form)
        elif name == "majority":
            answer = LABELS[0]
        elif chance[n] > 1 - quality:
            answer = row.target
        else:
            answer = LABELS[(LABELS.index(row.target) + int(rng.integers(1, 4))) % 4]
        said.append(Prediction(row.id, answer, cost=_price(rng, who)))
    return said


def _written(rng: np.random.Generator, name: str, target: str, quality: float, form: float) -> str:
    if name == "majority":
        return "nothing"
    words = [w if rng.random() < quality else str(rng.choice(WORDS)) for w in target.split()[1:]]
    return ("Summary: " if rng.random() < form else "Here is a summary of it: ") + " ".join(words)


def _price(rng: np.random.Generator, who: Who) -> float | None:
    return None if who.cost is None else float(who.cost * rng.uniform(0.8, 1.2))


def wrong(world: World, found: Verdict) -> str | None:
    """Return what is wrong with a verdict; None if nothing is."""
    told = " ".join((found.sentence, *found.reasons, *found.changes))
    if found.decision != world.right:
        return f"'{found.decision}' rather than '{world.right}': {found.sentence}"
    absent = [words for words in world.told if words not in told]
    return f"'{absent[0]}' isn't said: {told}" if absent else None


def main() -> None:
    """Judge every world with every seed, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    made, counts = worlds(), list[int]()
    for seed in range(asked.seeds):
        faults = {name: wrong(world, verdict(world, seed)) for name, world in made.items()}
        counts.append(sum(fault is None for fault in faults.values()))
        print(f"seed {seed}: {counts[-1]} of {len(made)} right")
        for name, fault in faults.items():
            if fault is not None:
                print(f"  {name}: {fault}")
    if asked.out:
        about = {"commit": commit(), "machine": platform.platform(), "right": counts}
        asked.out.write_text(json.dumps(about | {"worlds": len(made)}, indent=2))
    print(f"right in {min(counts)} of {len(made)} worlds at worst (goal {GOAL})")
    sys.exit(1 if asked.check and min(counts) < GOAL else 0)


if __name__ == "__main__":
    main()
