"""What this machine has, how fast it is, what works on it, and what is missing and how to get it.

Knows nothing of tasks or terminals.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from tunewise.cache import cache_folder
from tunewise.files import existing_parent
from tunewise.planning.hardware import GIB
from tunewise.planning.measured import product_rate
from tunewise.workspace.cores import usable_cores

Verdict = Literal["works", "missing", "slow"]
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx_vnni", "asimd", "bf16", "sve")
LITTLE_DISK = 5e9  # bytes below which a model and its checkpoints may not find room
LITTLE_MEMORY = 4e9


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        found: what there is.
        verdict: whether that will do.
        mend: how to get what is missing.
    """

    name: str
    found: str
    verdict: Verdict = "works"
    mend: str | None = None


def examined(*, measure: bool = True) -> list[Check]:
    """Return what there is on this machine, in the order to read it in."""
    checks = [_system(), _processor(), _memory(), *_cards(), _disk(), _bf16(), *_packages()]
    if measure:
        checks += _rates()
    return checks


def _system() -> Check:
    import torch

    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return Check("system", f"{platform.system()} {platform.machine()}, {versions}")


def _processor() -> Check:
    flags = instruction_sets()
    told = ", ".join(flags) if flags else "instruction sets unknown"
    return Check("processor", f"{usable_cores()} cores; {told}")


def instruction_sets(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return the instruction sets that matter here, as the kernel names them."""
    if not cpuinfo.exists():
        return ()
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    line = next((one for one in lines if one.lower().startswith(("flags", "features"))), "")
    there = set(line.split())
    return tuple(name for name in INSTRUCTIONS if name in there)


def _memory() -> Check:
    memory = psutil.virtual_memory()
    told = f"{memory.total / GIB:.1f} GiB, {memory.available / GIB:.1f} free"
    if memory.available < LITTLE_MEMORY:
        return Check("memory", told, "slow", "Close other programs; a training will be cut short.")
    return Check("memory", told)


def _cards() -> list[Check]:
    import torch

    if torch.cuda.is_available():
        return [_card(number) for number in range(torch.cuda.device_count())]
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        return [Check("card", "Apple GPU; tunewise computes on the processor beside it", "slow")]
    driver = _nvidia_driver()
    if driver:
        return [
            Check(
                "card",
                f"{driver}, but this torch is built without CUDA",
                "missing",
                "Install one with: pip install torch --force-reinstall (see pytorch.org for the"
                " command that fits the driver).",
            )
        ]
    return [Check("card", "none; everything runs on the processor")]


def _card(number: int) -> Check:
    import torch

    about = torch.cuda.get_device_properties(number)
    bf16 = "bf16" if torch.cuda.is_bf16_supported() else "no bf16"
    driver = _nvidia_driver() or "driver unknown"
    told = f"{about.name}, {about.total_memory / GIB:.0f} GiB, {bf16}, {driver}"
    return Check(f"card {number}", told)


def _nvidia_driver() -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    asked = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    ended = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=20)
    return ended.stdout.strip().splitlines()[0] if ended.returncode == 0 and ended.stdout else None


def _disk() -> Check:
    folder = cache_folder()
    free = shutil.disk_usage(existing_parent(folder)).free
    told = f"{free / GIB:.0f} GiB free for models ({folder})"
    if free < LITTLE_DISK:
        return Check("disk", told, "slow", "Make room, or name another folder: TUNEWISE_CACHE.")
    return Check("disk", told)


def _bf16() -> Check:
    import torch

    from tunewise.engines.precision import fastest_dtype

    device = "cuda" if torch.cuda.is_available() else "cpu"
    faster = fastest_dtype(device) is torch.bfloat16
    return Check(
        "bfloat16", "faster than float32 here" if faster else "no faster than float32 here"
    )


def _packages() -> list[Check]:
    found = [
        _package("bitsandbytes", "QLoRA (load_in_4bit)", "pip install 'tunewise[qlora]'"),
    ]
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler:
        found.append(Check("compiler", f"{compiler}: long trainings on a processor are compiled"))
    else:
        how = "apt install g++ (or xcode-select --install)"
        found.append(
            Check("compiler", "no C++ compiler: long trainings aren't compiled", "missing", how)
        )
    from huggingface_hub import get_token

    told = "logged in" if get_token() else "not logged in: gated models can't be fetched"
    mend = None if get_token() else "hf auth login (or set HF_TOKEN), where you want a gated model"
    found.append(Check("Hugging Face Hub", told, "works" if get_token() else "missing", mend))
    return found


def _package(name: str, what: str, how: str) -> Check:
    if importlib.util.find_spec(name) is None:
        return Check(name, f"not installed: no {what}", "missing", how)
    return Check(name, f"{metadata.version(name)}: {what}")


def _rates() -> list[Check]:
    import torch

    if torch.cuda.is_available():
        return [Check("bf16 products", f"{cuda_rate() / 1e12:.1f} TFLOP/s measured")]
    return [
        Check("bf16 products", f"{product_rate() / 1e9:,.0f} GFLOP/s measured"),
        Check("memory copies", f"{copy_rate() / 1e9:.1f} GB/s measured"),
    ]


def cuda_rate(size: int = 8192, turns: int = 20, *, random: bool = False) -> float:
    """Return the operations a second of a square bf16 product on the card, of ones or random."""
    import torch

    fill = torch.randn if random else torch.ones
    a = fill(size, size, dtype=torch.bfloat16, device="cuda")
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(turns):
        a @ a
    torch.cuda.synchronize()
    return float(2 * size**3 * turns) / (time.perf_counter() - began)


def copy_rate(megabytes: int = 256, turns: int = 5) -> float:
    """Return the bytes a second that are read and written when memory is copied."""
    import torch

    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    best: float = float("inf")
    for _ in range(turns):
        began = time.perf_counter()
        target.copy_(source)
        best = min(best, time.perf_counter() - began)
    moved: int = 2 * source.numel() * source.element_size()
    return moved / best
