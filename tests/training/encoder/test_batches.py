"""Faults these catch: a row lost or seen twice, an order that isn't repeatable, wrong padding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoders import tiny_tokenizer

from tunewise.models.loading import load_tokenizer
from tunewise.models.model_folder import ModelFolder
from tunewise.training.encoder.batches import LengthBuckets, Padding, batches_by_length, tokenised

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)


@given(lengths=LENGTHS, size=st.integers(1, 40), epoch=st.integers(0, 3))
def test_an_epoch_has_every_row_once_in_an_order_that_seed_and_epoch_fix(
    lengths: list[int], size: int, epoch: int
) -> None:
    sampler = LengthBuckets(lengths, size, seed=3)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths)))
    again = LengthBuckets(lengths, size, seed=3)
    again.set_epoch(epoch)
    assert list(again) == order


def test_epochs_and_seeds_differ() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = LengthBuckets(range(1, 200), 8, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_batches_hold_rows_of_like_length() -> None:
    lengths = [1 + n % 50 for n in range(2000)]
    order = list(LengthBuckets(lengths, 32, seed=0))
    parts = [[lengths[row] for row in order[at : at + 32]] for at in range(0, 1984, 32)]
    spans = [max(part) - min(part) for part in parts]
    assert sum(spans) / len(spans) < 5  # a random batch of 32 spans about 47


@given(lengths=LENGTHS, most=st.integers(1, 400))
def test_answering_batches_hold_every_row_once_within_the_budget(
    lengths: list[int], most: int
) -> None:
    batches = batches_by_length(lengths, most)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= most


def test_padding_keeps_ids_and_masks_the_rest() -> None:
    batch = Padding(7)([{"input_ids": [1, 2, 3], "labels": 1}, {"input_ids": [4], "labels": 0}])
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 7, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]


@pytest.mark.parametrize("tokenizer", ["fast", "tiny"])
def test_texts_that_are_cut_are_counted_and_keep_their_end_token(
    tokenizer: str, minilm: ModelFolder
) -> None:
    reader = load_tokenizer(minilm.path) if tokenizer == "fast" else tiny_tokenizer()
    texts = ["card", "card " * 100, "refund money", "transfer " * 30]
    found = tokenised(reader, texts, 20)
    assert [len(ids) for ids in found.ids[:2]] == [3, 20]
    assert max(len(ids) for ids in found.ids) == 20
    assert found.cut == 2
    assert {ids[-1] for ids in found.ids} == {reader.sep_token_id}
