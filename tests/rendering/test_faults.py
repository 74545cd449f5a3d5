"""Faults these catch: a run that learns nothing, or no end, or half an answer, without a word."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rendering.test_training_rows import chat, pair, rendered, said
from tunewise.errors import BadInput, DataError
from tunewise.rendering.faults import MENDS, NAMES, counted, faults_of, preflight
from tunewise.rendering.rows import Rendered

LONG = 10**6


def row(prompt: int, answer: int, after: int = 1, number: int = 1) -> Rendered:
    """A row of so many tokens."""
    supervised = np.repeat([False, True, False], [prompt, answer, after])
    ids = np.arange(len(supervised), dtype=np.int32)
    return Rendered(f"id{number}", f"a.csv:{number}", "", ids, supervised, 1)


def names(one: Rendered, max_length: int) -> list[str]:
    return [fault.name for fault in faults_of(one, max_length)]


def test_every_fault_has_a_mend():
    assert set(MENDS) == set(NAMES)


@pytest.mark.parametrize(
    ("max_length", "expected"),
    [
        (16, []),
        (15, []),  # what is cut off stands behind the answer's end
        (14, ["truncated-answer"]),
        (11, ["truncated-answer"]),
        (10, ["nothing-supervised"]),
        (1, ["nothing-supervised"]),
    ],
)
def test_a_row_is_whole_up_to_its_answers_end(max_length, expected):
    assert names(row(10, 5), max_length) == expected


def test_the_reason_says_how_much_is_lost():
    (fault,) = faults_of(row(10, 5), 13)
    assert fault.reason.startswith("2 of the answer's 5 tokens, its end token among them")
    (fault,) = faults_of(row(10, 5), 8)
    assert "prompt alone has 10 tokens and max_length is 8" in fault.reason


def test_an_empty_answer_teaches_nothing():
    (blank,) = rendered(chat("chatml"), pair("Where?", " \n"))
    assert names(blank, LONG) == ["nothing-supervised"]


def test_a_disliked_answer_is_told_of():
    from dataclasses import replace

    (kto,) = rendered(chat("chatml"), replace(pair("Where?", "Here."), desirable=False))
    assert names(kto, LONG) == ["disliked-answer"]


def test_rows_that_are_ready_hold_nothing_behind_their_answers():
    """Tokens behind the last supervised one cost time and teach nothing."""
    ready = preflight([row(10, 5, after=7)], LONG)
    assert [len(one.ids) for one in ready.rows] == [15]
    assert ready.rows[0].supervised.tolist() == [False] * 10 + [True] * 5
    assert ready.left_out == ready.allowed == ()


def test_the_first_row_is_named_with_how_to_go_on():
    rows = [row(3, 3, number=1), row(10, 5, number=2), row(4, 8, number=3), row(99, 1, number=4)]
    with pytest.raises(DataError) as error:
        preflight(rows, 12)
    told = str(error.value)
    assert told.startswith("a.csv:2: 3 of the answer's 5 tokens")
    assert "(nothing-supervised 1, truncated-answer 1; 2 rows in all)" in told
    assert "allow: [truncated-answer, nothing-supervised]" in told
    assert "\n" not in told


def test_what_is_allowed_is_cut_or_left_out_and_listed():
    rows = [row(10, 5, number=1), row(99, 1, number=2), row(3, 3, number=3)]
    with pytest.raises(DataError, match="allow: \\[nothing-supervised"):
        preflight(rows, 12, ["truncated-answer"])
    ready = preflight(rows, 12, ["truncated-answer", "nothing-supervised"])
    assert [(one.row, len(one.ids), one.answer_tokens) for one in ready.rows] == [
        ("a.csv:1", 12, 2),
        ("a.csv:3", 6, 3),
    ]
    assert [(one.source, one.row) for one in ready.left_out] == [("a.csv", 2)]
    assert counted(ready.allowed) == "nothing-supervised 1, truncated-answer 1"


def test_an_unknown_fault_cannot_be_allowed():
    with pytest.raises(BadInput, match="Did you mean 'truncated-answer'"):
        preflight([row(1, 1)], 9, ["truncated-anser"])


def test_one_answer_of_many_that_is_cut_off_is_told_of():
    talk = chat("chatml")
    (both,) = rendered(
        talk, said(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    )
    assert names(both, both.needed) == []
    assert names(both, both.needed - 1) == ["truncated-answer"]
