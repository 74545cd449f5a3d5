"""Gradient checkpointing on as many layers as memory requires, and no more.

Given a model's shape, says how many bytes of activations a token takes, and how many layers have
to be computed anew in the backward pass so that a row fits. Knows nothing of what is trained.
"""

from __future__ import annotations

from typing import Any

BYTES = 2  # of an activation in bfloat16
# Activations that a layer keeps for the backward pass, per token, in multiples of its hidden and
# its inner size; fitted to SmolLM2-135M on a CPU, see docs/training.md.
HIDDEN, INNER = 24, 6


def bytes_per_token(config: Any, recomputed: int = 0, width: int = BYTES) -> int:
    """Return the bytes of activations of one token, with so many layers computed anew.

    Args:
        config: of the language model.
        recomputed: layers that keep their input only.
        width: bytes of one activation.
    """
    layers = int(config.num_hidden_layers)
    hidden, inner = int(config.hidden_size), int(config.intermediate_size)
    whole = (HIDDEN * hidden + INNER * inner) * width
    once = whole if recomputed else 0  # the layer that is being computed anew
    return (layers - recomputed) * whole + recomputed * hidden * width + once


def layers_to_recompute(config: Any, tokens: int, memory: float, width: int = BYTES) -> int | None:
    """Return the fewest layers to compute anew so that `tokens` fit into `memory` bytes.

    None where they don't fit even if all are.
    """
    for recomputed in range(int(config.num_hidden_layers) + 1):
        if tokens * bytes_per_token(config, recomputed, width) <= memory:
            return recomputed
    return None


def recompute(causal: Any, layers: int) -> None:
    """Have the first `layers` decoder layers computed anew in the backward pass."""
    if not layers:
        return
    how = {"use_reentrant": False}
    if hasattr(causal, "activation_checkpointing_enable"):
        causal.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:  # its name in transformers before 5.20
        causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)
    for layer in causal.get_decoder().layers[layers:]:
        layer.gradient_checkpointing = False
