"""What a training logged, drawn: every point inside the frame, nothing drawn of nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.report.loss_plot import drawing
from tunewise.report.plots import FRAME

LOSS = st.floats(0, 50, allow_nan=False)


@given(st.lists(LOSS, min_size=2, max_size=40), st.lists(LOSS, max_size=6))
def test_every_point_lies_in_the_frame(training: list[float], validation: list[float]) -> None:
    curve = [{"epoch": (n + 1) / 7, "loss": loss} for n, loss in enumerate(training)]
    curve += [{"epoch": n + 1.0, "validation_loss": v} for n, v in enumerate(validation)]
    found = drawing("lora", curve)
    assert found is not None
    left, top, right, bottom = FRAME
    for points in (found.training, found.validation):
        for x, y in re.findall(r"([-\d.]+),([-\d.]+)", points):
            assert left <= float(x) <= right
            assert top <= float(y) <= bottom
    assert len(found.dots) == len(validation)


def test_the_lowest_validation_loss_is_told_with_its_epoch() -> None:
    curve = [{"epoch": 0.5, "loss": 3.0}, {"epoch": 1.0, "loss": 2.0}]
    curve += [{"epoch": 1.0, "validation_loss": 2.5}, {"epoch": 2.0, "validation_loss": 2.75}]
    found = drawing("lora", curve)
    assert found is not None
    assert found.told == (
        "Training loss from 3.00 to 2.00; validation loss lowest with 2.500 after epoch 1."
    )


@pytest.mark.parametrize("curve", [[], [{"epoch": 1.0, "loss": 1.0}], [{"train_loss": 1.0}]])
def test_too_little_is_not_drawn(curve: list[dict[str, float]]) -> None:
    assert drawing("lora", curve) is None
