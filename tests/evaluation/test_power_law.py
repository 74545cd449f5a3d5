"""Faults these catch: a law that isn't the planted one, forecasts out of range, false certainty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.evaluation.groups import per_group
from tunewise.evaluation.power_law import Measured, fitted, spread

SIZES = np.array([100.0, 200, 500, 1000, 2000, 4000])


def errors_of(floor: float, scale: float, exponent: float, sizes: np.ndarray) -> np.ndarray:
    return floor + scale * sizes**-exponent


@given(st.floats(0, 0.3), st.floats(0.05, 0.6), st.floats(0.1, 1.8), st.integers(3, 6))
def test_planted_parameters_are_recovered(
    floor: float, first: float, exponent: float, count: int
) -> None:
    sizes = SIZES[:count]
    scale = first * sizes[0] ** exponent
    errors = errors_of(floor, scale, exponent, sizes)
    law = fitted(sizes, errors[None, :], np.ones(count))
    np.testing.assert_allclose(law.at(list(sizes))[0], errors, atol=1e-5)
    if count == 6 and first > 0.2 and 0.3 < exponent < 1.2:
        assert law.exponent[0] == pytest.approx(exponent, rel=0.01)
        assert law.floor[0] == pytest.approx(floor, abs=0.002)
        assert law.scale[0] == pytest.approx(scale, rel=0.05)
        ahead = errors_of(floor, scale, exponent, np.array([10_000.0]))
        assert law.at([10_000])[0] == pytest.approx(ahead, abs=1e-3)


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=6),
    st.lists(st.floats(0.1, 1e4), min_size=6, max_size=6),
)
def test_whatever_the_errors_the_law_falls_and_stays_at_least_zero(
    errors: list[float], weights: list[float]
) -> None:
    sizes = SIZES[: len(errors)]
    law = fitted(sizes, np.array([errors]), np.array(weights[: len(errors)]))
    assert law.floor[0] >= 0
    assert law.scale[0] >= 0
    line = law.at([100, 1000, 10_000, 1e6])[0]
    assert (np.diff(line) <= 1e-12).all()
    assert (line >= 0).all()


def test_no_grid_point_does_better() -> None:
    rng = np.random.default_rng(0)
    errors = errors_of(0.05, 3, 0.5, SIZES) + rng.normal(size=6) * 0.01
    weights = rng.uniform(1, 9, 6)
    law = fitted(SIZES, errors[None, :], weights)
    ours = (weights * (law.at(list(SIZES))[0] - errors) ** 2).sum()
    for floor in np.linspace(0, 0.15, 31):
        for exponent in np.linspace(0.05, 2, 79):
            for scale in np.geomspace(0.1, 1000, 60):
                other = (weights * (errors_of(floor, scale, exponent, SIZES) - errors) ** 2).sum()
                assert ours <= other + 1e-12


def fits(seed: int, rows: int, draws: list[int], folds: int = 1) -> list[Measured]:
    """Return made-up fits along 0.05 + 2 n**-0.5, whose rows differ in how hard they are."""
    rng = np.random.default_rng(seed)
    found = []
    hard = [rng.random(rows) for _ in range(folds)]
    for size, count in zip(SIZES, draws, strict=True):
        for draw in range(count):
            error = errors_of(0.05, 2, 0.5, np.array([size]))[0] * (1 + 0.03 * rng.normal())
            flips = rng.random(rows) < 0.05
            wrong = (hard[draw % folds] < error) ^ (flips & (rng.random(rows) < error))
            found.append(Measured(int(size), draw % folds, wrong.astype(float)))
    return found


@pytest.mark.parametrize(("draws", "folds"), [([3, 3, 3, 1, 1, 1], 1), ([3] * 6, 3)])
def test_intervals_hold_the_true_gain_about_as_often_as_they_say(
    draws: list[int], folds: int
) -> None:
    true = errors_of(0.05, 2, 0.5, np.array([5000.0, 10_000.0]))
    held = 0
    for seed in range(40):
        gain = spread(fits(seed, 1000, draws, folds), seed).gain(5000, 5000)
        held += gain.low <= true[0] - true[1] <= gain.high
    assert held >= 34


def test_fewer_rows_judged_give_a_wider_interval() -> None:
    few = spread(fits(0, 100, [2] * 6), 0).error_at(10_000)
    many = spread(fits(0, 4000, [2] * 6), 0).error_at(10_000)
    assert few.high - few.low > 2 * (many.high - many.low)
    for one in (few, many):
        assert one.low <= one.value <= one.high


@pytest.mark.parametrize(("draws", "folds"), [([1] * 6, 1), ([3] * 6, 3)])
def test_intervals_of_graded_errors_hold_as_often_and_are_narrower(
    draws: list[int], folds: int
) -> None:
    true = errors_of(0.4, 2, 0.5, np.array([5000.0, 10_000.0]))
    held, widths = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found, coarse = [], []
        rows = [rng.normal(0, 0.1, 200) for _ in range(folds)]  # texts that are harder or easier
        for size, count in zip(SIZES, draws, strict=True):
            for draw in range(count):
                mean = errors_of(0.4, 2, 0.5, np.array([size]))[0]
                errors = mean + rows[draw % folds] + rng.normal(0, 0.05, 200)
                found.append(Measured(int(size), draw % folds, np.clip(errors, 0, 1)))
                wrong = (rng.random(200) < mean).astype(float)
                coarse.append(Measured(int(size), draw % folds, wrong))
        gain, of_coarse = (spread(one, seed).gain(5000, 5000) for one in (found, coarse))
        held += gain.low <= true[0] - true[1] <= gain.high
        widths.append((gain.high - gain.low) / (of_coarse.high - of_coarse.low))
    assert held >= 34
    assert np.median(widths) < 0.8


def test_rows_that_come_in_groups_say_less() -> None:
    """Ten rows of a document that are all right or all wrong are one row."""
    alone = fits(0, 200, [1] * 6)
    groups = np.repeat(np.arange(200), 10)
    copied = [
        Measured(one.size, one.fold, per_group(np.repeat(one.errors, 10), groups)) for one in alone
    ]
    taken_alone = [Measured(one.size, one.fold, np.repeat(one.errors, 10)) for one in alone]
    few, grouped, many = (spread(one, 0).error_at(5000) for one in (alone, copied, taken_alone))
    assert (grouped.value, grouped.low, grouped.high) == pytest.approx(
        (few.value, few.low, few.high), abs=1e-6
    )
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_the_same_fits_give_the_same_figures() -> None:
    assert spread(fits(1, 200, [2] * 6), 7).gain(1, 2) == spread(fits(1, 200, [2] * 6), 7).gain(
        1, 2
    )


def test_a_candidate_that_errs_never_has_nothing_to_gain() -> None:
    never = [Measured(int(size), 0, np.zeros(50)) for size in SIZES]
    found = spread(never, 0)
    assert found.error_at(5000).value == 0
    assert found.gain(5000, 5000).value == 0


def test_two_sizes_are_too_few() -> None:
    with pytest.raises(ValueError, match="needs 3 sizes"):
        spread(fits(0, 50, [1] * 6)[:2], 0)
