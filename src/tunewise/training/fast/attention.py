"""Attention among rows that lie end to end: each row sees itself, and a shared beginning.

Registered with transformers under NAME, so that a model's own code calls it. On a CPU each row is
a few matrix products, forward and backward, around PyTorch's own softmax kernels, which takes a
third of the time of its fused kernel there (docs/training.md); a long row is cut into blocks of
queries, which see only what lies before them, and is computed anew in the backward pass. On CUDA
it is PyTorch's variable-length attention. Knows nothing of what the rows are.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tunewise.training.fast.device import on_cuda

NAME = "tunewise_rows"
BLOCK = 256  # queries of a row that are computed together
ALIKE = 0.8  # share of the longest row's length that a row padded to it must have
KEPT = 512  # keys of a batch up to which its weights are kept for the backward pass


@dataclass(frozen=True, slots=True)
class Block:
    """Queries of one row.

    Attributes:
        start, end: the queries' places.
        row: where their row begins; they see its tokens from there on, and the shared beginning.
    """

    start: int
    end: int
    row: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Blocks of queries that are computed together, padded to the longest.

    Attributes:
        blocks: whole rows of like length, or one block of a long row.
        queries: of the longest block.
        before: keys that the first query of each block sees beside its own.
        shared: how many of those are the shared beginning, which belongs to another row.
    """

    blocks: tuple[Block, ...]
    queries: int
    before: int
    shared: int

    def queries_of(self, states: Tensor, groups: int) -> Tensor:
        """Return [blocks * key heads, groups * queries, head size] of [heads, tokens, head size].

        Padding is zero, so that gradients laid out like this add nothing.
        """
        heads, _, size = states.shape
        if len(self.blocks) == 1:
            block = self.blocks[0]
            return states[:, block.start : block.end].reshape(heads // groups, -1, size)
        found = states.new_zeros(len(self.blocks), heads, self.queries, size)
        for own, block in zip(found, self.blocks, strict=True):
            own[:, : block.end - block.start] = states[:, block.start : block.end]
        return found.view(-1, groups * self.queries, size)

    def put_queries(self, found: Tensor, states: Tensor) -> None:
        """Write what `queries_of` would lay out back into [heads, tokens, head size]."""
        heads, _, size = states.shape
        laid = found.view(len(self.blocks), heads, self.queries, size)
        for own, block in zip(laid, self.blocks, strict=True):
            states[:, block.start : block.end] = own[:, : block.end - block.start]

    def keys_of(self, states: Tensor) -> Tensor:
        """Return the keys or values that are seen, [blocks * key heads, before + queries, size]."""
        heads, _, size = states.shape
        if len(self.blocks) == 1:
            block = self.blocks[0]
            own = states[:, block.row : block.end]
            return torch.cat([states[:, : self.shared], own], 1) if self.shared else own
        found = states.new_zeros(len(self.blocks), heads, self.before + self.queries, size)
        found[:, :, : self.shared] = states[:, : self.shared]
        for own, block in zip(found, self.blocks, strict=True):
            last = self.shared + block.end - block.row
            own[:, self.shared : last] = states[:, block.row : block.end]
        return found.view(-1, self.before + self.queries, size)

    def add_keys(self, found: Tensor, states: Tensor) -> None:
        """Add gradients of what `keys_of` gave to those of all tokens, [heads, tokens, size]."""
        heads, _, size = states.shape
        laid = found.view(len(self.blocks), heads, -1, size)
        for own, block in zip(laid, self.blocks, strict=True):
            last = self.shared + block.end - block.row
            states[:, block.row : block.end] += own[:, self.shared : last]
        if self.shared:
            states[:, : self.shared] += laid[:, :, : self.shared].sum(0)

    def bias(self, groups: int, window: int, like: Tensor) -> Tensor:
        """Return 0 for a key that is seen and -inf for one that isn't, [groups * queries, keys]."""
        return _bias(self.queries, self.before, window, groups, like.dtype, like.device)


@functools.lru_cache(maxsize=256)
def _bias(
    queries: int, before: int, window: int, groups: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    at = torch.arange(before, before + queries, device=device)[:, None]
    back = at - torch.arange(before + queries, device=device)[None]  # how far a key lies back
    hidden = (back < 0) | (back >= window) if window else back < 0
    bias = torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(hidden, -torch.inf)
    return bias.repeat(groups, 1)


def batches(starts: list[int], shared: int) -> list[Batch]:
    """Return all rows' queries in batches; the shared beginning is a row itself.

    Args:
        starts: where each segment begins, and where the last ends.
        shared: tokens of the first segment if the others see it too, else 0.
    """
    rows = list(pairwise(starts))
    found: list[Batch] = []
    if shared:
        found += _of_one_row(*rows.pop(0), 0)
    short = [Block(start, end, start) for start, end in rows if end - start <= BLOCK]
    short.sort(key=lambda block: block.start - block.end)  # the longest first
    while short:
        most = short[0].end - short[0].start
        alike = [block for block in short if block.end - block.start >= ALIKE * most]
        found.append(Batch(tuple(alike), most, shared, shared))
        short = short[len(alike) :]
    for start, end in rows:
        if end - start > BLOCK:
            found += _of_one_row(start, end, shared)
    return found


def _of_one_row(start: int, end: int, shared: int) -> list[Batch]:
    found = []
    for first in range(start, end, BLOCK):
        last = min(first + BLOCK, end)
        before = shared + first - start
        found.append(Batch((Block(first, last, start),), last - first, before, shared))
    return found


class RowsAttention(torch.autograd.Function):
    """softmax(q k' s) v, row by row."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        starts: Tensor,
        shared: int,
        scale: float,
        window: int,
    ) -> Tensor:
        """Return the output [tokens, heads, head size].

        Args:
            query: [heads, tokens, head size].
            key: [key heads, tokens, head size].
            value: [key heads, tokens, head size].
            starts: where each segment begins, and where the last ends.
            shared: tokens of the first segment if the others see it too, else 0.
            scale: of the scores.
            window: tokens that each token sees at most; 0 for all.
        """
        heads, tokens, size = query.shape
        groups = heads // key.shape[0]
        out = query.new_empty(tokens, heads, size)
        heads_first = out.transpose(0, 1)
        together = batches(starts.tolist(), shared)
        kept: list[Tensor | None] = []
        for batch in together:
            q = batch.queries_of(query, groups)
            weights = _weights(q, batch.keys_of(key), batch, groups, scale, window)
            found = torch.bmm(weights, batch.keys_of(value))
            batch.put_queries(found, heads_first)
            kept.append(weights if batch.before + batch.queries <= KEPT else None)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.batches, ctx.scale, ctx.window = together, scale, window
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        query, key, value, *kept = ctx.saved_tensors
        grad = grads[0].transpose(0, 1)  # [heads, tokens, head size]
        groups = query.shape[0] // key.shape[0]
        of_query = torch.empty_like(query)
        of_key, of_value = torch.zeros_like(key), torch.zeros_like(value)
        for batch, found in zip(ctx.batches, kept, strict=True):
            q, g = batch.queries_of(query, groups), batch.queries_of(grad, groups)
            keys = batch.keys_of(key)
            weights = (
                _weights(q, keys, batch, groups, ctx.scale, ctx.window) if found is None else found
            )
            slope = torch.bmm(g, batch.keys_of(value).transpose(1, 2))
            slope = torch._softmax_backward_data(slope, weights, -1, weights.dtype)
            batch.put_queries(torch.bmm(slope, keys).mul_(ctx.scale), of_query)
            batch.add_keys(torch.bmm(slope.transpose(1, 2), q).mul_(ctx.scale), of_key)
            batch.add_keys(torch.bmm(weights.transpose(1, 2), g), of_value)
        return of_query, of_key, of_value, None, None, None, None


def _weights(
    q: Tensor, keys: Tensor, batch: Batch, groups: int, scale: float, window: int
) -> Tensor:
    """Return the attention weights [blocks * key heads, groups * queries, keys]."""
    bias = batch.bias(groups, window, q)
    scores = torch.baddbmm(bias.expand(len(q), -1, -1), q, keys.transpose(1, 2), alpha=scale)
    return scores.softmax(-1)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def rows_attention(
    module: nn.Module,  # noqa: ARG001 - transformers gives it
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    *,
    cu_seq_lens_q: Tensor,
    cu_seq_lens_k: Tensor,
    max_length_q: Tensor,
    shared: Tensor,
    **_: Any,
) -> tuple[Tensor, None]:
    """Return attention's output [1, tokens, heads, head size], as transformers' interface asks.

    Args:
        module: the attention layer that asks.
        query: [1, heads, tokens, head size].
        key: [1, key heads, tokens, head size], with as many heads as the query or fewer.
        value: [1, key heads, tokens, head size].
        attention_mask: None; the rows' boundaries say who sees whom.
        scaling: of the scores; left out: one over the root of the head size.
        dropout: of the attention weights; must be 0.
        sliding_window: tokens that each token sees at most, itself included.
        softcap: bound of the scores before softmax (Gemma 2).
        s_aux: attention sinks; not supported.
        cu_seq_lens_q: where each segment begins, [segments + 1], on the CPU.
        cu_seq_lens_k: the same beside the query, so that no layer has to wait for it.
        max_length_q: tokens of the longest row, the shared beginning included; a scalar on the CPU.
        shared: tokens of the first segment if all rows see it, else 0; a scalar on the CPU.

    Raises:
        NotImplementedError: dropout, sinks, or a mask.
    """
    if dropout or s_aux is not None or attention_mask is not None:
        raise NotImplementedError("attention of rows knows no dropout, sinks or masks")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    longest, both = int(max_length_q), int(shared)
    window = sliding_window if sliding_window and sliding_window < longest else 0
    q, k, v = query[0].to(value.dtype), key[0].to(value.dtype), value[0]  # autocast: rotated ones
    if softcap is not None:
        found = capped(q, k, v, cu_seq_lens_q, both, scale, window, softcap)
    elif on_cuda(q) and q.dtype is not torch.float32:
        found = _on_cuda(q, k, v, cu_seq_lens_k, longest, scale, window)
    else:
        found = RowsAttention.apply(q, k, v, cu_seq_lens_q, both, scale, window)
    return found[None], None


def capped(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    starts: Tensor,
    shared: int,
    scale: float,
    window: int,
    softcap: float,
) -> Tensor:
    """Return the output [tokens, heads, head size] with bounded scores, in plain operations."""
    heads, _, size = q.shape
    groups = heads // k.shape[0]
    parts = []
    for start, end in pairwise(starts.tolist()):
        for batch in _of_one_row(start, end, shared if start else 0):
            some = batch.queries_of(q, groups)
            scores = torch.bmm(some, batch.keys_of(k).transpose(1, 2)).float() * scale
            scores = softcap * torch.tanh(scores / softcap) + batch.bias(groups, window, scores)
            found = torch.bmm(scores.softmax(-1).to(v.dtype), batch.keys_of(v))
            parts.append(found.view(heads, batch.queries, size).transpose(0, 1))
    return torch.cat(parts)


def _on_cuda(
    q: Tensor, k: Tensor, v: Tensor, bounds: Tensor, longest: int, scale: float, window: int
) -> Tensor:
    """Return the output [tokens, heads, head size] by PyTorch's variable-length attention."""
    from torch.nn.attention.varlen import varlen_attn

    flat = [states.transpose(0, 1).contiguous() for states in (q, k, v)]
    found: Tensor = varlen_attn(
        *flat,
        bounds,
        bounds,
        longest,
        longest,
        scale=scale,
        window_size=(window - 1 if window else -1, 0),
        **_fewer_key_heads(q.shape[0] != k.shape[0]),
    )
    return found


@functools.cache  # looking a function over takes longer than calling it, and each layer asks
def _fewer_key_heads(fewer: bool) -> dict[str, bool]:
    """Return how PyTorch wants to be told of them; some of its versions don't ask."""
    from torch.nn.attention.varlen import varlen_attn

    asked = "enable_gqa" in inspect.signature(varlen_attn).parameters
    return {"enable_gqa": fewer} if asked else {}


def register() -> None:
    """Make the attention known to transformers under NAME; no mask is made for it."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, rows_attention)
