"""Work and a machine become seconds and money, as a range.

What a card reaches of its maker's figure is read off published trainings; on a CPU the very step
was measured. Knows nothing of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.planning.estimate import NOTHING, Between, Part
from tunewise.planning.hardware import Machine
from tunewise.planning.measured import Rate

# Share of a card's dense bf16 rate that a training step reaches. Published: Qwen's README (2024),
# Qwen-7B on an A100 80GB, a row at a time with layers computed anew: LoRA 0.24 at 256 tokens and
# 0.44 at 2,048, operations reckoned as here. Measured here, an 8B model on an H100: LoRA 0.31 and
# 0.38, QLoRA 0.97 of LoRA, since weights in NF4 are made whole once a pass (docs/evidence.md). Its
# lower end leaves room for cards whose memory is slower.
TRAINED = Between(0.22, 0.52)
TRAINED_IN_4BIT = Between(0.17, 0.50)
ANSWERED = Between(0.15, 0.50)
ON_CPU = Between(0.15, 0.45)  # of the bf16 product rate, where the step itself couldn't be measured
LAUNCH = Between(4e-6, 12e-6)  # seconds that a card's driver takes for one operation
BANDWIDTH = Between(0.5, 0.85)  # share of the maker's figure that reading weights reaches
UNSETTLED = Between(0.92, 1.25)  # around what was measured: other work, longer rows, checkpoints
START = Between(3.0, 25.0)  # seconds to load a model and look it over


def seconds(
    parts: Sequence[Part], machine: Machine, *, in_4bit: bool = False, rate: Rate | None = None
) -> Between:
    """Return how long a candidate takes on a machine."""
    found = START if parts else NOTHING
    for part in parts:
        best, worst = _of(part, machine, in_4bit=in_4bit, rate=rate)
        found = found + Between(best * part.least, worst)
    return found


def _of(part: Part, machine: Machine, *, in_4bit: bool, rate: Rate | None) -> tuple[float, float]:
    learns = part.name == "train"
    reading = part.passes * part.reads / machine.bandwidth
    if rate is not None:
        best, usual = (rate.train_best, rate.train) if learns else (rate.answer_best, rate.answer)
        low, high = part.flops / best * UNSETTLED.low, part.flops / usual * UNSETTLED.high
        if part.name == "write":
            return max(low, reading), max(high, reading / BANDWIDTH.low)
        return low, high
    if machine.kind == "cuda":
        share = (TRAINED_IN_4BIT if in_4bit else TRAINED) if learns else ANSWERED
    else:
        share = ON_CPU
    launches = part.passes * part.operations if machine.kind == "cuda" else 0.0
    low = max(
        part.flops / (machine.flops * share.high),
        launches * LAUNCH.low,
        reading / BANDWIDTH.high,
    )
    high = (
        part.flops / (machine.flops * share.low) + launches * LAUNCH.high + reading / BANDWIDTH.low
    )
    return low, high


def money(taken: Between | None, machine: Machine) -> Between | None:
    """Return what so much time costs on a machine; None where nothing is paid or known."""
    if taken is None or machine.usd_per_hour is None:
        return None
    return taken.times(machine.usd_per_hour / 3600)
