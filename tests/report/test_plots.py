from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.records import Interval
from tunewise.report import pareto, plots
from tunewise.report.gather import Evidence, Judged

shares = st.floats(0, 1)


def with_figures(
    one: Judged, values: Sequence[tuple[float, float, float]], seconds: Sequence[float | None]
) -> list[Judged]:
    found = []
    for n, ((low, value, high), time) in enumerate(zip(values, seconds, strict=True)):
        card = replace(
            one.card,
            candidate=f"c{n}",
            metrics={"accuracy": Interval(value, low, high, "")},
            latency_p50=time,
            latency_p95=None if time is None else time * 1.4,
        )
        found.append(replace(one, name=f"c{n}", key=str(n), card=card))
    return found


@given(
    st.lists(
        st.tuples(shares, shares, shares).map(lambda t: tuple(sorted(t))), min_size=1, max_size=9
    )
)
def test_all_intervals_lie_inside_the_dot_plot(
    evidence: Evidence, values: list[tuple[float, float, float]]
) -> None:
    judged = with_figures(evidence.judged[0], values, [None] * len(values))
    drawing = plots.dot_plot(judged, "accuracy")
    for row in drawing.rows:
        assert plots.LEFT - 0.01 <= row.low <= row.dot <= row.high <= plots.RIGHT + 0.01
        assert 0 < row.y < drawing.height
    assert len(drawing.ticks) >= 3
    assert len({tick.text for tick in drawing.ticks}) == len(drawing.ticks)


@given(st.lists(st.floats(1e-5, 1e4), min_size=1, max_size=9))
def test_all_points_lie_inside_the_scatter_and_its_words_do_not_touch(
    evidence: Evidence, seconds: list[float]
) -> None:
    values = [(0.4, 0.5, 0.6)] * len(seconds)
    judged = with_figures(evidence.judged[0], values, seconds)
    drawing = pareto.scatter(judged, "accuracy", pareto.across_time(judged, 0.3))
    assert drawing is not None
    left, top, right, bottom = plots.FRAME
    for point in drawing.points:
        assert left < point.x < right
        assert point.far is not None
        assert point.x <= point.far <= right
        assert top <= point.y <= bottom
    worded = [min(t.at, 394.0) for t in drawing.x_ticks if t.text]
    assert worded
    assert all(b - a > 40 for a, b in pairwise(worded))


def test_faster_stands_left_and_better_stands_higher(evidence: Evidence) -> None:
    values = [(0.8, 0.9, 0.95), (0.5, 0.6, 0.7)]
    judged = with_figures(evidence.judged[0], values, [0.01, 0.5])
    drawing = pareto.scatter(judged, "accuracy", pareto.across_time(judged, None))
    assert drawing is not None
    fast, slow = drawing.points
    assert fast.x < slow.x
    assert fast.y < slow.y


def test_unmeasured_latency_is_named_and_not_drawn(evidence: Evidence) -> None:
    values = [(0.8, 0.9, 0.95)] * 2
    some = with_figures(evidence.judged[0], values, [0.01, None])
    one_known = pareto.scatter(some, "accuracy", pareto.across_time(some, None))
    assert one_known is not None
    assert one_known.absent == ("c1",)
    none_known = with_figures(evidence.judged[0], values, [None, None])
    assert pareto.scatter(none_known, "accuracy", pareto.across_time(none_known, None)) is None


def priced(judged: list[Judged], *prices: float | None) -> pareto.Across:
    costs = {one.name: price for one, price in zip(judged, prices, strict=True)}
    return pareto.across_cost(costs, None)


def test_who_is_outdone_is_told_by_quality_time_and_cost_together(evidence: Evidence) -> None:
    values = [(0.8, 0.9, 0.95), (0.7, 0.85, 0.9), (0.7, 0.85, 0.9)]
    judged = with_figures(evidence.judged[0], values, [0.5, 0.5, 0.1])
    time = pareto.across_time(judged, None)
    by_time = pareto.outdone(judged, "accuracy", [time])
    assert by_time == {"c0": None, "c1": "c0", "c2": None}  # c2 is worse but faster
    dear = priced(judged, 3.0, 1.0, 1.0)
    assert pareto.outdone(judged, "accuracy", [time, dear])["c1"] == "c2"
    unknown = priced(judged, None, 1.0, 1.0)
    assert pareto.outdone(judged, "accuracy", [unknown])["c1"] is None
    alike = pareto.outdone(judged[1:], "accuracy", [priced(judged[1:], 1.0, 1.0)])
    assert alike == {"c1": None, "c2": None}


def test_cost_is_drawn_and_outdone_points_say_by_whom(evidence: Evidence) -> None:
    values = [(0.8, 0.9, 0.95), (0.7, 0.85, 0.9), (0.5, 0.6, 0.7)]
    judged = with_figures(evidence.judged[0], values, [0.1, 0.1, 0.1])
    cost = priced(judged, 0.004, 2.0, None)
    found = pareto.scatter(judged, "accuracy", cost, pareto.outdone(judged, "accuracy", [cost]))
    assert found is not None
    assert [(p.told, p.outdone) for p in found.points] == [("$0.004", None), ("$2.00", "c0")]
    assert found.points[0].x < found.points[1].x
    assert found.absent == ("c2",)
    assert {t.text for t in found.x_ticks} >= {"$0.01", "$1"}


def test_letters_of_close_points_do_not_lie_on_each_other(evidence: Evidence) -> None:
    values = [(0.88, 0.9, 0.92), (0.885, 0.905, 0.925), (0.89, 0.91, 0.93)]
    judged = with_figures(evidence.judged[0], values, [0.0100, 0.0102, 0.0104])
    drawing = pareto.scatter(judged, "accuracy", pareto.across_time(judged, None))
    assert drawing is not None
    spots = [(p.text_x, p.text_y) for p in drawing.points]
    for n, (x, y) in enumerate(spots):
        assert all(abs(x - ox) > 8 or abs(y - oy) > 10 for ox, oy in spots[:n])


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=200))
def test_every_row_is_in_one_bar_of_the_lengths(lengths: list[int]) -> None:
    drawing = plots.length_bars(lengths)
    counted = [int(bar.text.split(": ")[1].split()[0].replace(",", "")) for bar in drawing.bars]
    assert sum(counted) == len(lengths)
    assert drawing.most == max(counted)
    assert len(drawing.bars) <= plots.MOST_BINS + 2
    for bar in drawing.bars:
        assert plots.BARS[0] <= bar.x <= bar.x + bar.width <= plots.BARS[2] + 0.01
        assert bar.y + bar.height == pytest.approx(plots.BARS[3])


def test_the_longest_texts_share_the_last_bar() -> None:
    drawing = plots.length_bars([*range(10, 110), 9000])
    assert drawing.bars[-1].text.startswith("105 to 9,000 characters:")
    assert drawing.bars[0].text == "0 to 4 characters: 0 rows"


def test_balance_shows_the_largest_label_first() -> None:
    drawing = plots.balance_bars([3, 9, 0], ["a", "b", "c"])
    assert drawing is not None
    assert [bar.text for bar in drawing.bars] == ["b: 9 rows", "a: 3 rows", "c: 0 rows"]
    assert plots.balance_bars([1] * 500, ["x"] * 500) is None


def test_a_floor_far_below_does_not_squeeze_the_rest(evidence: Evidence) -> None:
    drawn = plots.worth_drawing(evidence.judged, "accuracy")
    assert [one.name for one in evidence.judged if one not in drawn] == ["majority"]
    only_floor = [one for one in evidence.judged if one.name == "majority"]
    assert plots.worth_drawing(only_floor, "accuracy") == only_floor
