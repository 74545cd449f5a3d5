"""A cache of keys and values that grows in place: a further token is written, nothing is copied.

transformers' own joins what is there with what comes, so that each token that is written copies all
before it. Given states of rows, padded on the left, gives back a cache as its models take it. Knows
nothing of rows that come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

ROOM = 128  # tokens that may come before everything is copied to a larger place

States = tuple[torch.Tensor, torch.Tensor]  # keys and values, [rows, heads, width, size] each


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer, with room behind them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._room: States | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> States:
        """Add what the next tokens have and return all of it, [rows, heads, width, size]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        start, new = self.get_seq_length(), key_states.shape[-2]
        end = start + new
        if self._room is None or self._room[0].shape[-2] < end:
            self.fill([(self.keys, self.values)], further=new)
        assert self._room is not None, "it was just made"
        for place, states in zip(self._room, (key_states, value_states), strict=True):
            place[..., start:end, :] = states
        self.keys, self.values = (place[..., :end, :] for place in self._room)
        return self.keys, self.values

    def fill(self, parts: Sequence[States], *, further: int = 0) -> None:
        """Hold the rows of several parts, one under the other, all padded on the left to one width.

        Args:
            parts: states of some rows each.
            further: tokens that are about to come, beside the usual room.
        """
        if not self.is_initialized:
            self.lazy_initialization(*parts[0])
        width = max(keys.shape[-2] for keys, _ in parts)
        rows = sum(len(keys) for keys, _ in parts)
        places = []
        for each in zip(*parts, strict=True):  # all keys, then all values
            _, heads, _, size = each[0].shape
            place = each[0].new_zeros((rows, heads, width + further + ROOM, size))
            start = 0
            for states in each:
                place[start : start + len(states), :, width - states.shape[-2] : width] = states
                start += len(states)
            places.append(place)
        self._room = (places[0], places[1])
        self.keys, self.values = (place[..., :width, :] for place in places)


def empty() -> Cache:
    """Return a cache without tokens."""
    return Cache(layer_class_to_replicate=GrowingLayer)


def filled(layers: Iterable[Sequence[States]]) -> Cache:
    """Return a cache of rows.

    Args:
        layers: for each the states of some rows, and of those to come under them; shorter ones are
            padded on the left.
    """
    found = []
    for parts in layers:
        layer = GrowingLayer()
        layer.fill(parts)
        found.append(layer)
    return Cache(layers=found)
