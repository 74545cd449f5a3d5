"""Exported weights beside the trained ones and the base model's: what was done to them.

Given tensors by name, says how many differ by more than their format's rounding, and what
explains it best: no adapter, another scale, another base, a transposition, or a merge in fewer
bits. Knows nothing of files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from tunewise.shipping.proof.records import Cause

SAME_SCALE = 0.03  # the adapter's part may be off by this share, or by five standard errors
TOUCHED = 1e-6  # relative size from which on a tensor counts as changed by the adapter
MERGED_COARSELY = 2**-6  # of a tensor's largest value: what a merge in few bits explains


@dataclass(frozen=True, slots=True)
class Rounding:
    """By how much a format may change a value.

    Attributes:
        dtype: to whose nearest value it rounds, once; None for other formats.
        share: of the value itself.
        of_largest: of the largest value in its row, for formats that scale blocks.
        floor: in any case, for the smallest numbers.
    """

    dtype: torch.dtype | None = None
    share: float = 0.0
    of_largest: float = 0.0
    floor: float = 2.0**-24

    def allows(self, found: Tensor, wanted: Tensor) -> bool:
        """Whether all of `found` could be `wanted`, rounded."""
        room = self.share * wanted.abs() + self.floor
        if self.dtype:
            about = torch.finfo(self.dtype)
            exponents = torch.frexp(wanted).exponent  # wanted is 0.5 to 1 times two to the power
            exponents = exponents.clamp(min=round(math.log2(about.tiny)) + 1)
            half = torch.full_like(wanted, about.eps / 4)
            room = room + torch.ldexp(half, exponents)  # half a unit in the last place
        if self.of_largest and wanted.ndim > 1:
            room = room + self.of_largest * wanted.abs().amax(-1, keepdim=True)
        return bool(((found - wanted).abs() <= room).all())

    def rounded(self, wanted: Tensor) -> Tensor:
        """Return what the format makes of values, where it rounds each by itself."""
        return wanted.to(self.dtype).float() if self.dtype else wanted


EXACT = Rounding(floor=0.0)
ROUNDINGS = {
    "f32": Rounding(share=2**-22),
    # Half a unit in the last place, and a float32 sum's own rounding: a merge in fewer bits rounds
    # twice, which is beyond it in some of a tensor's values however little was learnt.
    "f16": Rounding(torch.float16, share=2**-23, floor=0.0),
    "bf16": Rounding(torch.bfloat16, share=2**-23, floor=0.0),
    "q8_0": Rounding(share=2**-10, of_largest=1 / 127),
    "q6_k": Rounding(share=2**-8, of_largest=1 / 16),
    "q5_k_m": Rounding(share=2**-8, of_largest=1 / 8),
    "q4_k_m": Rounding(share=2**-8, of_largest=1 / 3),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it: tensors compared, names of those that differ, and the likely causes."""

    compared: int
    off: tuple[str, ...]
    causes: tuple[Cause, ...]


def compared(
    pairs: Iterable[tuple[str, Tensor, Tensor]],
    rounding: Rounding,
    base: Callable[[], dict[str, Tensor]] | None,
) -> Compared:
    """Return how exported tensors differ from the trained ones.

    Args:
        pairs: name, exported tensor and trained tensor, both in float32.
        rounding: that the format allows.
        base: gives the base model's tensors by name, asked only where something differs; None
            where all weights were tuned.
    """
    count, off = 0, list[tuple[str, Tensor, Tensor]]()
    for name, found, wanted in pairs:
        count += 1
        if found.shape != wanted.shape or not rounding.allows(found, wanted):
            off.append((name, found, wanted))
    if not off:
        return Compared(count, (), ())
    known = base() if base else {}
    votes = Counter[str]()
    scales = list[float]()
    for name, found, wanted in off:
        vote, scale = _explained(found, wanted, known.get(name), rounding)
        votes[vote] += 1
        if scale is not None:
            scales.append(scale)
    return Compared(count, tuple(name for name, _, _ in off), _causes(votes, scales, count))


def _explained(
    found: Tensor, wanted: Tensor, base: Tensor | None, rounding: Rounding
) -> tuple[str, float | None]:
    """Return what explains one tensor best, and by which factor the adapter's part is off."""
    turned = found.ndim == 2 and found.T.shape == wanted.shape
    if turned and (found.shape != wanted.shape or rounding.allows(found.T, wanted)):
        return "transposed", None
    if found.shape != wanted.shape or base is None or base.shape != wanted.shape:
        return "differs", None
    learnt = wanted - base
    if learnt.norm() <= TOUCHED * wanted.norm():
        return "base", None
    kept = rounding.rounded(wanted) - base  # what was learnt and is more than a step of the format
    if not kept.any():
        return "differs", None
    return _adapter_part(found - base, kept, float(wanted.abs().max()))


def _adapter_part(found: Tensor, learnt: Tensor, largest: float) -> tuple[str, float | None]:
    """Return what became of an adapter's part: left out, scaled, or merged in fewer bits.

    Args:
        found: exported weights less the base model's.
        learnt: trained weights, in the format, less the base model's.
        largest: of the trained weights.
    """
    size = float(learnt.norm())
    scale = float(found.flatten() @ learnt.flatten()) / size**2
    rest = found - scale * learnt
    error = float(rest.norm()) / size / rest.numel() ** 0.5
    room = max(SAME_SCALE, 5 * error)
    if float(rest.abs().max()) > MERGED_COARSELY * largest and float(rest.norm()) > 0.2 * size:
        return "differs", None
    if abs(scale - 1) <= room:
        return "coarse", None
    return ("base alone", None) if abs(scale) <= room else ("scale", scale)


def _causes(votes: Counter[str], scales: list[float], count: int) -> tuple[Cause, ...]:
    """Return what the tensors' votes come to, the likeliest first."""
    of = f"of {count:,} tensors"
    if votes["transposed"]:
        words = f"{votes['transposed']:,} {of} hold the trained weights transposed"
        return (Cause("transposed weight", words),)
    if votes["base"]:
        words = (
            f"{votes['base']:,} {of} that the adapter never touched aren't the base model's, so the"
            " adapter was merged into another revision of it"
        )
        return (Cause("wrong base revision", words),)
    if votes["base alone"] and votes["base alone"] >= max(votes.values()):
        words = (
            f"{votes['base alone']:,} {of} are the base model's, without what the adapter learnt"
        )
        return (Cause("adapter not applied", words),)
    if votes["scale"] and votes["scale"] >= max(votes.values()):
        middle = sorted(scales)[len(scales) // 2]
        words = (
            f"in {votes['scale']:,} {of} the adapter's part is {middle:.3g} times what it was in"
            " training (alpha / r, or alpha / sqrt(r) with rsLoRA)"
        )
        return (Cause("scale alpha/r wrong", words),)
    if votes["coarse"] and votes["coarse"] >= max(votes.values()):
        words = (
            f"{votes['coarse']:,} {of} are off by rounding that one rounding of a float32 merge"
            " doesn't explain, so they were merged in fewer bits"
        )
        return (Cause("wrong merge dtype", words),)
    return (Cause("weights differ", f"{sum(votes.values()):,} {of} aren't the trained ones"),)


def from_safetensors(folder_files: Iterable[str]) -> Iterable[tuple[str, Tensor]]:
    """Give the tensors of safetensors files one by one, in float32."""
    from safetensors import safe_open

    for file in folder_files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a dictionary
                yield name, opened.get_tensor(name).to(torch.float32)
