"""Faults these catch: characters lost or shown twice, a token under the wrong mark."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.test_training_rows import chat, pair, rendered
from tests.tiny_encoders import tiny_tokenizer as words_tokenizer
from tunewise.models.loading import load_tokenizer
from tunewise.rendering.pieces import encoder_pieces, pieces_of


def test_pieces_are_the_row_and_marked_as_it_is_trained_on():
    talk = chat("chatml")
    (row,) = rendered(talk, pair("Où est 漢字?", "Here 🙂."))
    pieces = pieces_of(talk, row, 10**6)
    assert "".join(piece.text for piece in pieces) == row.text
    assert [n for piece in pieces for n in piece.ids] == row.ids.tolist()
    trained = [piece for piece in pieces if piece.mark == "trained"]
    assert "".join(piece.text for piece in trained) == "Here 🙂.<|im_end|>"
    assert [piece.text for piece in pieces if piece.control] == [
        "<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>",
    ]  # fmt: skip
    assert any(len(piece.ids) > 1 for piece in pieces), "the bytes of 漢 are one piece"


def test_what_lies_behind_max_length_is_marked_as_cut():
    talk = chat("chatml")
    (row,) = rendered(talk, pair("Where is it?", "Here it is."))
    pieces = pieces_of(talk, row, row.prompt_tokens + 1)
    assert [len([p for p in pieces if p.mark == mark]) for mark in ("trained", "cut")] == [
        1, len(row.ids) - row.prompt_tokens - 1,
    ]  # fmt: skip


def test_an_encoder_shows_words_as_it_reads_them(minilm):
    """Lowered, without accents, in pieces, unknown ones by name."""
    tokenizer = load_tokenizer(minilm.path)
    pieces = encoder_pieces(tokenizer, "Où est-ce UNAFFABLE? 🙂", 256)
    assert "".join(piece.text for piece in pieces) == "[CLS] ou est - ce unaffable ?[UNK][SEP]"
    assert [piece.text for piece in pieces if piece.control] == ["[CLS]", "[UNK]", "[SEP]"]


@given(st.text(max_size=60), st.integers(3, 30))
@settings(max_examples=60)
def test_an_encoder_reads_what_training_gives_it(text, max_length):
    from tunewise.training.encoder.batches import tokenised

    tokenizer = words_tokenizer()
    pieces = encoder_pieces(tokenizer, text, max_length)
    read = [n for piece in pieces if piece.mark == "read" for n in piece.ids]
    assert read == tokenised(tokenizer, [text], max_length).ids[0]
    whole = tokenizer(text)["input_ids"]
    assert sum(len(piece.ids) for piece in pieces) == len(whole)
