"""Checkpoints that count only when they are whole.

A checkpoint is a folder checkpoint-N whose `complete.json`, written last, holds the size and
SHA-256 of every file in it, and the key of the training it belongs to. A folder without it, or
with a file that isn't as it says, is what a killed process left behind. Knows nothing of what
the files mean.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import TunewiseError
from tunewise.files import disk_errors, file_sha256, read_record, sync_file, sync_folder, write_json

MARKER = "complete.json"
NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file's size in bytes and its hash."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Complete:
    """What a whole checkpoint says of itself: the training's key, and its files by name."""

    key: str
    files: dict[str, Kept]


def seal(folder: Path, key: str) -> None:
    """Sync every file of a checkpoint, then write its marker."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MARKER)
    with disk_errors(folder):
        for file in files:
            sync_file(file)
        sync_folder(folder)
    kept = {
        file.relative_to(folder).as_posix(): Kept(file.stat().st_size, file_sha256(file))
        for file in files
    }
    write_json(folder / MARKER, Complete(key, kept))
    sync_folder(folder.parent)


def is_whole(folder: Path, key: str) -> bool:
    """Whether a checkpoint belongs to the training `key` and its files are as its marker says."""
    marker = folder / MARKER
    if not marker.is_file():
        return False
    try:
        complete = read_record(marker, Complete)
    except TunewiseError:  # not as we write it, so not ours to trust
        return False
    return complete.key == key and all(
        (folder / name).is_file()
        and (folder / name).stat().st_size == kept.size
        and file_sha256(folder / name) == kept.sha256
        for name, kept in complete.files.items()
    )


def checkpoints(parent: Path) -> list[Path]:
    """Return all checkpoint folders, whole or not, the newest first."""
    found = [(int(m[1]), p) for p in parent.iterdir() if (m := NAME.fullmatch(p.name))]
    return [path for _, path in sorted(found, reverse=True)]


def newest_whole(parent: Path, key: str) -> Path | None:
    """Return the newest checkpoint that can be trusted, None when there is none."""
    return next((path for path in checkpoints(parent) if is_whole(path, key)), None)


def delete_checkpoints(parent: Path, keep: Path | None = None) -> None:
    """Delete every checkpoint but `keep`."""
    for path in checkpoints(parent):
        if path != keep:
            (path / MARKER).unlink(missing_ok=True)  # first, so that a half deleted one is none
            shutil.rmtree(path)
