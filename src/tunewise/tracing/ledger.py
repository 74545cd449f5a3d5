"""The life of every storage while something is computed, and the floating-point operations of it.

A dispatch mode: it sees each operation's results, notes when a storage appears, and is told when
it goes. The same for real tensors and for fakes, so one can be held against the other. What a
kernel takes for itself and gives back before it returns is noted where workspaces.py knows it.
"""

from __future__ import annotations

import functools
import weakref
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tunewise.tracing.flops import flops_of
from tunewise.tracing.workspaces import workspace_of

_DEVICE = torch.ops.prim.device.default


@dataclass(slots=True)
class Life:
    """One storage: its bytes, what it is for, and at which event it came and went, if it did."""

    size: int
    kind: str
    came: int
    went: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What was noted.

    Attributes:
        peak: bytes of all storages that were alive at once, at most.
        kinds: what they were for, in bytes, the largest first; they sum to `peak`.
        peaks: what the storages were for when most were alive in each phase, in bytes.
        flops: floating-point operations of each phase, a multiplication and an addition counted
            as two.
        operations: dispatched.
    """

    peak: int
    kinds: dict[str, int]
    peaks: dict[str, dict[str, int]]
    flops: dict[str, int]
    operations: int

    @property
    def all_flops(self) -> int:
        """Operations of all phases together."""
        return sum(self.flops.values())


@dataclass
class _Live:
    """What is alive now; the most there ever was in each phase, and at which event."""

    now: int = 0
    peaks: dict[str, tuple[int, int]] = field(default_factory=dict)


class Ledger(TorchDispatchMode):
    """Notes storages of one type of device; use it as a context manager around the computation.

    Args:
        device: type of the device whose memory counts.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.device = device
        self.lives: list[Life] = []
        self.flops: dict[str, int] = defaultdict(int)
        self.operations = 0
        self._events = 0  # storages that came or went; finer than operations, which may do both
        self._phase = "other"
        self._live = _Live()
        self._known: dict[int, tuple[Any, Life]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Do an operation and note what it left."""
        if func is _DEVICE:  # fakes are asked for it all the time
            return func(*args)
        found = func(*args, **(kwargs or {}))
        self.operations += 1
        self.flops[self._phase] += flops_of(func, args, kwargs or {}, found)
        self._hold(workspace_of(func, args))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                self.note(leaf)
        return found

    def begin(self, phase: str) -> None:
        """Call what appears from now on by another name."""
        self._phase = phase
        self._reached()

    def note(self, tensor: Tensor, kind: str | None = None) -> None:
        """Note a tensor's storage; its kind is the phase unless another is given."""
        if tensor.device.type != self.device:
            return
        storage = tensor.untyped_storage()
        key = storage._cdata
        known = self._known.get(key)
        if known is not None:
            if kind is not None:
                known[1].kind = kind
            return
        self._events += 1
        life = Life(storage.nbytes(), kind or self._phase, self._events)
        self.lives.append(life)
        self._known[key] = (weakref.ref(storage, functools.partial(self._went, key)), life)
        self._live.now += life.size
        self._reached()

    def note_all(self, tensors: Iterable[Tensor | None], kind: str) -> None:
        """Note the storages of several tensors, known ones included, as of one kind."""
        for tensor in tensors:
            if tensor is not None:
                self.note(tensor, kind)

    def trace(self) -> Trace:
        """Return what was noted so far."""
        highest = max(self._live.peaks.values(), default=(0, 0), key=lambda most: most[0])
        return Trace(
            peak=highest[0],
            kinds=self._alive(highest[1]),
            peaks={phase: self._alive(at) for phase, (_, at) in self._live.peaks.items()},
            flops={name: count for name, count in self.flops.items() if count},
            operations=self.operations,
        )

    def _alive(self, at: int) -> dict[str, int]:
        """Return what the storages alive at an event were for, in bytes, the largest first."""
        kinds = defaultdict[str, int](int)
        for life in self.lives:
            if life.came <= at and (life.went is None or life.went > at):
                kinds[life.kind] += life.size
        return dict(sorted(kinds.items(), key=lambda item: -item[1]))

    def _hold(self, size: int) -> None:
        """Note what a kernel takes and gives back before it returns."""
        if size:
            self._events += 2
            self.lives.append(Life(size, "workspaces", self._events - 1, self._events + 1))
            self._live.now += size
            self._reached()
            self._live.now -= size
            self._events += 1

    def _reached(self) -> None:
        most = self._live.peaks.get(self._phase)
        if most is None or self._live.now > most[0]:
            self._live.peaks[self._phase] = (self._live.now, self._events)

    def _went(self, key: int, _: Any) -> None:
        _, life = self._known.pop(key)
        self._events += 1
        life.went = self._events
        self._live.now -= life.size
