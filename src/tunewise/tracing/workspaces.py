"""What kernels of a card take for themselves and give back before they return.

Read off the sources of FlashAttention 2, whose backward pass PyTorch's attention of rows of unlike
lengths runs (csrc/flash_attn/flash_api.cpp, mha_varlen_bwd): gradients of the queries are summed up
in float32, and where several heads share a key, gradients of keys and values exist once a head.
"""

from __future__ import annotations

from typing import Any

FLOAT = 4
ROUNDED = 128  # tokens that each row's float32 sums are padded by, and multiples of them


def workspace_of(func: Any, args: tuple[Any, ...]) -> int:
    """Return the bytes that an operation holds for itself, 0 where nothing is known of it."""
    if str(getattr(func, "overloadpacket", None)) != "torch_attn._varlen_attn_backward":
        return 0
    query, key, starts = args[1], args[2], args[6]
    tokens, heads, size = query.shape
    padded = tokens + ROUNDED * (starts.shape[0] - 1)
    sums = padded * heads * (size + 1) * FLOAT  # and one float a token and head
    shared = 2 * key.shape[0] * heads * size * key.element_size() if key.shape[1] != heads else 0
    return int(sums + shared)
