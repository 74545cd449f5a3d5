"""A linear layer with a LoRA adapter, in one piece: bf16 products, float32 adapters.

PEFT computes the adapter's products in the adapter's own float32, which on a CPU takes four times
as long, and keeps several copies of the layer's input for the backward pass. Here both products
run in the layer's dtype, the input is kept once, and the adapters' gradients are in float32.
Registered with PEFT as the layer for nn.Linear; what it isn't made for is left to PEFT's own code.
Knows nothing of models.
"""

from __future__ import annotations

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
    ) -> Tensor:
        """Return the product [tokens, out] for x [tokens, in], a [rank, in] and b [out, rank]."""
        low_a, low_b = a.to(x.dtype), (b * scaling).to(x.dtype)
        inner = x @ low_a.T
        found = nn.functional.linear(x, weight, bias)
        ctx.save_for_backward(x, weight, low_a, low_b, inner)
        ctx.scaling = scaling
        return found.addmm_(inner, low_b.T)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | float | None, ...]:
        """Return the gradients of x, a and b."""
        x, weight, low_a, low_b, inner = ctx.saved_tensors
        grad = grads[0]
        outer = grad @ low_b  # [tokens, rank]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (grad @ weight).addmm_(outer, low_a)
        of_a = (outer.T @ x).float()
        of_b = (grad.T @ inner).float() * ctx.scaling
        return of_x, None, None, of_a, of_b, None


class AdaptedLinear(Linear):
    """PEFT's LoRA layer, with the one-piece product where it applies."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the adapted layer's output [..., out]."""
        name = self._in_one_piece(args, kwargs)
        if name is None:
            found: Tensor = super().forward(x, *args, **kwargs)
            return found
        base = self.get_base_layer()
        flat = x.reshape(-1, x.shape[-1])
        product = AdaptedProduct.apply(
            flat,
            base.weight,
            base.bias,
            self.lora_A[name].weight,
            self.lora_B[name].weight,
            self.scaling[name],
        )
        return product.view(*x.shape[:-1], product.shape[-1])

    def _in_one_piece(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """Return the one active adapter's name, None where PEFT's own code has to do it."""
        active = self.active_adapters
        if args or kwargs or self.disable_adapters or self.merged or len(active) != 1:
            return None
        name = active[0]
        plain = (
            name in self.lora_A
            and name not in self.lora_variant  # DoRA and others
            and isinstance(self.lora_dropout[name], nn.Identity)
            and not self.lora_bias[name]
            and not self.get_base_layer().weight.requires_grad
        )
        return name if plain else None
