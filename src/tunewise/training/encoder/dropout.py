"""Dropout whose random numbers cost an eighth: one byte decides on an element.

PyTorch's dropout on a CPU draws a number of its own for each element, one after the other: an
eighth of the time in which a small encoder is trained. Here 64 random bits decide on eight. Given a
model, changes its dropout layers; they draw from PyTorch's own generator, so seeds and resuming
work as ever. Knows nothing of what is trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 256  # of a byte; a probability is rounded to the nearest of them


class ByteDropout(nn.Dropout):
    """nn.Dropout by bytes: 0.1 drops 26 of 256; what stays is scaled by that very share."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x with elements dropped while training, else x; a card's own kernel is as fast."""
        cut = round(self.p * LEVELS)
        if not self.training or cut in (0, LEVELS) or x.device.type == "cuda":
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None)  # all 64 bits; without bounds the highest is never set
        drawn = words.view(torch.uint8)[: x.numel()].view(x.shape)
        kept = (drawn >= cut).to(x.dtype).mul_(LEVELS / (LEVELS - cut))
        return x * kept  # masked_fill would take as long as all of this


def with_byte_dropout(model: nn.Module) -> nn.Module:
    """Return the model with its layers of plain dropout changed for such ones, in place."""
    for name, module in list(model.named_modules()):
        if type(module) is nn.Dropout and name:
            model.set_submodule(name, ByteDropout(module.p))
    return model
