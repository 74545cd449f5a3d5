"""The Hugging Face Hub, for models and data sets alike: what is here, what must be fetched, errors.

huggingface_hub does the fetching, so its cache, token, mirror (HF_ENDPOINT) and offline mode
(HF_HUB_OFFLINE) hold. Given a repository, a commit and files, gives back the folder they lie in.
Knows nothing of which files are wanted, or what for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunewise.cache import cache_folder
from tunewise.errors import BadInput, DataError, ModelError, TunewiseError, Unreachable, one_line
from tunewise.files import disk_errors
from tunewise.progress import Progress, showing

Kind = Literal["model", "dataset"]
SHOWN: dict[Kind, str] = {"model": "model", "dataset": "data set"}
REFUSED: dict[Kind, type[BadInput]] = {"model": ModelError, "dataset": DataError}
PAGES: dict[Kind, str] = {"model": "", "dataset": "datasets/"}
PINS: dict[Kind, str] = {"model": "hub", "dataset": "hub-datasets"}
CONNECT = "Check the network, or HF_ENDPOINT if you use a mirror, then run the same command again."


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository on the Hub: 'owner/name', with the branch, tag or commit that was asked for."""

    kind: Kind
    id: str
    revision: str | None = None

    @property
    def shown(self) -> str:
        """The name as users write it."""
        return f"{self.id}@{self.revision}" if self.revision else self.id


def pin_file(repo: Repo) -> Path:
    """Return where it is recorded what a repository's name meant when it was first used."""
    legal = re.sub(r"[^A-Za-z0-9._-]+", "--", repo.shown)
    return cache_folder() / PINS[repo.kind] / f"{legal}.json"


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids asking the Hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def not_here(repo: Repo) -> Unreachable:
    """Return what offline mode means for a repository that isn't on this machine."""
    return Unreachable(
        f"'{repo.shown}' isn't on this machine, and HF_HUB_OFFLINE is set",
        mend=f"Unset it once to fetch the {SHOWN[repo.kind]}, or name a"
        f" {'folder' if repo.kind == 'model' else 'file'}.",
    )


def here(
    repo: Repo, commit: str | None, patterns: Sequence[str], files: Iterable[str] = ()
) -> Path | None:
    """Return a commit's folder in the Hub's cache if `files` are all in it, without asking the Hub.

    Args:
        repo: whose.
        commit: also a branch or tag; None means the main branch, as it was last fetched.
        patterns: of the files that are wanted.
        files: that must be there.
    """
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                repo.id,
                repo_type=repo.kind,
                revision=commit,
                allow_patterns=list(patterns),
                local_files_only=True,
            )
        )
    except LocalEntryNotFoundError:
        return None
    return folder if all((folder / file).exists() for file in files) else None


def fetched(
    repo: Repo, commit: str, files: Sequence[str], megabytes: float, progress: Progress
) -> Path:
    """Return a commit's folder with `files` in it, fetched where they aren't here yet.

    Raises:
        TunewiseError: as `hub_errors` has it; DiskFull where there is no room in the Hub's cache.
    """
    import huggingface_hub
    from huggingface_hub import constants

    with (
        hub_errors(repo),
        showing(progress, f"Fetching {repo.shown}", max(megabytes, 0.01), "MB") as bar,
        disk_errors(Path(constants.HF_HUB_CACHE)),
    ):
        folder = huggingface_hub.snapshot_download(
            repo.id,
            repo_type=repo.kind,
            revision=commit,
            allow_patterns=list(files),
            tqdm_class=_bar_class(bar.advance),
        )
    return Path(folder)


def fetched_file(repo: Repo, name: str) -> Path:
    """Return one small file of a repository, fetched unless it is here.

    Raises:
        TunewiseError: as `hub_errors` has it.
    """
    import huggingface_hub

    with hub_errors(repo):
        return Path(
            huggingface_hub.hf_hub_download(
                repo.id, name, repo_type=repo.kind, revision=repo.revision
            )
        )


def licence_in(tags: Iterable[str] | None) -> str | None:
    """Return the licence among a repository's tags, if it names one."""
    return next((tag[8:] for tag in tags or () if tag.startswith("license:")), None)


@contextmanager
def hub_errors(repo: Repo) -> Iterator[None]:
    """Turn what huggingface_hub raises into one clear line, without a line for each new try."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import logging

    page = f"{constants.ENDPOINT}/{PAGES[repo.kind]}{repo.id}"
    refused = REFUSED[repo.kind]
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except TunewiseError:
        raise
    except errors.GatedRepoError as error:
        raise refused(
            f"'{repo.id}' is gated: its owner wants you to accept terms first",
            mend=f"Accept them at {page}, then log in with: hf auth login (or set HF_TOKEN).",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise refused(
            f"'{repo.id}' has no revision '{repo.revision}'", mend=f"See {page}/commits."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise refused(
            f"there is no {SHOWN[repo.kind]} '{repo.id}' on the Hub, or it is private",
            mend=f"Check the spelling at {page}; for a private one: hf auth login.",
        ) from error
    except (errors.HTTPError, errors.LocalEntryNotFoundError, ConnectionError) as error:
        raise Unreachable(
            f"the Hub at {constants.ENDPOINT} gives no answer for '{repo.id}'"
            f" ({one_line(str(error), 200)})",
            mend=CONNECT,
        ) from error
    finally:
        logging.set_verbosity(level)


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
