"""Where a model can come from: one file per kind of place. Each gives back a Found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A model brought to this machine.

    Attributes:
        path: its folder.
        source: where it came from, exactly.
        licence: where known.
        fingerprint: of what it answers.
    """

    path: Path
    source: str
    licence: str | None
    fingerprint: str
