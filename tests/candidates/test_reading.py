"""Faults these catch: a reply taken for a label it doesn't mean, or for none though it has one."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.candidates.prompt.reading import NOTHING, LabelReader
from tunewise.engines.asks import Reply, Token

LABELS = ("card", "card_arrival", "exchange_rate", "no")
READER = LabelReader(LABELS, ("card", "card arrival", "exchange rate", "no"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("card arrival", "card_arrival"),
        ("card_arrival", "card_arrival"),
        ("  Card Arrival.\n", "card_arrival"),
        ("**exchange rate**", "exchange_rate"),
        ("“exchange-rate”", "exchange_rate"),
        ('{"answer": "card arrival"}', "card_arrival"),
        ('```json\n{"answer": "card arrival"}\n```', "card_arrival"),
        ('{"label": "card arrival"}', "card_arrival"),
        ('{"answer": ["card"]}', "card"),
        ("The label is: card arrival", "card_arrival"),
        ("The label is card.", "card"),
        ("It is not about a card.\nAnswer: exchange rate", "exchange_rate"),
        ("Thinking…\n**Answer:** `card`", "card"),
        ("<think>card? exchange rate?</think>\nno", "no"),
        ("NO", "no"),
    ],
)
def test_what_means_a_label_is_read_as_it(text: str, label: str) -> None:
    read = READER.read(Reply(text))
    assert (read.answer, read.is_label) == (label, True)


@pytest.mark.parametrize(
    "text",
    [
        "card arrival or exchange rate",
        "I have no idea",
        "cardboard",
        '{"answer": 3}',
        "[[" * 2_000,
        "none of them",
    ],
)
def test_what_means_no_label_or_several_is_none(text: str) -> None:
    read = READER.read(Reply(text))
    assert not read.is_label
    assert read.answer not in LABELS
    assert len(read.answer) <= 120


def test_an_empty_or_refused_reply_says_so() -> None:
    assert READER.read(Reply("")).answer == NOTHING
    assert READER.read(Reply("", refused="policy")).answer == "(refused: policy)"


def test_labels_that_differ_in_case_or_white_space_alone_are_told_apart() -> None:
    labels = ("US", "us", "new york", "new  york", "Yes")
    reader = LabelReader(labels, labels)
    for label in labels:
        assert reader.read(Reply(label)).answer == label
    assert not reader.read(Reply("Us")).is_label  # either could be meant
    assert not reader.read(Reply("new\nyork")).is_label
    assert reader.read(Reply("yes")).answer == "Yes"


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    assert READER.read(Reply("<think>a card</think>card")).reasoning == "a card"
    assert READER.read(Reply("It came.\nAnswer: card arrival")).reasoning == "It came."
    assert READER.read(Reply("card", reasoning="hm")).reasoning == "hm"
    assert READER.read(Reply('{"reasoning": "so", "answer": "no"}')).reasoning == "so"
    assert READER.read(Reply("card")).reasoning is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    read = READER.read(Reply(text))
    assert read.is_label == (read.answer in LABELS)


@given(st.text(max_size=60))
def test_json_of_any_text_is_read_or_refused(text: str) -> None:
    READER.read(Reply(json.dumps({"answer": text})))


def token(text: str, **others: float) -> Token:
    """Return a token with what else might have stood there, as shares."""
    mine = 1 - sum(others.values())
    pairs = tuple((other.replace("_", " "), math.log(p)) for other, p in others.items())
    return Token(text, math.log(mine), ((text, math.log(mine)), *pairs))


def test_shares_follow_the_tokens_down_the_labels() -> None:
    tokens = (token("card", exchange=0.2, no=0.1), token(" arr", rate=0.3), token("ival"))
    read = READER.read(Reply("card arrival", tokens=tokens))
    assert read.answer == "card_arrival"
    assert read.shares is not None
    # 0.7 of 'card' went on with 0.7 to ' arr'; the 0.3 of 'rate' leads to no label
    unseen = 1 - 0.7 * 0.7 - 0.3
    assert read.shares == pytest.approx(
        (unseen / 4, 0.49 + unseen / 4, 0.2 + unseen / 4, 0.1 + unseen / 4)
    )


def test_a_label_that_begins_another_is_told_by_the_replys_end() -> None:
    read = READER.read(Reply("card", tokens=(token("card"),)))
    assert read.answer == "card"
    assert read.shares == pytest.approx((1, 0, 0, 0))


def test_a_token_that_several_labels_begin_with_is_shared_among_them() -> None:
    read = READER.read(Reply("no", tokens=(token("no", card=0.4),)))
    assert read.shares == pytest.approx((0.2, 0.2, 0, 0.6))
    read = READER.read(Reply("no", tokens=(token("no", ca=0.4),)))
    assert read.shares == pytest.approx((0.2, 0.2, 0, 0.6))


def test_white_space_before_the_answer_costs_no_label_its_share() -> None:
    read = READER.read(Reply("\nno", tokens=(token("\n"), token("no", exchange=0.3))))
    assert read.shares == pytest.approx((0, 0, 0.3, 0.7))


def test_tokens_that_speak_of_no_label_leave_the_text_to_decide() -> None:
    read = READER.read(Reply("The label is card", tokens=(token("The"), token(" label"))))
    assert (read.answer, read.shares) == ("card", None)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["card", " arrival", "ex", "no", "zzz", " ", ""]), st.floats(0.01, 0.9)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_shares_are_a_distribution(parts: list[tuple[str, float]]) -> None:
    tokens = tuple(token(text, exchange=1 - p) for text, p in parts)
    read = READER.read(Reply("".join(t for t, _ in parts), tokens=tokens))
    if read.shares is not None:
        assert sum(read.shares) == pytest.approx(1)
        assert min(read.shares) >= 0
        assert read.answer == LABELS[read.shares.index(max(read.shares))]
