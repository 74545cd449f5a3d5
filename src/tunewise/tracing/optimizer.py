"""AdamW as transformers makes it, with the state that it has from its first step on.

Given the parameters that are trained, on any device or none. Knows nothing of learning rates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def after_a_step(trained: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer with both moments of every parameter there.

    The state is put in by hand, because the fused optimizer makes none for meta tensors, though its
    kernel takes them.
    """
    optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
    for parameter in trained:
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer
