"""Faults these catch: rows of one document that a curve's interval takes for independent ones."""

from __future__ import annotations

import numpy as np
import pytest

from tunewise.curve.measure import Answers, _measured_of
from tunewise.records import CurvePoint, Example


def judged(groups: list[str | None]) -> list[Example]:
    return [Example(f"id{n}", f"t{n}", "x", n, "t.csv", group=g) for n, g in enumerate(groups)]


def answers(errors: list[float]) -> Answers:
    point = CurvePoint(100, 0, 2, len(errors), float(np.mean(errors)), 1.0)
    return Answers(point, tuple(f"id{n}" for n in range(len(errors))), tuple(errors))


def test_rows_of_one_group_are_one_and_the_error_is_that_of_all_rows() -> None:
    errors = [1.0, 1.0, 1.0, 0.2, 0.0]
    found = _measured_of(answers(errors), judged(["a", "a", "a", None, "b"]))
    assert (found.size, found.fold, len(found.errors)) == (100, 2, 3)
    assert found.errors.mean() == pytest.approx(np.mean(errors))
    alone = _measured_of(answers(errors), judged([None, "a", "b", "c", "d"]))
    assert alone.errors.tolist() == errors
