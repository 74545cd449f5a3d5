"""Which number format is the fastest on this device: float32 or bfloat16, measured once.

Given a device, gives back a torch dtype. Knows nothing of models: whether a model's answers bear
the format is for its caller to check.
"""

from __future__ import annotations

import functools
import time

import torch

SHAPE = (512, 384, 1536)  # tokens of a batch, hidden size and inner size of MiniLM
SECONDS = 0.04  # spent on each format
MARGIN = 1.15  # bf16 must be faster by this factor to be worth its coarser mantissa


def fastest_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """Return torch.bfloat16 where it is faster by 15% than torch.float32, else torch.float32.

    On a CUDA device that supports bfloat16 it always is. On a CPU it depends on whether the
    machine has instructions for it (AVX512-BF16, AMX) and PyTorch uses them; without them bf16
    is emulated, and slower. So it is measured: both formats multiply matrices of 512 x 384 and
    384 x 1536, the most frequent shape of a small encoder, in turn for 0.04 s each. The rule's
    source is this measurement alone; nothing is looked up by the processor's name.

    Args:
        device: where it will be used; asked once per process and device.
    """
    return _fastest(str(device))


@functools.cache
def _fastest(device: str) -> torch.dtype:
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.startswith("cpu"):
        gain = matmul_seconds(torch.float32) / matmul_seconds(torch.bfloat16)
        return torch.bfloat16 if gain > MARGIN else torch.float32
    return torch.float32  # other devices: not measured, so the format that is right everywhere


def matmul_seconds(dtype: torch.dtype, shape: tuple[int, int, int] = SHAPE) -> float:
    """Return the best of several times, in seconds, for one linear layer of `shape` on the CPU.

    The best, because other processes can only make it slower.
    """
    rows, inner, outer = shape
    x = torch.ones(rows, inner, dtype=dtype)
    layer = torch.nn.Linear(inner, outer, dtype=dtype)
    with torch.inference_mode():
        layer(x)  # the first call chooses a kernel
        best, until = float("inf"), time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            began = time.perf_counter()
            layer(x)
            best = min(best, time.perf_counter() - began)
    return best
