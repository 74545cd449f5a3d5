"""What a run was made with: machine, Python, packages. Knows nothing of the run itself."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil

from tunewise.version import __version__

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "scikit-learn",
    "scipy",
    "statsmodels",
    "numpy",
    "pyarrow",
)


def environment() -> dict[str, object]:
    """Return machine, operating system, Python and package versions as plain values."""
    return {
        "tunewise": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the processor's name as Linux tells it, else what Python knows."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
