"""A linear layer with a LoRA adapter, in one piece: bf16 products, float32 adapters.

PEFT computes the adapter's products in the adapter's own float32, which on a CPU takes four times
as long, and keeps several copies of the layer's input for the backward pass. Here both products
run in the layer's dtype, the input is kept once, and the adapters' gradients are in float32.
Registered with PEFT as the layer for nn.Linear; what it isn't made for is left to PEFT's own code.
lora_in_4bit.py does the same for weights in NF4. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn


class AdaptedProduct(torch.autograd.Function):
    """x W' + b + s (x A') B', with W and b frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scaling: float,
        whole: Callable[[Tensor], Tensor] = lambda weight: weight,
    ) -> Tensor:
        """Return the product [tokens, out] for x [tokens, in], a [rank, in] and b [out, rank].

        `whole` makes the weight [out, in] of what is kept of it.
        """
        low_a, low_b = a.to(x.dtype), (b * scaling).to(x.dtype)
        inner = x @ low_a.T
        found = nn.functional.linear(x, whole(weight), bias)
        ctx.save_for_backward(x, weight, low_a, low_b, inner)
        ctx.scaling, ctx.whole = scaling, whole
        return found.addmm_(inner, low_b.T)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, a and b."""
        x, weight, low_a, low_b, inner = ctx.saved_tensors
        grad = grads[0]
        outer = grad @ low_b  # [tokens, rank]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (grad @ ctx.whole(weight)).addmm_(outer, low_a)
        of_a = (outer.T @ x).float()
        of_b = (grad.T @ inner).float() * ctx.scaling
        return of_x, None, None, of_a, of_b, None, None


class AdaptedLinear(Linear):
    """PEFT's LoRA layer, with the one-piece product where it applies."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the adapted layer's output [..., out]."""
        name = None if args or kwargs else in_one_piece(self)
        if name is None:
            found: Tensor = super().forward(x, *args, **kwargs)
            return found
        base = self.get_base_layer()
        return adapted_product(self, name, x, base.weight, base.bias)


def in_one_piece(layer: Any) -> str | None:
    """Return the one active adapter's name, None where PEFT's own code has to do it."""
    active = layer.active_adapters
    if layer.disable_adapters or layer.merged or len(active) != 1:
        return None
    name: str = active[0]
    plain = (
        name in layer.lora_A
        and name not in layer.lora_variant  # DoRA and others
        and isinstance(layer.lora_dropout[name], nn.Identity)
        and not layer.lora_bias[name]
        and not layer.get_base_layer().weight.requires_grad
    )
    return name if plain else None


def adapted_product(
    layer: Any, name: str, x: Tensor, weight: Tensor, bias: Tensor | None, *whole: Any
) -> Tensor:
    """Return the output [..., out] of a layer's frozen weight and its adapter of that name."""
    product = AdaptedProduct.apply(
        x.reshape(-1, x.shape[-1]),
        weight,
        bias,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        layer.scaling[name],
        *whole,
    )
    return product.view(*x.shape[:-1], product.shape[-1])
