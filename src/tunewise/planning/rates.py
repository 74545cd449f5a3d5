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
LAUNCH_ON_CPU = Between(15e-6, 40e-6)  # and PyTorch's own of a processor; measured on 2 cores
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
        if part.most_seconds is not None:
            best, worst = min(best, part.most_seconds), min(worst, part.most_seconds)
        found = found + Between(best * part.least, worst)
    return found


def _of(part: Part, machine: Machine, *, in_4bit: bool, rate: Rate | None) -> tuple[float, float]:
    learns, writes, on_card = part.name == "train", part.name == "write", machine.kind == "cuda"
    if rate is not None and not writes:  # what was measured reads many tokens in a pass
        best, usual = (rate.train_best, rate.train) if learns else (rate.answer_best, rate.answer)
        return part.flops / best * UNSETTLED.low, part.flops / usual * UNSETTLED.high
    if on_card:
        share = (TRAINED_IN_4BIT if in_4bit else TRAINED) if learns else ANSWERED
        launch = LAUNCH
    else:
        share = ON_CPU
        launch = LAUNCH_ON_CPU if writes else NOTHING
    computing = part.flops / machine.flops
    reading = part.passes * part.reads / machine.bandwidth
    launches = launch.times(part.passes * part.operations)
    low = max(computing / share.high, reading / BANDWIDTH.high)
    # A card is given its next operation while it does the last; a processor does all by itself.
    low = max(low, launches.low) if on_card else low + launches.low
    return low, computing / share.low + reading / BANDWIDTH.low + launches.high


def money(taken: Between | None, machine: Machine) -> Between | None:
    """Return what so much time costs on a machine; None where nothing is paid or known."""
    if taken is None or machine.usd_per_hour is None:
        return None
    return taken.times(machine.usd_per_hour / 3600)
