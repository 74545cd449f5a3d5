"""Faults these catch: unknown costs taken for nothing, break-even the wrong way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydantic
import pytest
from worlds import Planted, World

from tunewise.decision.money import break_even, costs, per_thousand
from tunewise.evaluation.score import positive_mean
from tunewise.records import Interval, Scorecard
from tunewise.task.settings import DecideSettings

PRICED = DecideSettings(price_per_hour=3.6, requests_per_month=100_000)


def card(name: str, family: str = "prompt", **more: object) -> Scorecard:
    base = Scorecard(name, "prompt", family, "test", 100, {}, (), ())  # type: ignore[arg-type]
    return replace(base, **more)  # type: ignore[arg-type]


def test_hardware_costs_for_as_long_as_it_is_busy() -> None:
    """3.60 dollars an hour are a tenth of a cent a second; 20 rows a second, 5 cents for 1,000."""
    seconds = Interval(0.2, 0.1, 0.3, "")
    found = per_thousand(card("p", rows_per_second=20.0, seconds_per_request=seconds), PRICED)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.025, 0.075))
    alone = per_thousand(card("p", seconds_per_request=seconds), PRICED)
    assert alone is not None
    assert alone.value == pytest.approx(0.2)


def test_what_is_not_known_costs_nothing_known() -> None:
    assert per_thousand(card("p"), PRICED) is None
    assert per_thousand(card("p", rows_per_second=20.0), DecideSettings()) is None
    assert per_thousand(card("far", rows_per_second=20.0, local=False), PRICED) is None
    assert costs({"p": card("p")}, PRICED)["p"].in_all is None
    assert costs({"t": card("t", "tune", rows_per_second=9.0)}, PRICED)["t"].once is None


def test_tuning_is_paid_once_and_upkeep_every_month() -> None:
    tuned = card("t", "tune", rows_per_second=20.0, fit_seconds=7_200.0)
    settings = PRICED.model_copy(update={"upkeep_per_month": 10.0, "months": 6})
    found = costs({"t": tuned}, settings)["t"]
    assert (found.once, found.a_month) == pytest.approx((7.2, 0.05 * 100 + 10))
    assert found.in_all == pytest.approx(6 * 15 + 7.2)


def test_break_even_is_where_both_cost_the_same() -> None:
    prompt = card("p", cost_per_1000=2.0, cost_range=Interval(2.0, 1.8, 2.2, ""), local=False)
    tuned = card("t", "tune", rows_per_second=20.0, fit_seconds=36_000.0)
    found = break_even(prompt, tuned, PRICED, 0)
    assert found is not None
    assert (found.cheaper, found.than) == ("t", "p")
    volume = found.requests_per_month
    at = costs({"p": prompt, "t": tuned}, PRICED.model_copy(update={"requests_per_month": volume}))
    assert at["p"].in_all == pytest.approx(at["t"].in_all)
    assert found.low < volume < found.high
    assert break_even(tuned, prompt, PRICED, 0) == found


def test_a_saving_that_may_be_none_has_no_upper_end_and_a_loss_no_break_even() -> None:
    unsure = Interval(0.06, 0.0, 0.12, "")
    prompt = card("p", cost_per_1000=0.06, cost_range=unsure, local=False)
    tuned = card("t", "tune", rows_per_second=20.0, fit_seconds=3_600.0)
    found = break_even(prompt, tuned, PRICED, 0)
    assert found is not None
    assert found.high is None
    assert (
        break_even(replace(prompt, cost_per_1000=0.01, cost_range=None), tuned, PRICED, 0) is None
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("key", ["price_per_hour", "upkeep_per_month", "max_cost_per_1000"])
def test_a_price_that_cannot_be_is_refused(key: str, bad: float) -> None:
    with pytest.raises(pydantic.ValidationError):
        DecideSettings.model_validate({key: bad})


@pytest.mark.parametrize("bad", [-5, 0])
def test_a_volume_that_cannot_be_is_refused(bad: int) -> None:
    with pytest.raises(pydantic.ValidationError):
        DecideSettings(requests_per_month=bad)


def test_a_mean_time_has_an_interval_and_equal_times_none_to_speak_of() -> None:
    times = np.random.default_rng(0).gamma(4, 0.01, 40).tolist()
    found = positive_mean(times)
    assert found is not None
    assert 0 < found.low < found.value < found.high
    assert positive_mean([0.1, 0.1]) == Interval(0.1, 0.1, 0.1, "all alike")
    assert positive_mean([0.1]) is None


def equal_world(prompt_seconds: float, tuned_seconds: float, **decide: object) -> World:
    return World(
        {
            "majority": Planted("majority"),
            "prompt": Planted("prompt", 0.90, seconds=prompt_seconds),
            "encoder": Planted("encoder", 0.902, seconds=tuned_seconds),
        },
        test_rows=3_080,
        shared=0.95,
        settings=DecideSettings.model_validate(decide),
    )


def test_volume_decides_between_equals_and_the_verdict_says_from_where() -> None:
    """Both answer in batches alike, so that tuning is only a cost: the prompt is the cheaper."""
    verdict = equal_world(0.01, 0.01, price_per_hour=1.0, requests_per_month=10).verdict()
    assert verdict.decision == "prompt"
    assert "What they cost at 10 requests a month" in " ".join(verdict.reasons)


def test_a_bar_that_nothing_reaches_is_said_with_the_best() -> None:
    verdict = equal_world(0.01, 0.01, at_least=0.95).verdict()
    assert (verdict.decision, verdict.winner) == ("none meets your bar", None)
    assert "you asked for at least 95.0%; the best that was tried, encoder" in verdict.sentence


def test_a_cost_above_the_limit_sets_a_candidate_aside() -> None:
    world = equal_world(0.01, 0.01, price_per_hour=1_000_000.0, max_cost_per_1000=0.001)
    verdict = world.verdict()
    assert verdict.decision == "none meets your bar"
    assert "$0.001 for 1,000 requests at most" in verdict.sentence


def test_equivalence_needs_the_whole_interval_inside_the_margin() -> None:
    wide = " ".join(equal_world(0.01, 0.01, margin=0.05).verdict().reasons)
    assert "are equivalent: the difference is shown to be under 5 points either way" in wide
    tight = " ".join(equal_world(0.01, 0.01, margin=0.002).verdict().reasons)
    assert "equivalent" not in tight
