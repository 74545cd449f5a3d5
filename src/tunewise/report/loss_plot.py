"""What a training logged -> places on a drawing: its loss by epoch, and that of validation rows.

The training loss is a line, the validation loss dots joined by a line. Knows nothing of SVG's
syntax or of what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewise.report.plots import FRAME, Tick, linear

MARKS = 5  # on an axis, at most
SMALLEST = 1e-6  # loss that the frame is high


@dataclass(frozen=True)
class LossDrawing:
    """Two lines in one frame.

    Attributes:
        name: of the candidate.
        training, validation: points as SVG writes them; empty where nothing was logged.
        dots: of the validation loss, (x, y).
        told: the same in words.
    """

    name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    training: str
    validation: str
    dots: tuple[tuple[float, float], ...]
    told: str


def drawing(name: str, curve: Sequence[dict[str, float]]) -> LossDrawing | None:
    """Return where everything goes; None where there is too little to draw a line.

    Args:
        name: of the candidate.
        curve: as training.json has it: entries with epoch, and loss or validation_loss.
    """
    training = [(e["epoch"], e["loss"]) for e in curve if "epoch" in e and "loss" in e]
    validation = [
        (e["epoch"], e["validation_loss"]) for e in curve if "epoch" in e and "validation_loss" in e
    ]
    known = [(x, y) for x, y in (*training, *validation) if math.isfinite(y)]
    if len(training) < 2 or len(known) < len(training):
        return None
    left, top, right, bottom = FRAME
    last = max(x for x, _ in known)
    highest = max(SMALLEST, *(y for _, y in known))  # all may be nil
    x, y = linear(0.0, last, left, right), linear(0.0, highest, bottom, top)

    def line(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)

    lowest = min(validation, key=lambda point: point[1]) if validation else None
    told = f"Training loss from {training[0][1]:.2f} to {training[-1][1]:.2f}"
    if lowest:
        told += f"; validation loss lowest with {lowest[1]:.3f} after epoch {lowest[0]:.0f}"
    return LossDrawing(
        name=name,
        x_ticks=tuple(Tick(x(v), f"{v:g}") for v in _marks(last)),
        y_ticks=tuple(Tick(y(v), f"{v:g}") for v in _marks(highest)),
        training=line(training),
        validation=line(validation),
        dots=tuple((x(at), y(value)) for at, value in validation),
        told=told + ".",
    )


def _marks(highest: float) -> list[float]:
    """Return round numbers from 0 up to the highest value, at most MARKS of them."""
    step = 10.0 ** math.floor(math.log10(highest / MARKS))
    size = next(step * lead for lead in (1, 2, 5, 10) if highest / (step * lead) < MARKS)
    return [round(number * size, 6) for number in range(int(highest / size) + 1)]
