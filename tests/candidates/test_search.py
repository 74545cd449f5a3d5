"""Faults these catch: a search that spends past its budget, that loses the plain prompt, or that
takes a way for the best which it is not.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.candidates.prompt.race import raced
from tunewise.candidates.prompt.search import (
    LEAST,
    arms_of,
    cost_of,
    every_way,
    halved,
)
from tunewise.candidates.prompt.showing import Way, drawn
from tunewise.errors import CapReached, TaskFileError
from tunewise.task.load import load_task

ROWS = 120


def scorer(quality: Callable[[Way], float]) -> tuple[Callable[[Way, int], np.ndarray], list[int]]:
    """Return scores of ways that are right so often, and what is asked anew each time."""
    asked: list[int] = []
    done: dict[Way, int] = {}

    def scores_of(way: Way, first: int) -> np.ndarray:
        asked.append(first - done.get(way, 0))
        done[way] = max(first, done.get(way, 0))
        lots = np.random.default_rng(zlib.crc32(repr(way).encode())).random(ROWS)
        return (lots < quality(way)).astype(float)[:first]

    return scores_of, asked


@given(st.integers(1, 40), st.integers(16, 3_000), st.integers(8, ROWS))
def test_no_search_takes_more_requests_than_it_may(
    instructions: int, budget: int, rows: int
) -> None:
    arms = arms_of(every_way([Way(0), Way(4)], instructions, 3), 2, budget, 0)
    scores_of, asked = scorer(lambda way: 0.5)
    best, tried = halved(arms, scores_of, rows, budget)
    assert sum(asked) <= budget
    assert best.way in arms
    assert arms[0] == Way(0)
    assert {one.way for one in tried} == set(arms)
    if len(arms) > 1:
        assert cost_of(len(arms)) <= budget


def test_a_way_that_is_far_better_is_found() -> None:
    arms = arms_of(every_way([Way(0), Way(4)], 6, 4), 2, 2_000, 0)
    wanted = arms[7]
    scores_of, _ = scorer(lambda way: 0.95 if way == wanted else 0.4)
    best, tried = halved(arms, scores_of, ROWS, 2_000)
    assert best.way == wanted
    assert best.rows == max(one.rows for one in tried) > LEAST
    assert sum(one.rows == best.rows for one in tried) < len(arms) / 2


def test_ways_that_the_user_named_are_the_last_to_be_left_out() -> None:
    own = [Way(0), Way(4), Way(4, "fused")]
    every = every_way(own, 5, 2)
    assert len(set(every)) == len(every) == 5 * 5  # two random sets of four examples
    for seed in range(20):
        arms = arms_of(every, len(own), cost_of(5), seed)
        assert arms[:3] == own
        assert len(arms) == 5
        assert arms_of(every, len(own), cost_of(2), seed) == own[:2]
        assert arms_of(every, len(own), 1, seed) == own[:1]
    assert len({tuple(arms_of(every, len(own), cost_of(5), seed)) for seed in range(20)}) > 10
    assert arms_of(every, len(own), cost_of(25), 0) == every


def test_the_plain_prompt_stays_to_the_end_and_wins_ties() -> None:
    arms = arms_of(every_way([Way(0)], 9, 0), 1, 600, 0)
    best, tried = halved(arms, lambda way, first: np.full(first, 0.5), ROWS, 600)
    assert best.way == Way(0)
    assert best.rows == max(one.rows for one in tried)


def test_money_that_ends_early_leaves_what_was_found() -> None:
    arms = arms_of(every_way([Way(0)], 4, 0), 1, 600, 0)
    plain, asked = scorer(lambda way: 0.9 if way == arms[2] else 0.3)

    def poor(way: Way, first: int) -> np.ndarray:
        if len(asked) > 5:
            raise CapReached("enough")
        return plain(way, first)

    best, _ = halved(arms, poor, ROWS, 600)
    assert best.way == arms[2]
    with pytest.raises(CapReached, match="before one way was tried"):
        halved(arms, lambda *_: (_ for _ in ()).throw(CapReached("x")), ROWS, 600)


def test_ways_raced_on_validation_drop_those_clearly_behind() -> None:
    scores_of, asked = scorer(lambda way: {0: 0.1, 2: 0.9, 4: 0.85}[way.shots])
    best, tried = raced([Way(0), Way(2), Way(4)], scores_of, ROWS)
    assert best.way in (Way(2), Way(4))
    assert tried[0].rows == 25
    assert sum(asked) < 3 * ROWS
    assert raced([Way(0), Way(2)], lambda _, n: np.ones(n), ROWS)[0].way == Way(0)


def test_random_sets_of_examples_differ_and_take_turns_by_label() -> None:
    labels = ["a"] * 30 + ["b"] * 30
    sets = [drawn(labels, 6, draw) for draw in (1, 2, 3)]
    assert len({tuple(one) for one in sets}) == 3
    assert drawn(labels, 6, 1) == sets[0]
    for one in sets:
        assert sorted(labels[n] for n in one) == ["a"] * 3 + ["b"] * 3
    assert sorted(drawn(["a", "b"], 5, 1)) == [0, 1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("search: {usd: 1}", "costs no dollars"),
        ("think: [true], search: {tokens: 9}", "'tokens' are for endpoints and for scored labels"),
        ("think: [true, false]", "scored without thoughts"),
        ("votes: 3", "'votes' are for replies with thoughts"),
    ],
)
def test_settings_that_do_nothing_are_refused(tmp_path: Path, settings: str, words: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(f"task: t\ndata: {{train: x.csv}}\ncandidates:\n  - prompt: {{{settings}}}\n")
    with pytest.raises(TaskFileError, match=words):
        load_task(path)
