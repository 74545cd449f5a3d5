"""torch.compile for one decoder layer, which all layers share, where the run repays it.

Compiling a layer instead of the model takes seconds in place of minutes, and fuses what a layer
does between its matrix products. Knows nothing of what is trained.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from torch import nn

SECONDS = 45.0  # that compiling takes here, forward and backward, with an empty cache
GAIN = 0.15  # share of a step's time that it saves at least; measured, see docs/training.md


def pays(seconds: float) -> bool:
    """Whether a training of so many seconds, uncompiled, is shorter with compiling."""
    return seconds * GAIN > SECONDS


def can_compile(device_type: str) -> bool:
    """Whether this machine has what torch.compile needs: a C++ compiler, for a CPU."""
    return device_type == "cuda" or shutil.which(os.environ.get("CXX", "g++")) is not None


def compile_layers(causal: Any) -> None:
    """Have each decoder layer compiled at its first use, for any number of tokens."""
    layers: nn.ModuleList = causal.get_decoder().layers
    for layer in layers:
        layer.compile(dynamic=True)
