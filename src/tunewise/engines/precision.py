"""Which number format is the fastest on this device: float32 or bfloat16, measured once.

Given a device, gives back a torch dtype. Knows nothing of models: whether a model's answers bear
the format is for its caller to check.
"""

from __future__ import annotations

import functools
import time

import torch

SHAPE = (512, 384, 1536)  # tokens of a batch, hidden size and inner size of MiniLM
SECONDS = 0.1  # spent measuring
LEAST_TURNS = 8  # of each format, even on a busy machine
MARGIN = 1.15  # bf16 must be faster by this factor to be worth its coarser mantissa


def fastest_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """Return torch.bfloat16 where it is faster by 15% than torch.float32, else torch.float32.

    On a CUDA device that supports bfloat16 it always is. On a CPU it depends on whether the
    machine has instructions for it (AVX512-BF16, AMX) and PyTorch uses them; without them bf16
    is emulated, and slower. So it is measured: both formats multiply matrices of 512 x 384 and
    384 x 1536, the most frequent shape of a small encoder, in turn for a tenth of a second. The
    rule's source is this measurement alone; nothing is looked up by the processor's name.

    Args:
        device: where it will be used; asked once per process and device.
    """
    return _fastest(str(device))


def computes_in_bf16(wanted: bool | str, device: torch.device | str) -> bool:
    """Return whether to train in bfloat16: as the user says, or whichever is faster there."""
    return wanted if isinstance(wanted, bool) else fastest_dtype(device) is torch.bfloat16


@functools.cache
def _fastest(device: str) -> torch.dtype:
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.startswith("cpu"):
        seconds = matmul_seconds((torch.float32, torch.bfloat16))
        faster = seconds[torch.bfloat16] * MARGIN < seconds[torch.float32]
        return torch.bfloat16 if faster else torch.float32
    return torch.float32  # other devices: not measured, so the format that is right everywhere


def matmul_seconds(
    dtypes: tuple[torch.dtype, ...], shape: tuple[int, int, int] = SHAPE
) -> dict[torch.dtype, float]:
    """Return the best time, in seconds, of one linear layer of `shape` on the CPU per format.

    The formats take turns, and the best of many counts, because other processes can only make
    one slower.
    """
    rows, inner, outer = shape
    layers = {dtype: torch.nn.Linear(inner, outer, dtype=dtype) for dtype in dtypes}
    inputs = {dtype: torch.ones(rows, inner, dtype=dtype) for dtype in dtypes}
    best = dict.fromkeys(dtypes, float("inf"))
    with torch.inference_mode():
        for dtype in dtypes:
            layers[dtype](inputs[dtype])  # the first call chooses a kernel
        until, turns = time.perf_counter() + SECONDS, 0
        while turns < LEAST_TURNS or time.perf_counter() < until:
            turns += 1
            for dtype in dtypes:
                began = time.perf_counter()
                layers[dtype](inputs[dtype])
                best[dtype] = min(best[dtype], time.perf_counter() - began)
    return best
