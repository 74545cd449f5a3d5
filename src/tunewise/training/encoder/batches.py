"""Texts become token ids once, and rows of like length go into one batch.

Given texts and a tokenizer, gives back a dataset for transformers.Trainer, an order of its rows
and padded tensors. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

POOL = 20  # batches whose rows are sorted by length together
TOKENS_PER_BATCH = 4096  # padded tokens answered together, at most


@dataclass(frozen=True)
class Tokenised:
    """Token ids of each text, and how many texts were cut off at the most tokens allowed."""

    ids: list[list[int]]
    cut: int


def tokenised(
    tokenizer: Any, texts: Sequence[str], max_length: int, end: int | None = None
) -> Tokenised:
    """Return the ids of each text, special tokens included, cut off after `max_length` tokens.

    Args:
        tokenizer: of the model.
        texts: to be read.
        max_length: tokens of a row at most.
        end: token that each row ends with, the cut ones too; None where nothing is added.
    """
    if not texts:
        return Tokenised([], 0)
    if end is not None:
        found = tokenised(tokenizer, texts, max_length - 1)
        return Tokenised(
            [ids if ids[-1:] == [end] else [*ids, end] for ids in found.ids], found.cut
        )
    found = tokenizer(
        list(texts),
        truncation=True,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=False,
        return_overflowing_tokens=True,
    )
    if "overflow_to_sample_mapping" not in found:  # a tokenizer written in Python
        overflow = found.get("overflowing_tokens", [])
        return Tokenised(found["input_ids"], sum(bool(tokens) for tokens in overflow))
    owner = found["overflow_to_sample_mapping"]  # a text that was cut off has several pieces
    first = [i for i in range(len(owner)) if i == 0 or owner[i] != owner[i - 1]]
    pieces = np.bincount(owner, minlength=len(texts))
    return Tokenised([found["input_ids"][i] for i in first], int((pieces > 1).sum()))


class LabelledRows(Dataset[dict[str, Any]]):
    """What Trainer reads: one dictionary of ids and label per row."""

    def __init__(self, ids: Sequence[list[int]], labels: Sequence[int]) -> None:
        self.ids, self.labels = list(ids), list(labels)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"input_ids": self.ids[row], "labels": self.labels[row]}

    def by_length(self) -> LabelledRows:
        """Return the same rows, shortest first."""
        order = sorted(range(len(self)), key=lambda row: len(self.ids[row]))
        return LabelledRows([self.ids[i] for i in order], [self.labels[i] for i in order])


class LengthBuckets(Sampler[int]):
    """A random order in which each batch holds rows of like length.

    All rows are shuffled, cut into pools of POOL batches, each pool is sorted by length and cut
    into batches, and the batches are shuffled (the one that isn't full stays last). The order is
    a function of seed and epoch alone, so that a run that is taken up again sees the same one.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = np.asarray(lengths), batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is given next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        rows = random.permutation(len(self.lengths))
        batches: list[np.ndarray[Any, Any]] = []
        for pool in _cut(rows, POOL * self.batch_size):
            ordered = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += _cut(ordered, self.batch_size)
        partial = [batch for batch in batches if len(batch) < self.batch_size]
        full = [batch for batch in batches if len(batch) == self.batch_size]
        for batch in [full[i] for i in random.permutation(len(full))] + partial:
            yield from batch.tolist()


def _cut(rows: np.ndarray[Any, Any], size: int) -> list[np.ndarray[Any, Any]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


@dataclass(frozen=True)
class Padding:
    """Makes one batch of rows: padded to its longest, whatever the others are."""

    pad_token_id: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return input_ids and attention_mask [rows, tokens], and labels [rows]."""
        batch = self.padded([row["input_ids"] for row in rows])
        batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=torch.long)
        return batch

    def padded(self, ids: Sequence[list[int]]) -> dict[str, Tensor]:
        """Return input_ids and attention_mask [rows, tokens]."""
        lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
        mask = np.arange(lengths.max()) < lengths[:, None]
        filled = np.full(mask.shape, self.pad_token_id, dtype=np.int64)
        filled[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in ids])
        return {
            "input_ids": torch.from_numpy(filled),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
        }


def batches_by_length(lengths: Sequence[int], most: int = TOKENS_PER_BATCH) -> list[list[int]]:
    """Return row numbers in batches of at most `most` padded tokens, the longest rows first."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > most:
            batches.append([])
        batches[-1].append(row)
    return batches
