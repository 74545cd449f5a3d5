"""Faults these catch: padding that leaks in, wrong order, a bf16 that hurts, texts too long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoders import ARCHITECTURES, POSITIONS, tickets, tiny_encoder

from tunewise.engines import embeddings
from tunewise.engines.embeddings import Embedder, length_batches
from tunewise.models.loading import load_encoder, load_tokenizer

QUESTIONS = [
    "My card was declined, why?",
    "The shop refused my card payment",
    "What is the exchange rate for euros?",
    "hi",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoders")
    return {name: tiny_encoder(name, folder / name) for name in ARCHITECTURES}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_embeds_as_one_text_at_a_time(folders, architecture, dtype):
    embedder = Embedder(folders[architecture], dtype=dtype)
    texts = [row.input for row in tickets(60)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together.shape == (60, 32)
    assert together.dtype == np.float32
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    np.testing.assert_allclose(together, alone, atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.abs(alone - alone[0]).max() > 5 * tolerance  # different texts do differ


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_text_longer_than_the_model_reads_is_cut(folders, architecture):
    embedder = Embedder(folders[architecture], max_length=10_000, dtype=torch.float32)
    long = " ".join(["card"] * 3 * POSITIONS)
    (ids,) = embedder.tokens([long])
    assert POSITIONS - 2 <= len(ids) <= POSITIONS
    assert np.isfinite(embedder.embed([long])).all()


def test_max_length_counts_special_tokens(folders):
    embedder = Embedder(folders["bert"], max_length=5)
    assert [len(ids) for ids in embedder.tokens(["card pin chip visa card pin", "card"])] == [5, 3]


def test_texts_without_words_and_no_texts_at_all(folders):
    embedder = Embedder(folders["bert"])
    assert embedder.embed([]).shape == (0, 32)
    np.testing.assert_allclose(np.linalg.norm(embedder.embed(["", " "]), axis=1), 1, atol=1e-5)


def test_a_text_of_no_tokens_is_read_as_padding(folders):
    embedder = Embedder(folders["bert"], dtype=torch.float32)
    embedder.tokenizer.backend_tokenizer.post_processor = None  # adds no special tokens
    assert embedder.tokens([""]) == [[embedder.pad]]
    assert np.isfinite(embedder.embed(["", "card"])).all()


def test_minilm_embeds_as_plain_mean_pooling(minilm):
    tokenizer, model = load_tokenizer(minilm.path), load_encoder(minilm.path)
    read = tokenizer(QUESTIONS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**read).last_hidden_state
    mask = read["attention_mask"][..., None]
    plain = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1).numpy()
    found = Embedder(minilm.path, dtype=torch.float32).embed(QUESTIONS)
    np.testing.assert_allclose(found, plain, atol=1e-5)
    similar = found @ found.T
    assert similar[0, 1] > similar[0, 2] + 0.2  # both about a refused card


def test_bf16_embeddings_of_minilm_stay_where_float32_puts_them(minilm):
    exact = Embedder(minilm.path, dtype=torch.float32).embed(QUESTIONS)
    coarse = Embedder(minilm.path, dtype=torch.bfloat16).embed(QUESTIONS)
    assert (exact * coarse).sum(axis=1).min() > 0.999


def test_bf16_is_used_where_it_is_faster(folders, monkeypatch):
    monkeypatch.setattr(embeddings, "fastest_dtype", lambda device: torch.bfloat16)
    assert Embedder(folders["bert"]).dtype == torch.bfloat16
    monkeypatch.setattr(embeddings, "fastest_dtype", lambda device: torch.float32)
    assert Embedder(folders["bert"]).dtype == torch.float32


def test_bf16_that_moves_the_embeddings_is_not_used(folders, monkeypatch):
    monkeypatch.setattr(embeddings, "fastest_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(embeddings, "SAME_ENOUGH", 1.01)  # no rounding is fine enough
    embedder = Embedder(folders["bert"])
    exact = Embedder(folders["bert"], dtype=torch.float32)
    assert embedder.dtype == torch.float32
    np.testing.assert_array_equal(embedder.embed(QUESTIONS), exact.embed(QUESTIONS))


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(1, 2000))
def test_batches_hold_every_row_once_and_keep_to_the_budget(lengths, budget):
    batches = length_batches(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
    tops = [max(lengths[row] for row in batch) for batch in batches]
    assert tops == sorted(tops, reverse=True)
