"""Faults these catch: promises of power or of rows that a simulation doesn't keep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, multinomial

from tunewise.evaluation.power import (
    connor_rows,
    mcnemar_power,
    noticeable_difference,
    resampled_power,
    rows_to_notice,
)

DRAWS = 20_000


def simulated_power(rows: int, discordance: float, difference: float) -> float:
    """Return how often the sign test on the discordant rows rejects, by drawing and testing."""
    ours = (discordance + difference) / 2
    theirs = (discordance - difference) / 2
    drawn = multinomial.rvs(
        rows, [ours, theirs, 1 - ours - theirs], size=DRAWS, random_state=np.random.default_rng(1)
    )
    kinds, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    rejects = [a + b > 0 and binomtest(int(a), int(a + b)).pvalue < 0.05 for a, b in kinds]
    return float(counts[np.array(rejects)].sum() / DRAWS)


@pytest.mark.parametrize(
    ("rows", "discordance", "difference"),
    [(50, 0.3, 0.2), (200, 0.1, 0.05), (200, 0.1, 0.0), (400, 0.04, 0.03), (1000, 0.06, 0.02)],
)
def test_forecast_power_is_what_simulation_finds(
    rows: int, discordance: float, difference: float
) -> None:
    forecast = mcnemar_power(rows, discordance, difference)
    assert forecast == pytest.approx(simulated_power(rows, discordance, difference), abs=0.015)


@pytest.mark.parametrize("rows", [20, 100, 1000])
@pytest.mark.parametrize("discordance", [0.0, 0.01, 0.06, 0.3])
def test_noticeable_difference_is_noticed_four_times_in_five(rows: int, discordance: float) -> None:
    found = noticeable_difference(rows, discordance)
    assert found is not None
    discordance = max(discordance, found)
    assert mcnemar_power(rows, discordance, found) == pytest.approx(0.8, abs=1e-3)
    assert simulated_power(rows, discordance, found) == pytest.approx(0.8, abs=0.02)


def test_five_rows_can_show_nothing_and_six_hardly_anything() -> None:
    assert noticeable_difference(1, 0.0) is None
    assert noticeable_difference(5, 1.0) is None
    six = noticeable_difference(6, 1.0)
    assert six is not None
    assert six > 0.9


@pytest.mark.parametrize(
    ("discordance", "difference"), [(0.06, 0.02), (0.2, 0.05), (0.1, -0.1), (0.4, 0.1), (1, 0.3)]
)
def test_rows_needed_are_enough_and_hardly_more_than_connor_says(
    discordance: float, difference: float
) -> None:
    found = rows_to_notice(discordance, difference)
    assert found is not None
    assert 0.78 <= simulated_power(found, discordance, difference) <= 0.86
    assert connor_rows(discordance, difference) <= found
    assert found <= connor_rows(discordance, difference) * 1.15 + 2 / abs(difference)


def test_no_number_of_rows_shows_a_nil_difference() -> None:
    assert rows_to_notice(0.1, 0.0) is None
    assert resampled_power(100, 0.0, 0.01, 0.01) == (pytest.approx(0.028016, abs=1e-6), None)


def test_a_tiny_difference_asks_for_rows_without_end_but_not_for_time_without_end() -> None:
    found = rows_to_notice(0.3, 1e-6)
    assert found is not None
    assert found >= 1_000_000


def test_a_stricter_level_asks_for_more_rows() -> None:
    loose, strict = rows_to_notice(0.1, 0.04), rows_to_notice(0.1, 0.04, 0.05 / 6)
    assert loose is not None
    assert strict is not None
    assert 1.3 < strict / loose < 1.8
