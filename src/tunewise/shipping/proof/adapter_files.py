"""An exported adapter's files beside those that training left: tensors, rank, scale and base.

Given both folders, says what differs. Knows nothing of models.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tunewise.files import read_json
from tunewise.shipping.proof.records import Cause
from tunewise.shipping.proof.weights import Compared, from_safetensors

SCALE = ("r", "lora_alpha", "use_rslora", "use_dora", "alpha_pattern", "rank_pattern")
BASE = ("base_model_name_or_path", "revision")


def compared_adapters(trained: Path, exported: Path) -> Compared:
    """Return how an exported adapter differs from the trained one."""
    wanted = dict(from_safetensors(_files(trained)))
    found = dict(from_safetensors(_files(exported)))
    off = sorted(
        name
        for name in wanted.keys() | found.keys()
        if name not in wanted or name not in found or not torch.equal(wanted[name], found[name])
    )
    causes = []
    asked, said = (read_json(folder / "adapter_config.json") for folder in (trained, exported))
    for keys, name in ((SCALE, "scale alpha/r wrong"), (BASE, "wrong base revision")):
        other = [key for key in keys if asked.get(key) != said.get(key)]
        off += [f"adapter_config.json: {key}" for key in other]
        if other:
            words = (
                f"{other[0]} is {said.get(other[0])!r} and was {asked.get(other[0])!r} in training"
            )
            causes.append(Cause(name, words))  # type: ignore[arg-type]
    if off and not causes:
        causes.append(_of_tensors(wanted, found, off))
    return Compared(len(wanted), tuple(off), tuple(causes))


def _of_tensors(
    wanted: dict[str, torch.Tensor], found: dict[str, torch.Tensor], off: list[str]
) -> Cause:
    """Return what is likely wrong with an adapter's tensors."""
    if not found or all(not bool(found[name].any()) for name in off if name in found):
        return Cause("adapter not applied", "the adapter's tensors are missing or all zero")
    for name in off:
        one, other = wanted.get(name), found.get(name)
        if one is None or other is None or one.ndim != 2:
            continue
        if one.T.shape == other.shape and torch.equal(one.T, other):
            return Cause("transposed weight", f"{name} holds the trained weights transposed")
    return Cause(
        "weights differ", f"{len(off):,} of {len(wanted):,} tensors aren't the trained ones"
    )


def _files(folder: Path) -> list[str]:
    return sorted(str(file) for file in folder.glob("adapter_model*.safetensors"))
