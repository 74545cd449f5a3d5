"""Where a step is computed, for what is done another way on a card. Knows nothing of models."""

from __future__ import annotations

from contextvars import ContextVar

from torch import Tensor

AS_ON_CUDA = ContextVar("AS_ON_CUDA", default=False)  # set where a card's work is only traced


def on_cuda(tensor: Tensor) -> bool:
    """Whether a tensor is on a card, or is traced as if it were."""
    return tensor.device.type == "cuda" or AS_ON_CUDA.get()
