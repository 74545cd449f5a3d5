"""Faults these catch: a row that a model reads only in part and nobody is told of."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tunewise.audit import DEEP
from tunewise.audit.sides import Sides
from tunewise.progress import Silent
from tunewise.records import Dataset, Example
from tunewise.task.settings import Task

MODULE = importlib.import_module("tunewise.audit.truncation")
check = MODULE.truncation


def sides(texts, *candidates, answers=("a", "b"), kind="classification") -> Sides:
    rows = tuple(
        Example(str(n), text, answers[n % len(answers)], n, "train.csv")
        for n, text in enumerate(texts, start=1)
    )
    task = Task.model_validate(
        {"task": "t", "kind": kind, "data": {"train": "train.csv"}, "candidates": [*candidates]}
    )
    labels = tuple(sorted(set(answers))) if kind == "classification" else ()
    return Sides(Dataset(rows, labels, ()), rows, (), (), task, Path(), Silent())


def test_it_is_one_of_the_deep_checks():
    assert check in DEEP


def test_texts_that_an_encoder_cuts_are_named_and_counted():
    texts = ["short text", "word " * 20, "word " * 30, "six more words are in here"]
    (finding,) = check(sides(texts, {"encoder": {"max_length": 12}}))
    assert finding.severity == "warning"
    assert finding.rows == ("train.csv:2", "train.csv:3")
    assert "2 of 4 texts are longer" in finding.reason
    assert "train.csv:3 (32 tokens), train.csv:2 (22 tokens)" in finding.reason
    assert f"{22 - 12 + 32 - 12} tokens of them are cut off" in finding.reason
    assert "Half of the rows have at most 22 tokens, 95% at most 32" in finding.reason


def test_where_nothing_is_cut_the_lengths_are_told():
    (finding,) = check(sides(["one two", "one two three"], "probe", "encoder"))
    assert (finding.severity, finding.rows) == ("note", ())
    assert "minilm-l6 (probe-minilm-l6, encoder-minilm-l6) reads all texts whole at 256" in (
        finding.reason
    )
    assert "a max_length of 5 keeps 99% whole" in finding.reason


def test_answers_that_a_language_model_cannot_hold_are_named(monkeypatch):
    monkeypatch.setattr(MODULE, "context_length", lambda *_: 64)
    texts = ["short", "word " * 80, "word " * 25, "also short"]
    answers = ("fine", "fine", "fine", "answer " * 25)  # of the rows 4, 1, 2 and 3
    given = sides(texts, "prompt", answers=answers, kind="generation")
    (finding,) = check(given)
    assert finding.severity == "warning"
    assert finding.rows == ("train.csv:2", "train.csv:3")
    assert "1 answers are cut off, 1 rows have no answer left" in finding.reason


def test_a_row_that_just_fits_is_not_accused_and_one_token_more_is(monkeypatch, smollm2):
    from tunewise.models.loading import load_tokenizer
    from tunewise.rendering.chat import chat_to_train
    from tunewise.rendering.rows import Renderer
    from tunewise.rendering.wording import wording

    given = sides(["a text", "a longer text of words"], "prompt")
    chat = chat_to_train(load_tokenizer(smollm2.path))
    renderer = Renderer(chat, wording(given.task, given.dataset.labels))
    needed = max(row.needed for row in renderer.rendered(given.train, Silent()))
    for length, expected in ((needed, ()), (needed - 1, ("train.csv:2",))):
        monkeypatch.setattr(MODULE, "context_length", lambda *_, n=length: n)
        (finding,) = check(given)
        assert finding.rows == expected


def test_a_model_that_cannot_be_had_is_a_note_and_not_the_end():
    found = check(sides(["a", "b"], {"encoder": {"model": "minilm-l7"}}, "probe"))
    assert [finding.severity for finding in found] == ["note", "note"]
    assert "Did you mean 'minilm-l6'" in found[0].reason


@pytest.mark.parametrize(
    "text", ["plain", "é" * 9, "\ufdfa" * 9, "한국어", "🙂" * 5, "a\u0300\u0301"]
)
def test_no_text_has_more_tokens_than_is_reckoned_with(minilm, smollm2, text):
    from tunewise.models.loading import load_tokenizer
    from tunewise.rendering.lengths import token_counts

    for model in (minilm, smollm2):
        assert token_counts(load_tokenizer(model.path), [text], special=False)[0] <= MODULE._bound(
            text
        )


def test_large_data_is_sampled_but_every_cut_row_is_found(monkeypatch):
    monkeypatch.setattr(MODULE, "SAMPLE", 10)
    texts = ["short text"] * 200
    texts[57], texts[150] = "word " * 300, "word " * 301
    (finding,) = check(sides(texts, "encoder"))
    assert finding.rows == ("train.csv:58", "train.csv:151")
    assert "by 10 rows spread evenly" in finding.reason
    assert "Half of the rows have at most 4 tokens" in finding.reason
