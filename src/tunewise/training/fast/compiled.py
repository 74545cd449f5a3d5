"""torch.compile for one decoder layer, which all layers share, where the run repays it.

Compiling a layer instead of the model takes seconds in place of minutes, and fuses what a layer
does between its matrix products. Knows nothing of what is trained.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from torch import nn

# Seconds that compiling takes, forward and backward, with an empty cache. On an H100 the layers of
# an 8B model weren't compiled after 100 s, when the trial ended; 300 is a guess on the safe side.
SECONDS = {"cpu": 45.0, "cuda": 300.0}
GAIN = 0.15  # share of a step's time that it saves at least; on a CPU, see docs/training.md


def pays(seconds: float, device_type: str) -> bool:
    """Whether a training of so many seconds, uncompiled, is shorter with compiling."""
    return seconds * GAIN > SECONDS.get(device_type, SECONDS["cuda"])


def can_compile(device_type: str) -> bool:
    """Whether this machine has what torch.compile needs: a C++ compiler, for a CPU."""
    return device_type == "cuda" or shutil.which(os.environ.get("CXX", "g++")) is not None


def compile_layers(causal: Any) -> None:
    """Have each decoder layer compiled at its first use, for any number of tokens."""
    layers: nn.ModuleList = causal.get_decoder().layers
    for layer in layers:
        layer.compile(dynamic=True)
