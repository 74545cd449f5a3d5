"""Gradient checkpointing on as many layers as memory requires, and no more.

Given a model, has some of its layers computed anew in the backward pass. Knows nothing of how many
that should be; language/memory.py does.
"""

from __future__ import annotations

from typing import Any


def recompute(causal: Any, layers: int) -> None:
    """Have the first `layers` decoder layers computed anew in the backward pass."""
    if not layers:
        return
    how = {"use_reentrant": False}
    if hasattr(causal, "activation_checkpointing_enable"):
        causal.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:  # its name in transformers before 5.20
        causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)
    # Gradients of the embeddings' output are for the reentrant way alone.
    causal.disable_input_require_grads()
    for layer in causal.get_decoder().layers[layers:]:
        layer.gradient_checkpointing = False


def recompute_nothing(causal: Any) -> None:
    """Undo what `recompute` did."""
    for module in causal.modules():
        if hasattr(module, "gradient_checkpointing"):
            module.gradient_checkpointing = False
