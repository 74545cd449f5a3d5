"""The one door: a model's name becomes a folder on this machine.

A name is a short one of the catalogue, a folder or GGUF file, or a Hub id ('owner/name', with
'@revision' if one is wanted). Knows nothing of how weights are loaded or used.
"""

from __future__ import annotations

import re
from pathlib import Path

from tunewise.errors import ModelError, did_you_mean
from tunewise.models.catalogue import Known, catalogue
from tunewise.models.model_folder import ModelFolder, checked_kind
from tunewise.models.sources import Found
from tunewise.models.sources.folder import from_folder
from tunewise.models.sources.hub import from_hub
from tunewise.models.sources.package import from_package
from tunewise.progress import Progress

__all__ = ["ModelFolder", "resolve"]

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$")


def resolve(name: str, progress: Progress, *, task_folder: Path | None = None) -> ModelFolder:
    """Return the folder of the model `name`, fetched and prepared if it isn't here yet.

    Args:
        name: catalogue name, path of a folder or GGUF file, or Hub id; looked for in this order.
        progress: gets bars while something is fetched or converted.
        task_folder: where relative paths start; left out: the working directory.

    Raises:
        ModelError: no such model, or one that can't be used, or not safely.
        FileMissing: a path with nothing there.
        Unreachable: the package index or the Hub gives no answer.
        DiskFull: no room in the cache.
    """
    known = catalogue().get(name)
    found = _found(name, known, progress, task_folder or Path.cwd())
    kind = checked_kind(found.path, name)
    licence = found.licence or (known.licence if known else None)
    return ModelFolder(name, found.path, found.source, licence, found.fingerprint, kind)


def _found(name: str, known: Known | None, progress: Progress, start: Path) -> Found:
    if known and known.package:
        return from_package(name, known, progress)
    if known and known.hub:
        return from_hub(known.hub, progress)
    path = (start / Path(name).expanduser()).absolute()
    if path.exists() or looks_like_path(name):
        return from_folder(path, name, progress)
    if HUB_ID.match(name):
        return from_hub(name, progress)
    raise ModelError(f"there is no model '{name}'", mend=did_you_mean(name, catalogue()))


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a path."""
    return name.startswith((".", "/", "~")) or name.endswith((".gguf", "/")) or "\\" in name
