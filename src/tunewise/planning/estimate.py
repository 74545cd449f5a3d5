"""The nouns of a plan: what a candidate computes, and what that takes on one machine.

Knows nothing of how they come about.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Between:
    """An honest range: what is meant lies between `low` and `high`."""

    low: float
    high: float

    def __add__(self, other: Between) -> Between:
        return Between(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Between:
        """Return the range, scaled."""
        return Between(self.low * factor, self.high * factor)


NOTHING = Between(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a candidate computes.

    Attributes:
        name: of it.
        flops: floating-point operations in all.
        passes: through the model.
        operations: that one pass launches.
        reads: bytes that one pass reads at least: of weights, and of what is remembered of texts.
        least: share of it that is done even where early stopping ends a training sooner, or a
            model its answers.
        most_seconds: after which it is ended; None: it is done to its end.
        requests: that it answers once the candidate is fitted; 0 for what belongs to the fit.
    """

    name: Literal["train", "validate", "answer", "write"]
    flops: float
    passes: float
    operations: int
    reads: float
    least: float = 1.0
    most_seconds: float | None = None
    requests: int = 0

    def times(self, factor: float) -> Part:
        """Return so many times the work."""
        return replace(self, flops=self.flops * factor, passes=self.passes * factor)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one candidate takes on one machine.

    Attributes:
        candidate, kind, model: which.
        machine: where.
        fits: None where nothing is held in memory worth speaking of.
        peak: bytes foreseen at most; None where it isn't known.
        room: bytes there are.
        tokens_per_pass, recomputed: how it fits.
        kinds: what the peak consists of, in bytes.
        seconds: None where it doesn't fit or isn't known.
        usd: None where nothing is paid or isn't known.
        notes: what it rests on.
        mends: what to change where it doesn't fit.
    """

    candidate: str
    kind: str
    model: str | None
    machine: str
    fits: bool | None
    peak: int | None
    room: int
    tokens_per_pass: int | None = None
    recomputed: int | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    seconds: Between | None = None
    usd: Between | None = None
    notes: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """What a whole run takes on one machine: the sum of its candidates.

    Attributes:
        fits: whether every candidate fits.
        unknown: candidates whose time isn't known and isn't in the sum.
        price: dollars an hour; None where nothing is paid.
    """

    machine: str
    fits: bool
    seconds: Between | None
    usd: Between | None
    price: float | None
    price_source: str
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a task takes.

    Attributes:
        task: its name.
        rows: to learn from, to choose on, to judge on.
        lengths: tokens of the training rows of the longest-read candidate: median, 95%, longest.
        on: the machine that `estimates` are about.
        estimates: of each candidate there.
        totals: on every machine, cheapest first among those that fit.
        cheapest: machine that fits for the least money; None where none fits.
        measured: bf16 product rate of this machine, in operations a second; None if not measured.
        notes: what all of it rests on.
    """

    task: str
    rows: tuple[int, int, int]
    lengths: tuple[int, int, int] | None
    on: str
    estimates: tuple[Estimate, ...]
    totals: tuple[Total, ...]
    cheapest: str | None
    measured: float | None
    notes: tuple[str, ...] = ()
