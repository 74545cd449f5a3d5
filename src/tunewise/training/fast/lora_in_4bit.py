"""A linear layer in NF4 with a LoRA adapter, in one piece: bf16 products, float32 adapters.

PEFT computes the adapter's products in float32, copies the layer's output, and keeps its input
twice; on a card that takes longer than the frozen weight's product. Here it is lora.py's product,
the weight made whole for it and anew in the backward pass. Needs bitsandbytes. Knows nothing of
models.
"""

from __future__ import annotations

from typing import Any

from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import fix_4bit_weight_quant_state_from_module
from peft.tuners.lora.bnb import Linear4bit
from torch import Tensor

from tunewise.training.fast.lora import adapted_product, in_one_piece


class AdaptedLinear4bit(Linear4bit):
    """PEFT's LoRA layer on NF4, with the one-piece product where it applies."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the adapted layer's output [..., out]."""
        name = None if args or kwargs else in_one_piece(self)
        base = self.get_base_layer()
        fix_4bit_weight_quant_state_from_module(base)
        state = base.weight.quant_state
        if name is None or state is None or state.dtype != x.dtype:
            found: Tensor = super().forward(x, *args, **kwargs)
            return found

        def whole(weight: Tensor) -> Tensor:
            made: Tensor = dequantize_4bit(weight.view(-1, 1), state)
            return made

        bias = None if base.bias is None else base.bias.to(x.dtype)
        return adapted_product(self, name, x, base.weight, bias, whole)
