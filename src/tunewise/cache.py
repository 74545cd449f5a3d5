"""The folder where models (and what Hub names meant) are kept between runs; the lock on a place.

Every model has a folder of its own there, written whole. Knows nothing of what is in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import platformdirs

from tunewise.files import disk_errors
from tunewise.progress import Progress


def cache_folder() -> Path:
    """Return the folder for models: TUNEWISE_CACHE if set, else the user's cache folder."""
    given = os.environ.get("TUNEWISE_CACHE")
    return (
        Path(given).expanduser().absolute() if given else platformdirs.user_cache_path("tunewise")
    )


@contextmanager
def filling(place: Path, progress: Progress) -> Iterator[Path]:
    """Hold `place`, a folder of the cache, while it is looked at or filled; give a scratch folder.

    Another process that fills the same place is waited for. The scratch folder is empty at the
    start and gone at the end; what a killed process left there is cleared first, as is what it
    left half written beside `place`.
    """
    scratch = place.with_name(f".{place.name}.scratch")
    with disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(place.with_name(f".{place.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress.line(f"Waiting for another process that prepares {place.name}")
            lock.acquire()
        try:
            for leftover in place.parent.glob(f".{place.name}.*.partial"):
                shutil.rmtree(leftover)
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            lock.release()
