"""Rows laid end to end: what one forward pass reads, with no padding in it.

Given rows of token ids with their supervised tokens, gives back tensors in which every row keeps
its own positions, and the boundaries by which attention keeps them apart. A beginning that all
rows share can be laid down once; every row then sees it. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One row to train on.

    Attributes:
        ids: its tokens, [tokens], the last of them supervised.
        supervised: which of them count in the loss, [tokens]; never the first.
    """

    ids: np.ndarray[Any, np.dtype[np.int32]]
    supervised: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def read(self) -> int:
        """Tokens that the model reads: all but the last, which it only has to predict."""
        return len(self.ids) - 1

    @property
    def targets(self) -> int:
        """Tokens that count in the loss."""
        return int(self.supervised[1:].sum())


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of one forward pass.

    Attributes:
        input_ids: [1, tokens].
        position_ids: each token's place in its own row, [1, tokens].
        starts: where each segment begins, and where the last one ends, [segments + 1], int32.
            The first segment is the shared beginning if there is one.
        shared: tokens of the shared beginning, 0 if there is none.
        places: of the hidden states that predict a supervised token, [targets].
        targets: those tokens, [targets].
        longest: tokens of the longest row, its shared beginning included.
        bounds: `starts` where the model is.
    """

    input_ids: Tensor
    position_ids: Tensor
    starts: Tensor
    shared: int
    places: Tensor
    targets: Tensor
    longest: int
    bounds: Tensor

    @property
    def tokens(self) -> int:
        """Tokens that the model computes."""
        return int(self.input_ids.shape[1])

    def to(self, device: torch.device) -> Packed:
        """Return the same on a device; `starts` stays where it can be read without waiting."""
        move = {"device": device, "non_blocking": True}
        return Packed(
            self.input_ids.to(**move),
            self.position_ids.to(**move),
            self.starts,
            self.shared,
            self.places.to(**move),
            self.targets.to(**move),
            self.longest,
            self.starts.to(**move),
        )


def packed(rows: Sequence[Row], shared: int = 0) -> Packed:
    """Return rows laid end to end.

    Args:
        rows: at least one.
        shared: tokens with which all rows begin and which are laid down once; at least one
            token of each row must follow them. See `shared_beginning`.
    """
    ids = [row.ids[shared:-1] for row in rows]
    lengths = [len(one) for one in ids]
    starts = np.cumsum([0, *([shared] if shared else []), *lengths])
    begins = starts[-len(rows) - 1 : -1]
    bounds = torch.from_numpy(starts.astype(np.int32))
    places, targets = [], []
    for row, begin in zip(rows, begins, strict=True):
        predicted = np.flatnonzero(row.supervised[1:])
        own = predicted + (begin - shared)
        places.append(np.where(predicted < shared, predicted, own))
        targets.append(row.ids[predicted + 1])
    head = [rows[0].ids[:shared]] if shared else []
    positions = [np.arange(shared, shared + length) for length in lengths]
    return Packed(
        input_ids=_longs([*head, *ids])[None],
        position_ids=_longs([*([np.arange(shared)] if shared else []), *positions])[None],
        starts=bounds,
        shared=shared,
        places=_longs(places),
        targets=_longs(targets),
        longest=shared + max(lengths),
        bounds=bounds,
    )


def shared_beginning(rows: Sequence[Row]) -> int:
    """Return how many tokens all rows begin with, so that each has one of its own to read."""
    most = min(row.read for row in rows) - 1
    first = rows[0].ids[: max(most, 0)]
    for row in rows[1:]:
        differs = np.flatnonzero(row.ids[: len(first)] != first)
        if len(differs):
            first = first[: differs[0]]
    return len(first)


def _longs(parts: Sequence[np.ndarray[Any, Any]]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))
