"""Faults these catch: copies missed, other texts accused, pairs that hang on other rows."""

from __future__ import annotations

import csv
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.data.near import are_near, buckets, near_clusters, near_pairs
from tunewise.data.near.buckets import decoded
from tunewise.data.near.short import short_candidates
from tunewise.data.near.sketches import sketched_candidates
from tunewise.data.near.table import table_of
from tunewise.data.near.words import words_of

TICKETS = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
TEXT = "I am still waiting for my new card, it should have arrived last week"


def tickets(count: int) -> list[str]:
    with TICKETS.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)][:count]


@pytest.mark.parametrize(
    "copy",
    [
        TEXT.upper(),
        "i am still waiting for my new card... it should have arrived last week!!!",
        "I am stil waiting for my new crad, it should have arrived last week",
        "I am waiting still for my new card, it should have last arrived week",
        "I am still waiting for my card, it should have arrived last week",
        "I am still waiting my new card, should have arrived last week",
        f"Hi there, {TEXT}",
        f"Good morning! I hope you are well. {TEXT}. Thanks in advance for your help!",
        f"Dear Ms Smith,\n{TEXT}.\nKind regards,\nJohn Miller",
        f"hello there {TEXT} thank you so much",
        "Hey, i am still wating for my new card it should have arrived last week. Thx",
        "I am still waiting for my newcard, it should have arrived last week",
    ],
)
def test_edits_of_a_copy_are_seen_through(copy: str) -> None:
    assert are_near(TEXT, copy)
    assert are_near(copy, TEXT)
    assert near_clusters(["something else entirely", copy, "and more", TEXT]) == [[1, 3]]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("I lost my card", "I found my card"),
        ("Why was my cash withdrawal declined?", "Why was my card payment declined?"),
        ("My transfer is still pending", "My transfer was declined"),
        ("The fee is due within 30 days of the notice", "The fee is due within 60 days of notice"),
        ("You may share the content with others", "You may not share the content with others"),
        ("You can cancel at any time", "You can't cancel at any time"),
        ("This clause is valid in all countries", "This clause is invalid in all countries"),
        ("Pay the amount in two weeks", "Pay the amount in ten weeks"),
        ("It cost £20 in the shop today", "It cost €20 in the shop today"),
        ("so happy with it 😀", "so happy with it 😡"),
        ("How do I change my pin code?", "How do I change my pan code?"),
        ("I sent money to London", "I sent money from London"),
        ("Where is my card?", "Where is my virtual card?"),
        ("Hello", "Hi there"),
        ("?", "!"),
        ("卡丢了怎么办", "卡坏掉怎么办"),
    ],
)
def test_the_word_that_decides_makes_another_text(text: str, other: str) -> None:
    assert not are_near(text, other)
    assert near_clusters([text, other]) == []


def test_languages_without_spaces_are_compared_by_characters() -> None:
    assert are_near("我的银行卡丢了应该怎么办呢", "我的银行卡丢了,应该怎么办")


def test_greetings_alone_are_kept_as_texts() -> None:
    assert words_of("Hello!") == ["hello"]
    assert words_of("Thanks, bye") == ["thanks", "bye"]
    assert words_of("???") == ["???"]
    assert near_clusters(["???", "???", "!"]) == [[0, 1]]


def test_long_copies_are_found_through_much_noise() -> None:
    words = " ".join(tickets(100)).split()
    draw = random.Random(1)
    noisy = [w[:-1] if draw.random() < 0.08 and w.isalpha() and len(w) > 4 else w for w in words]
    noisy = [w for w in noisy if draw.random() > 0.05]
    others = tickets(300)[100:]
    assert near_clusters([*others[:9], " ".join(noisy), " ".join(words)])[-1] == [9, 10]


def test_the_search_finds_what_the_rule_finds() -> None:
    texts = tickets(400)
    pairs = {
        (one, other)
        for one, other in itertools.combinations(range(len(texts)), 2)
        if are_near(texts[one], texts[other])
    }
    found = set(near_pairs(texts))
    assert found <= pairs
    assert len(found) >= 0.98 * len(pairs) > 10


WORD = st.sampled_from(
    [
        "card",
        "cards",
        "crad",
        "lost",
        "my",
        "the",
        "not",
        "7",
        "8",
        "a",
        "pay",
        "topup",
        "top",
        "up",
    ]
)
SOME = st.lists(st.lists(WORD, min_size=1, max_size=9).map(" ".join), max_size=14)


@settings(max_examples=150)
@given(texts=SOME, added=SOME, data=st.data())
def test_pairs_hang_neither_on_order_nor_on_other_rows(
    texts: list[str], added: list[str], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    pairs = near_pairs(texts)
    moved = near_pairs([texts[at] for at in order])
    assert {frozenset((order[a], order[b])) for a, b in moved} == {frozenset(p) for p in pairs}
    assert set(pairs) <= set(near_pairs(texts + added))
    together = [set(same) for same in near_clusters(texts + added)]
    assert all(any(set(same) <= more for more in together) for same in near_clusters(texts))


@settings(max_examples=100)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_can_be_compared(text: str, other: str) -> None:
    assert are_near(text, text)
    assert are_near(text, other) == are_near(other, text)
    assert (near_pairs([text, other]) == [(0, 1)]) <= are_near(text, other)


def test_a_pattern_filled_in_by_many_words_makes_no_crowd_of_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buckets, "LARGE", 16)
    draw = random.Random(0)
    names = {"".join(draw.choices("abcdefghijklmnop", k=8)) for _ in range(300)}
    texts = [f"what is the weather like in {name} today" for name in sorted(names)]
    first = texts[0].split()[6]
    copy = texts[0].replace(first, first[:5] + first[6:])
    shorter = texts[0].replace(f" {first}", "")
    low, high = decoded(short_candidates(table_of([words_of(text) for text in [*texts, copy]])))
    assert (0, len(texts)) in set(zip(low.tolist(), high.tolist(), strict=True))
    assert len(low) < 20 * len(texts)
    assert near_clusters([*texts, copy]) == [[0, len(texts)]]
    assert len(near_clusters([*texts, shorter])[-1]) > 200, "each has one word more"


def test_boilerplate_hides_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewise.data.near.sketches.LARGE", 16)
    monkeypatch.setattr(buckets, "LARGE", 16)
    rows = tickets(300)
    boilerplate = " ".join(rows[240:260])
    texts = [
        f"{boilerplate}{one} {two}" for one, two in zip(rows[:120], rows[120:240], strict=True)
    ]
    copies = [text.replace("card", "crad", 2) for text in texts[:20]]
    together = [words_of(text) for text in [*texts, *copies]]
    low, _ = decoded(sketched_candidates(table_of(together)))
    assert len(low) < 8 * len(together), "a crowd's pairs are bounded"
    found = near_clusters([*texts, *copies])
    planted = sum([at, at + 120] in found for at in range(20))
    assert planted >= 18
    assert len(found) <= 30


def test_results_are_the_same_in_every_process() -> None:
    code = (
        "from tunewise.data.near import near_pairs; from tests.data.test_near import tickets;"
        "print(near_pairs(tickets(600)))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p for p in sys.path if p) + ":."},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(told.pop()) > 100
