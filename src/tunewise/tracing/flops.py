"""Floating-point operations of one dispatched operation: matrix products and fused attention.

The counts of PyTorch's own counter, and what it leaves out: products in place, products with
weights in four bits, and attention of rows of unlike lengths. Everything else is bound by memory,
not by arithmetic, and counts as nil.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

FORWARD, BACKWARD = 2, 5  # products of one attention: scores and sum; then five for the gradients


def flops_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> int:
    """Return the floating-point operations of one operation, 0 where it isn't a product."""
    packet = getattr(func, "overloadpacket", None)
    if packet is torch.ops.aten.addmm_:
        _, a, b = args
        return int(2 * a.shape[0] * a.shape[1] * b.shape[1])
    name = str(packet)
    if name == "torch_attn._varlen_attn":
        return attention_flops(args[0], args[5], FORWARD)
    if name == "torch_attn._varlen_attn_backward":
        return attention_flops(args[1], args[8], BACKWARD)
    if name == "bitsandbytes.gemm_4bit":  # [..., in] by weights in NF4: [..., out]
        return int(2 * found.numel() * args[0].shape[-1])
    count = flop_registry.get(packet)
    return int(count(*args, **kwargs, out_val=found)) if count else 0


def attention_flops(query: Any, longest: int, products: int) -> int:
    """Return the operations of causal attention among rows that all have the longest's length.

    Args:
        query: [tokens, heads, head size].
        longest: tokens of the longest row.
        products: how many products of its size there are.
    """
    tokens, heads, size = query.shape
    return int(products * tokens * longest * heads * size)  # 2 for a product, half of it is causal
