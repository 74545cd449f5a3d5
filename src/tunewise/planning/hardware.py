"""Cards and machines that work can be planned for, read from hardware.toml, and this machine.

Given a name, gives back what it has and costs. Knows nothing of what is planned.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tunewise.errors import BadInput, did_you_mean
from tunewise.workspace.cores import usable_cores

HERE = "this machine"
GIB = 2**30
# A CUDA context with PyTorch's kernels, and what an allocator holds beyond its tensors: typical
# values, not measured.
CONTEXT_BYTES = 700e6
ALLOCATOR = 0.05
USED = 0.8  # of a CPU's free memory, as the training has it


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_gib: float
    tflops: float
    bandwidth_gb: float
    usd_per_hour: float | None = None
    price_source: str
    kind: Literal["cuda", "cpu", "apple"] = "cuda"
    bf16: bool = True
    sheet: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What work can be planned for.

    Attributes:
        name: as in the catalogue, or HERE.
        kind: of its processor.
        bytes: of memory that tensors may take, allowances taken off.
        flops: a second, of products in bf16, as the maker says.
        bandwidth: bytes a second.
        usd_per_hour: None where nothing is paid.
        price_source: where that price is from.
        bf16: whether it computes in bfloat16.
        here: whether it is this machine.
    """

    name: str
    kind: Literal["cuda", "cpu", "apple"]
    bytes: float
    flops: float
    bandwidth: float
    usd_per_hour: float | None
    price_source: str
    bf16: bool = True
    here: bool = False


@functools.cache
def hardware() -> dict[str, Machine]:
    """Return the catalogue's machines by name, in its order."""
    text = resources.files("tunewise.planning").joinpath("hardware.toml").read_text("utf-8")
    entries = TypeAdapter(dict[str, _Entry]).validate_python(tomllib.loads(text))
    return {name: _machine(name, entry) for name, entry in entries.items()}


def _machine(name: str, entry: _Entry) -> Machine:
    whole = entry.memory_gib * GIB
    room = (whole - CONTEXT_BYTES) * (1 - ALLOCATOR) if entry.kind == "cuda" else whole * USED
    return Machine(
        name=name,
        kind=entry.kind,
        bytes=room,
        flops=entry.tflops * 1e12,
        bandwidth=entry.bandwidth_gb * 1e9,
        usd_per_hour=entry.usd_per_hour,
        price_source=entry.price_source,
        bf16=entry.bf16,
    )


def machine(name: str, prices: Mapping[str, float] | None = None) -> Machine:
    """Return a machine of the catalogue, with the user's price where there is one.

    Raises:
        BadInput: there is none of that name.
    """
    known = {_plain(key): found for key, found in hardware().items()}
    found = known.get(_plain(name))
    if found is None:
        nearest = [key for key in hardware() if _plain(key).startswith(_plain(name))]
        mend = (
            f"Did you mean '{nearest[0]}'?" if nearest else did_you_mean(name.lower(), hardware())
        )
        raise BadInput(f"there is no card '{name}' in the catalogue", mend=mend)
    return priced(found, prices or {})


def priced(found: Machine, prices: Mapping[str, float]) -> Machine:
    """Return a machine with the user's price for it, if the user gives one."""
    for name, price in prices.items():
        if _plain(name) == _plain(found.name):
            return replace(found, usd_per_hour=price, price_source="task.yaml")
    return found


def this_machine(prices: Mapping[str, float] | None = None) -> Machine:
    """Return this machine: its card where there is one, else its processor."""
    import torch

    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        named = next((m for k, m in hardware().items() if _plain(k) in _plain(about.name)), None)
        room = (about.total_memory - CONTEXT_BYTES) * (1 - ALLOCATOR)
        found = Machine(
            name=HERE,
            kind="cuda",
            bytes=room,
            flops=named.flops if named else 50e12,
            bandwidth=named.bandwidth if named else 500e9,
            usd_per_hour=None,
            price_source="own machine",
            bf16=torch.cuda.is_bf16_supported(),
            here=True,
        )
    else:
        found = Machine(
            name=HERE,
            kind="cpu",
            bytes=USED * psutil.virtual_memory().available,
            flops=1e11 * usable_cores(),  # measured.py replaces it, and the bandwidth
            bandwidth=20e9,
            usd_per_hour=None,
            price_source="own machine",
            here=True,
        )
    return priced(found, prices or {})


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
