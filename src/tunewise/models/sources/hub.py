"""A model on the Hugging Face Hub, pinned to a commit: safetensors or GGUF, never pickles or code.

The commit that a name meant when it was first used is recorded in our cache and used from then
on, until the name says another revision. Knows nothing of how the bytes come; hub.py does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.errors import ModelError
from tunewise.files import read_record, write_json
from tunewise.hub import Repo, fetched, here, hub_errors, is_offline, licence_in, not_here, pin_file
from tunewise.models.model_folder import NAMES, TO_SAFETENSORS, WEIGHTS, refuse_code
from tunewise.models.sources import Found
from tunewise.models.sources.folder import from_folder
from tunewise.progress import Progress

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

MODEL_WEIGHTS = re.compile(r"^model(-\d+-of-\d+)?\.safetensors$")


@dataclass(frozen=True, slots=True)
class Pin:
    """What a name on the Hub meant when it was first used: the commit, its files, its licence."""

    name: str
    commit: str
    files: tuple[str, ...]
    megabytes: float
    licence: str | None


def from_hub(name: str, progress: Progress) -> Found:
    """Return the folder of a Hub model, fetched once.

    Args:
        name: 'owner/name', or 'owner/name@revision' with a branch, tag or commit.
        progress: gets a bar while bytes come.

    Raises:
        ModelError: no such model or revision, no access, or nothing in it that is safe to load.
        Unreachable: the Hub gives no answer, or offline mode is on and the model isn't here.
        DiskFull: no room in the Hub's cache.
    """
    owner_and_name, _, revision = name.partition("@")
    repo = Repo("model", owner_and_name, revision or None)
    record = pin_file(repo)
    pin = read_record(record, Pin) if record.exists() else None
    path = _here(repo, pin) if pin else None
    if path is None:
        pin, path = _fetched(repo, pin, progress)
    assert pin is not None
    found = from_folder(path, name, progress, source=f"{repo.id}@{pin.commit} (Hugging Face Hub)")
    if not record.exists():
        write_json(record, pin)
    return replace(found, licence=found.licence or pin.licence)


def _here(repo: Repo, pin: Pin | None) -> Path | None:
    """Return the model's folder if all of its files are on this machine, without asking the Hub."""
    if pin is None:
        return here(repo, repo.revision, [*NAMES, *WEIGHTS, "*.gguf"])
    return here(repo, pin.commit, pin.files or [*NAMES, *WEIGHTS, "*.gguf"], pin.files)


def _fetched(repo: Repo, pin: Pin | None, progress: Progress) -> tuple[Pin, Path]:
    """Return the model's pin and its folder, fetched from the Hub unless offline mode is on."""
    import huggingface_hub

    with hub_errors(repo):
        if is_offline():
            found = _here(repo, pin)
            if found is None:
                raise not_here(repo)
            return pin or Pin(repo.shown, found.name, (), 0.0, None), found
        if pin is None:
            asked = huggingface_hub.HfApi().model_info(
                repo.id, revision=repo.revision, files_metadata=True
            )
            pin = _pin(repo.shown, asked)
    return pin, fetched(repo, pin.commit, pin.files, pin.megabytes, progress)


def _pin(name: str, info: ModelInfo) -> Pin:
    """Return which files of a commit to fetch: config, tokenizer, and weights that are safe."""
    sizes = {s.rfilename: s.size or 0 for s in info.siblings or [] if "/" not in s.rfilename}
    safe = [file for file in sizes if file.endswith(".safetensors")]
    weights = [file for file in safe if MODEL_WEIGHTS.match(file)] or safe
    ggufs = [file for file in sizes if file.endswith(".gguf")]
    if not weights and len(ggufs) == 1:
        weights = ggufs
    elif not weights and ggufs:
        raise ModelError(
            f"'{name}' holds {len(ggufs)} GGUF files and no safetensors",
            mend="Download the one you want and name that file.",
        )
    if not weights:
        raise ModelError(f"'{name}' is a model folder without safetensors", mend=TO_SAFETENSORS)
    refuse_code((info.config or {}), name)
    others = [file for file in sizes if file in NAMES or file.endswith(".safetensors.index.json")]
    files = tuple(sorted({*others, *weights}))
    assert info.sha is not None
    megabytes = sum(sizes[file] for file in files) / 1e6
    return Pin(name, info.sha, files, megabytes, licence_in(info.tags))
