"""Faults these catch: labour taken on for nothing, open questions passed over, false promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tunewise.decision.rules import Pair, Relation, outcome, relation, rows_to_settle
from tunewise.evaluation.differences import paired_difference
from tunewise.records import Comparison, Interval

KNOWN = Comparison(
    challenger="laborious",
    incumbent="simple",
    metric="accuracy",
    rows=400,
    difference=Interval(0.03, 0.01, 0.05, ""),
    p_value=0.001,
    p_adjusted=0.004,
    test="exact McNemar",
    only_challenger=20,
    only_incumbent=8,
    noticeable=0.04,
    rows_needed=500,
)


@pytest.mark.parametrize(
    ("low", "value", "high", "p", "gain", "expected"),
    [
        (0.01, 0.03, 0.05, 0.004, 0.02, "better"),
        (0.01, 0.02, 0.03, 0.004, 0.02, "better"),
        (0.01, 0.03, 0.05, 0.06, 0.02, "open"),
        (0.005, 0.015, 0.03, 0.01, 0.02, "less"),
        (-0.005, 0.005, 0.015, 0.4, 0.02, "no more"),
        (-0.02, 0.005, 0.03, 0.4, 0.02, "open"),
        (-0.05, -0.03, -0.01, 0.001, 0.02, "worse"),
        (-0.05, -0.01, 0.03, 0.5, 0.02, "open"),
        (0.001, 0.002, 0.003, 0.01, 0.0, "better"),
        (-0.01, 0.0, 0.01, 1.0, 0.0, "open"),
    ],
)
def test_relation_follows_the_printed_rules(
    low: float, value: float, high: float, p: float, gain: float, expected: Relation
) -> None:
    found = replace(KNOWN, difference=Interval(value, low, high, ""), p_adjusted=p)
    assert relation(found, gain) == expected


def led(**relations: Relation) -> tuple[tuple[str, ...], str, tuple[Pair, ...]]:
    """Follow the rules for floor, keep, prompt, tune; `fk='better'` is keep against floor."""
    names = {"f": "floor", "k": "keep", "p": "prompt", "t": "tune"}
    pairs = {(names[key[0]], names[key[1]]): found for key, found in relations.items()}
    order = [name for name in names.values() if any(name in pair for pair in pairs)]
    found = outcome(order, pairs)
    return found.standing, found.reached, found.questions


def test_the_rules_go_to_more_labour_only_when_it_is_better() -> None:
    better: Relation = "better"
    assert led(fk="better", fp="better", kp="better") == (("prompt",), "prompt", ())
    for stays in ("no more", "less", "worse"):
        assert led(fk=better, fp=better, kp=stays) == (("keep",), "keep", ())


def test_what_is_open_stays_open_unless_a_third_is_better_than_both() -> None:
    base: dict[str, Relation] = {"fk": "better", "fp": "better", "ft": "better", "kp": "open"}
    settled = led(**base, kt="better", pt="better")
    assert settled == (("tune",), "tune", ())
    assert led(**base, kt="no more", pt="worse")[2] == (("keep", "prompt"),)
    assert led(**base, kt="better", pt="open")[2] == (("prompt", "tune"),)
    assert led(**base, kt="better", pt="no more")[0] == ("prompt", "tune")


def test_a_simple_candidate_that_may_not_beat_the_floor_must_still_be_beaten() -> None:
    """Otherwise tuning would win over an equal prompt by the floor's luck alone."""
    found = led(fp="open", ft="better", pt="open")
    assert found == (("prompt", "tune"), "tune", (("prompt", "tune"),))


def test_nothing_better_than_the_floor_leaves_the_floor() -> None:
    assert led(fk="no more", ft="worse", kt="open") == (("floor",), "floor", ())


@given(
    st.fixed_dictionaries(
        {
            pair: st.sampled_from(["better", "worse", "less", "no more", "open"])
            for pair in ("fk", "fp", "ft", "kp", "kt", "pt")
        }
    )
)
def test_the_rules_always_lead_somewhere(relations: dict[str, Relation]) -> None:
    standing, reached, questions = led(**relations)
    assert reached in standing
    assert (len(standing) == 1) == (not questions)
    assert "open" in relations.values() or not questions
    effort = ("floor", "keep", "prompt", "tune")
    assert all(effort.index(simpler) < effort.index(other) for simpler, other in questions)


def observed(rows: int, ours: int, theirs: int) -> Comparison:
    """Return an accuracy comparison with these rows right alone, alone in its family of tests."""
    p = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    return replace(
        KNOWN,
        rows=rows,
        difference=paired_difference(ours, theirs, rows),
        only_challenger=ours,
        only_incumbent=theirs,
        p_value=p,
        p_adjusted=p,
    )


@pytest.mark.parametrize(
    ("rows", "ours", "theirs", "gain"),
    [
        (400, 26, 16, 0.02),
        (400, 20, 20, 0.02),
        (200, 20, 22, 0.03),
        (300, 13, 10, 0.02),
        (60, 15, 8, 0.05),
        (1000, 60, 45, 0.0),
    ],
)
def test_rows_to_settle_keep_their_promise(rows: int, ours: int, theirs: int, gain: float) -> None:
    """Draw as many rows as were asked for, with the observed shares, and judge those."""
    seen = observed(rows, ours, theirs)
    assert relation(seen, gain) == "open"
    needed = rows_to_settle(seen, gain, 1)
    assert needed is not None
    assert needed > rows
    shares = [ours / rows, theirs / rows, 1 - (ours + theirs) / rows]
    drawn = np.random.default_rng(0).multinomial(needed, shares, size=1_000)
    settled = [relation(observed(needed, int(o), int(t)), gain) != "open" for o, t, _ in drawn]
    assert 0.75 <= np.mean(settled) <= 0.95


def test_one_row_is_no_sure_knowledge_of_a_difference() -> None:
    needed = rows_to_settle(observed(1, 1, 0), 0.02, 1)
    assert needed is not None
    assert needed >= 50


def test_a_tie_with_no_gain_asked_for_is_never_settled() -> None:
    assert rows_to_settle(observed(400, 20, 20), 0.0, 1) is None


def test_more_open_comparisons_ask_for_more_rows() -> None:
    alone, among = (rows_to_settle(observed(400, 26, 16), 0.02, n) for n in (1, 6))
    assert alone is not None
    assert among is not None
    assert among > 1.2 * alone
