"""The loss of a language model's head on supervised positions only, in pieces.

Given hidden states and the tokens that should follow them, gives back the summed cross entropy.
The logits of all positions never exist at once: a piece's logits become its part of the loss and
of the gradient right away (as in Hsu et al. 2024, arXiv 2410.10989, section 3.2). Knows nothing
of where the states come from.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tunewise.training.fast.device import on_cuda

LOGITS = 2**24  # of one piece at most: 64 MB in float32
LOGITS_ON_CUDA = 2**26  # a card needs some hundred positions at once to be busy with products
ADDED = 4096  # rows of a gradient that are added at once


@dataclass(frozen=True, slots=True)
class HeadShape:
    """What a model does to its logits beside the head's product.

    Attributes:
        factor: by which they are multiplied (Cohere, Granite).
        softcap: bound that they are bent to (Gemma 2), None if they aren't.
    """

    factor: float = 1.0
    softcap: float | None = None


def head_shape(config: Any) -> HeadShape:
    """Return what a model of this config does to its logits."""
    factor = getattr(config, "logit_scale", None) or 1.0
    if divisor := getattr(config, "logits_scaling", None):
        factor /= divisor
    return HeadShape(float(factor), getattr(config, "final_logit_softcapping", None))


class SummedLoss(torch.autograd.Function):
    """Cross entropy summed over targets, of states times the head's weight.

    The gradient is computed along with the loss, which is right whatever the loss is multiplied
    by later.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        shape: HeadShape,
    ) -> Tensor:
        """Return the loss, a float32 scalar.

        Args:
            states: [targets, hidden].
            weight: [vocab, hidden].
            bias: [vocab] or None.
            targets: [targets].
            shape: what happens to the logits.
        """
        wants = ctx.needs_input_grad[:3]
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        grads = [
            torch.zeros_like(t, dtype=torch.float32 if t is not states else t.dtype)
            if want and t is not None
            else None
            for t, want in zip((states, weight, bias), wants, strict=True)
        ]
        piece = max(1, (LOGITS_ON_CUDA if on_cuda(states) else LOGITS) // weight.shape[0])
        for start in range(0, len(targets), piece):
            some, right = states[start : start + piece], targets[start : start + piece]
            logits = nn.functional.linear(some, weight, bias)
            loss, slope = loss_and_slope(logits, right, shape.factor, shape.softcap)
            total += loss
            if grads[0] is not None:
                torch.mm(slope, weight, out=grads[0][start : start + piece])
            if grads[1] is not None:
                _add(grads[1], slope.T @ some)
            if grads[2] is not None:
                grads[2] += slope.sum(0)
        ctx.grads = [
            None if g is None else g.to(t.dtype)
            for g, t in zip(grads, (states, weight, bias), strict=True)
        ]
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of states, weight and bias."""
        by = grad_outputs[0]
        grads, ctx.grads = ctx.grads, ()  # else they live as long as the loss, into the next pass
        return (*(None if g is None else g * by.to(g.dtype) for g in grads), None, None)


def _add(total: Tensor, part: Tensor) -> None:
    """Add `part` to `total` in place, few rows at a time.

    A CPU turns what it adds in another dtype to the total's first: all of it would be a second
    copy of the embeddings' gradient, and the peak of a training of all weights.
    """
    for into, rows in zip(total.split(ADDED), part.split(ADDED), strict=True):
        into.add_(rows)


def loss_and_slope(
    logits: Tensor, targets: Tensor, factor: float, softcap: float | None
) -> tuple[Tensor, Tensor]:
    """Return the summed loss, and its derivative by the logits as they came, in their dtype."""
    values = logits.float()
    if factor != 1.0:
        values = values * factor
    if softcap is not None:
        bent = torch.tanh(values / softcap)
        values = softcap * bent
    found = values.log_softmax(1)
    right = found.gather(1, targets[:, None])
    slope = found.exp_()  # in place: of a vocabulary's width, each pass over memory counts
    slope.scatter_add_(1, targets[:, None], torch.full_like(right, -1.0))
    if factor != 1.0:
        slope *= factor
    if softcap is not None:
        slope *= 1 - bent * bent
    return -right.sum(), slope.to(logits.dtype)


def shaped(logits: Tensor, shape: HeadShape) -> Tensor:
    """Return logits as the model gives them: multiplied and bent."""
    values = logits * shape.factor
    return values if shape.softcap is None else shape.softcap * torch.tanh(values / shape.softcap)


def summed_loss(head: nn.Linear, states: Tensor, targets: Tensor, shape: HeadShape) -> Tensor:
    """Return the summed cross entropy of `targets` [targets] given `states` [targets, hidden]."""
    weight, bias = head.weight, head.bias
    kind = states.device.type
    if kind != "meta" and torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        states, weight = states.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    with contextlib.nullcontext() if kind == "meta" else torch.autocast(kind, enabled=False):
        found: Tensor = SummedLoss.apply(states, weight, bias, targets, shape)
    return found
