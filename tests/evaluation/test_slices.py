"""Faults these catch: a weak slice that goes unseen, and chance that is called weakness."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.evaluation.slices import slices, weakest
from tunewise.records import Example

RNG = np.random.default_rng(0)


def rows(count: int, **more: object) -> list[Example]:
    return [
        Example(f"{n:04d}", "x" * (n % 200 + 1), "ab"[n % 2], n, "rows.csv", group=f"g{n % 7}")
        for n in range(count)
    ]


def test_a_planted_weakness_is_found_and_named() -> None:
    made = rows(400)
    chance = [0.5 if row.group == "g3" else 0.95 for row in made]
    scores = (RNG.random(400) < chance).astype(float)
    weak = weakest(slices(made, scores, labelled=True))
    assert weak is not None
    assert (weak.kind, weak.name) == ("group", "g3")
    assert weak.score.high < weak.others


def test_without_a_weakness_none_is_called_out_more_than_one_time_in_twenty() -> None:
    made = rows(300)
    called = sum(
        weakest(slices(made, (RNG.random(300) < 0.8).astype(float), labelled=True)) is not None
        for _ in range(60)
    )
    assert called <= 7


def test_scores_of_texts_are_sliced_without_labels() -> None:
    found = slices(rows(100), RNG.random(100), labelled=False)
    assert {one.kind for one in found} == {"length", "group"}
    assert all(one.score.low <= one.score.value <= one.score.high for one in found)


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=30))
def test_few_rows_and_rows_alike_break_nothing(scores: list[float]) -> None:
    made = rows(len(scores))
    for one in slices(made, np.array(scores), labelled=True):
        assert 0 <= one.p_value <= one.p_adjusted <= 1
