"""Faults these catch: a row said to fit that is cut off, counts that an earlier call changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.test_training_rows import ODD, chat, pair, said
from tests.rendering.tiny_chats import FAMILIES
from tunewise.models.loading import load_tokenizer
from tunewise.rendering.lengths import MARGIN, exact_lengths, row_lengths, token_counts
from tunewise.rendering.rows import Renderer
from tunewise.rendering.wording import Wording, template_texts


@pytest.mark.parametrize("special", [True, False])
def test_counts_are_those_of_the_tokenizer_whatever_it_cut_before(minilm, special):
    tokenizer = load_tokenizer(minilm.path)
    texts = ["Where is my card?", "", "x " * 700, "漢字 é"] * 3
    tokenizer(texts, truncation=True, max_length=4, padding=True)
    expected = [len(i) for i in tokenizer(texts, add_special_tokens=special)["input_ids"]]
    assert token_counts(tokenizer, texts, special=special).tolist() == expected


@pytest.mark.parametrize("name", FAMILIES)
@given(st.lists(st.tuples(ODD, ODD), min_size=1, max_size=5), st.sampled_from([None, "Sort."]))
@settings(max_examples=20)
def test_added_up_lengths_are_right_but_for_a_few_tokens(name, pairs, system):
    renderer = Renderer(chat(name), Wording(system, {}, template_texts()))
    rows = [pair(question, answer) for question, answer in pairs]
    rows += [said(("user", q), ("assistant", a), ("user", q), ("assistant", a)) for q, a in pairs]
    rows = [type(r)(str(n), r.input, r.target, n, r.source, messages=r.messages)
            for n, r in enumerate(rows)]  # fmt: skip
    found, exact = row_lengths(renderer, rows), exact_lengths(renderer, rows)
    assert np.abs(found - exact).max() <= MARGIN


def test_a_template_whose_rows_do_not_add_up_is_rendered():
    """One that writes each answer three times."""
    import copy

    talk = copy.copy(chat("chatml"))
    talk.source = talk.source.replace("{{ m['content'] }}", "{{ m['content'] * 3 }}")
    renderer = Renderer(talk, Wording(None, {}, template_texts()))
    rows = [pair("Where is my card? " * 40, "Here it is."), pair("x", "y" * 99)]
    rows = [type(r)(str(n), r.input, r.target, n, r.source) for n, r in enumerate(rows)]
    assert row_lengths(renderer, rows).tolist() == exact_lengths(renderer, rows).tolist()


def test_no_rows_have_no_lengths():
    renderer = Renderer(chat("chatml"), Wording(None, {}, template_texts()))
    assert row_lengths(renderer, []).tolist() == []
