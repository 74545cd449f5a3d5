"""Every error a user can meet, as one tree.

    TunewiseError                       exit status 1 unless a child says otherwise
    ├── BadInput (ValueError)           2: something the user wrote or gave is wrong
    │   ├── TaskFileError               a key, type or value in task.yaml
    │   ├── FixesFileError              a key, type, value or contradiction in fixes.yaml
    │   ├── DataError                   a file of rows, a column, a label
    │   ├── ModelError                  a model name, folder or package
    │   └── RunFolderError              a run folder that can't be used as it is
    ├── FileMissing (FileNotFoundError) 2: a file that was named isn't there
    ├── Unreachable (ConnectionError)   2: an index, hub or endpoint gives no answer
    ├── DiskFull (OSError)              2: no room to write
    ├── OutOfMemory (MemoryError)       2: no room in memory, on a card or on the CPU
    ├── RunInUse (RuntimeError)         2: another process holds the run folder
    ├── CapReached (RuntimeError)       2: one more request could pass the spending cap
    └── ProofFailed (AssertionError)    3: something shipped doesn't answer as it was trained

A message is one line: what is wrong, where, and how to mend it. Bad input never shows a
traceback; a bug always does. This file knows nothing of terminals.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TunewiseError(Exception):
    """The root of the tree.

    Args:
        what: what is wrong, in one sentence without its full stop.
        where: file, line, key or row it was found at, when there is one.
        mend: what the user can do about it, as a sentence.
    """

    exit_status = 1

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what = one_line(what)
        self.where = one_line(where) if where else None
        self.mend = one_line(mend) if mend else None
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f". {self.mend}" if self.mend else ""
        return f"{place}{self.what}{cure}"


class BadInput(TunewiseError, ValueError):
    """Something the user wrote or gave can't be used."""

    exit_status = 2


class TaskFileError(BadInput):
    """A key, type or value in task.yaml is wrong."""


class FixesFileError(BadInput):
    """A key, type or value in fixes.yaml is wrong, or two accepted fixes contradict each other."""


class DataError(BadInput):
    """A file of rows can't be used as it is."""


class ModelError(BadInput):
    """A model can't be found, or isn't of a kind that can be used."""


class RunFolderError(BadInput):
    """A run folder isn't one, or was made by another version."""


class FileMissing(TunewiseError, FileNotFoundError):
    """A file that was named isn't there."""

    exit_status = 2


class Unreachable(TunewiseError, ConnectionError):
    """A package index, model hub or endpoint gives no answer."""

    exit_status = 2


class DiskFull(TunewiseError, OSError):
    """There is no room left to write."""

    exit_status = 2


class OutOfMemory(TunewiseError, MemoryError):
    """There is no room in memory, on a card or on the CPU."""

    exit_status = 2


class RunInUse(TunewiseError, RuntimeError):
    """Another process is working in the run folder."""

    exit_status = 2


class CapReached(TunewiseError, RuntimeError):
    """One more request could pass the spending cap."""

    exit_status = 2


class ProofFailed(TunewiseError, AssertionError):
    """Something that was shipped doesn't answer as it did in training."""

    exit_status = 3


def did_you_mean(word: str, legal: Iterable[str]) -> str:
    """Return a mend that names the nearest legal word, or all of them when none is near."""
    words = sorted(set(legal))
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    lowered = {w.lower(): w for w in words}
    if word.lower() in lowered:
        near = [lowered[word.lower()]]
    if near:
        return f"Did you mean '{near[0]}'?"
    if not words:
        return "There is nothing to choose from."
    shown = ", ".join(words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")
    return f"Choose from: {shown}."


def one_line(text: str, most: int = 600) -> str:
    """Return `text` on one line, without control characters, shortened to `most` characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
