"""A model on the Hugging Face Hub, pinned to a commit: safetensors or GGUF, never pickles or code.

huggingface_hub does the fetching, so its cache, token, mirror (HF_ENDPOINT) and offline mode
(HF_HUB_OFFLINE) hold. The commit that a name meant when it was first used is recorded in our
cache and used from then on, until the name says another revision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewise.errors import ModelError, TunewiseError, Unreachable, one_line
from tunewise.files import disk_errors, read_record, write_json
from tunewise.models.cache import cache_folder
from tunewise.models.model_folder import NAMES, TO_SAFETENSORS, WEIGHTS, refuse_code
from tunewise.models.sources import Found
from tunewise.models.sources.folder import from_folder
from tunewise.progress import Progress, showing

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

MODEL_WEIGHTS = re.compile(r"^model(-\d+-of-\d+)?\.safetensors$")
CONNECT = "Check the network, or HF_ENDPOINT if you use a mirror, then run the same command again."


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
    repo, _, revision = name.partition("@")
    record = cache_folder() / "hub" / f"{re.sub(r'[^A-Za-z0-9._-]+', '--', name)}.json"
    pin = read_record(record, Pin) if record.exists() else None
    path = _here(repo, pin.commit, pin.files) if pin else None
    if path is None:
        with _hub_errors(repo, revision):
            pin, path = _fetched(repo, revision, pin, name, progress)
    assert pin is not None
    found = from_folder(path, name, progress, source=f"{repo}@{pin.commit} (Hugging Face Hub)")
    if not record.exists():
        write_json(record, pin)
    return replace(found, licence=found.licence or pin.licence)


def _here(repo: str, commit: str | None, files: tuple[str, ...] | None) -> Path | None:
    """Return the folder of a commit if all of its files are in the Hub's cache, without asking."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns = list(files) if files else [*NAMES, *WEIGHTS, "*.gguf"]
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                repo, revision=commit, allow_patterns=patterns, local_files_only=True
            )
        )
    except LocalEntryNotFoundError:
        return None
    return folder if all((folder / file).exists() for file in files or ()) else None


def _fetched(
    repo: str, revision: str, pin: Pin | None, name: str, progress: Progress
) -> tuple[Pin, Path]:
    """Return the model's pin and its folder, fetched from the Hub unless offline mode is on."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        found = _here(repo, pin.commit if pin else revision or None, pin.files if pin else None)
        if found is None:
            raise Unreachable(
                f"'{name}' isn't on this machine, and HF_HUB_OFFLINE is set",
                mend="Unset it once to fetch the model, or name a folder.",
            )
        return pin or Pin(name, found.name, (), 0.0, None), found
    if pin is None:
        asked = huggingface_hub.HfApi().model_info(
            repo, revision=revision or None, files_metadata=True
        )
        pin = _pin(name, asked)
    with (
        showing(progress, f"Fetching {name}", max(pin.megabytes, 0.01), "MB") as bar,
        disk_errors(Path(constants.HF_HUB_CACHE)),
    ):
        folder = huggingface_hub.snapshot_download(
            repo,
            revision=pin.commit,
            allow_patterns=list(pin.files),
            tqdm_class=_bar_class(bar.advance),
        )
    return pin, Path(folder)


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
    licence = next((t[8:] for t in info.tags or [] if t.startswith("license:")), None)
    assert info.sha is not None
    return Pin(name, info.sha, files, sum(sizes[file] for file in files) / 1e6, licence)


@contextmanager
def _hub_errors(repo: str, revision: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one clear line."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{repo}"
    try:
        yield
    except TunewiseError:
        raise
    except errors.GatedRepoError as error:
        raise ModelError(
            f"'{repo}' is gated: its owner wants you to accept terms first",
            mend=f"Accept them at {page}, then log in with: hf auth login (or set HF_TOKEN).",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"'{repo}' has no revision '{revision}'", mend=f"See {page}/commits."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelError(
            f"there is no model '{repo}' on the Hub, or it is private",
            mend=f"Check the spelling at {page}; for a private one: hf auth login.",
        ) from error
    except (errors.HTTPError, errors.LocalEntryNotFoundError, ConnectionError) as error:
        raise Unreachable(
            f"the Hub at {constants.ENDPOINT} gives no answer for '{repo}'"
            f" ({one_line(str(error), 200)})",
            mend=CONNECT,
        ) from error


def _bar_class(advance: Callable[[float], None]) -> Any:
    """Return a class of bars for huggingface_hub that draw nothing and advance ours by megabytes.

    It opens several over the same bytes (those that come, those that are written); ours follows
    the furthest.
    """
    from huggingface_hub.utils import tqdm

    furthest = 0.0

    class Bytes(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            self.counts_bytes = settings.get("unit") == "B"
            self.arrived = 0.0
            super().__init__(*args, **(settings | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal furthest
            self.arrived += (n or 0) / 1e6
            if self.counts_bytes and self.arrived > furthest:
                advance(self.arrived - furthest)
                furthest = self.arrived
            return None

    return Bytes
