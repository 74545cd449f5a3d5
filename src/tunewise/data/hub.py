"""A data set on the Hugging Face Hub -> files on this machine, pinned to a commit; never a script.

The commit that a name meant when it was first used is recorded in our cache and used from then on,
until the name says another revision; all splits of a data set come from the same one. Knows
nothing of how the bytes come (tunewise/hub.py) or of what is in the files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tunewise.data.hub_files import (
    WORDS,
    Subsets,
    default_subset,
    is_data,
    lacks_shards,
    subsets_of,
)
from tunewise.errors import DataError, did_you_mean
from tunewise.files import read_record, write_json
from tunewise.hub import Repo, fetched, here, hub_errors, is_offline, licence_in, not_here, pin_file
from tunewise.progress import Progress
from tunewise.records import Split

NAME = re.compile(
    r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)"
    r"(?:@(?P<revision>[\w./-]+))?(?::(?P<split>[\w./-]+))?(?:@(?P<after>[\w./-]+))?"
)
SCRIPT = "Only parquet, JSON, JSONL, CSV and TSV files are taken; try its revision"
CONVERTED = "refs/convert/parquet"  # where the Hub keeps its own conversion of many data sets


@dataclass(frozen=True, slots=True)
class Name:
    """What a task names: a repository, and the split (or subset/split) of it."""

    repo: Repo
    split: str | None


@dataclass(frozen=True, slots=True)
class Pin:
    """What a name on the Hub meant when it was first used.

    Attributes:
        name, commit, licence: as the Hub has them.
        subsets: subset to split to files.
        subset: the one that is meant where none is named, if one is.
        megabytes: of each file.
    """

    name: str
    commit: str
    licence: str | None
    subsets: Subsets
    subset: str | None
    megabytes: dict[str, float]


@dataclass(frozen=True, slots=True)
class Brought:
    """A split on this machine: its folder, its files in it, and where they came from, in words."""

    folder: Path
    files: tuple[str, ...]
    origin: str


def hub_name(text: str) -> Name | None:
    """Return what 'owner/name', with '@revision' and ':split' where wanted, says; else None."""
    match = NAME.fullmatch(text)
    if match is None or (match["revision"] and match["after"]):
        return None
    return Name(Repo("dataset", match["id"], match["revision"] or match["after"]), match["split"])


def from_hub(name: Name, side: Split, progress: Progress) -> Brought:
    """Return a split of a data set, fetched once.

    Args:
        name: which; where it names no split, the one that is called like the side is taken.
        side: that the rows are for.
        progress: gets a bar while bytes come.

    Raises:
        DataError: no such data set, revision, subset or split, no access, or no data files in it.
        Unreachable: the Hub gives no answer, or offline mode is on and the data isn't here.
        DiskFull: no room in the Hub's cache.
    """
    pin = known_splits(name.repo)
    files = _files(name, pin, side)
    folder = here(name.repo, pin.commit, files, files)
    if folder is None:
        if is_offline():
            raise not_here(name.repo)
        size = sum(pin.megabytes.get(file, 0.0) for file in files)
        folder = fetched(name.repo, pin.commit, files, size, progress)
    licence = f", licence {pin.licence}" if pin.licence else ""
    return Brought(folder, files, f"commit {pin.commit[:12]} on the Hugging Face Hub{licence}")


def known_splits(repo: Repo) -> Pin:
    """Return the commit, subsets and splits of a data set, asking the Hub where they aren't known.

    Raises:
        DataError, Unreachable: as `from_hub` has it.
    """
    import huggingface_hub

    record = pin_file(repo)
    if record.exists():
        return read_record(record, Pin)
    if is_offline():
        return _offline(repo)
    with hub_errors(repo):
        info = huggingface_hub.HfApi().dataset_info(
            repo.id, revision=repo.revision, files_metadata=True
        )
    sizes = {s.rfilename: (s.size or 0) / 1e6 for s in info.siblings or []}
    card: Any = info.card_data
    configs = card.get("configs") if card else None
    subsets = subsets_of(sizes, configs)
    _refuse_none(repo, sizes, subsets)
    assert info.sha is not None
    chosen = default_subset(subsets, configs)
    data = {file: size for file, size in sizes.items() if is_data(file)}
    pin = Pin(repo.shown, info.sha, licence_in(info.tags), subsets, chosen, data)
    write_json(record, pin)
    return pin


def _offline(repo: Repo) -> Pin:
    """Return what the Hub's cache tells of a data set that was fetched by other means."""
    import huggingface_hub
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    folder = here(repo, repo.revision, [])
    if folder is None:
        raise not_here(repo)
    try:
        tree = huggingface_hub.get_cached_repo_tree(
            repo.id, repo_type="dataset", revision=folder.name
        )
        files = [file.path for file in tree]
    except CachedRepoTreeNotFoundError:
        files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    readme = folder / "README.md"
    card = huggingface_hub.metadata_load(readme) if readme.exists() else None
    configs = card.get("configs") if card else None
    subsets = subsets_of(files, configs)
    _refuse_none(repo, files, subsets)
    short = any(lacks_shards(files) for splits in subsets.values() for files in splits.values())
    if short:
        raise not_here(repo)
    licence = card.get("license") if card else None
    shown = licence if isinstance(licence, str) else None
    return Pin(
        repo.shown, folder.name, shown, subsets, default_subset(subsets, configs), megabytes={}
    )


def _refuse_none(repo: Repo, files: Sequence[str] | dict[str, float], subsets: Subsets) -> None:
    if subsets:
        return
    scripts = [file for file in files if file.endswith(".py")]
    code = f" (only {scripts[0]}, a script, which could run any code)" if scripts else ""
    again = f" '{repo.id}@{CONVERTED}'" if repo.revision != CONVERTED else ""
    raise DataError(
        f"the data set '{repo.shown}' has no data files that are read{code}",
        mend=f"{SCRIPT}{again}, or download it and name a file."
        if again
        else "Download it and name a file.",
    )


def _files(name: Name, pin: Pin, side: Split) -> tuple[str, ...]:
    """Return the files of the split that a name means."""
    subsets = pin.subsets
    subset, _, split = (name.split or "").rpartition("/")
    if name.split in subsets and len(subsets) > 1:  # a subset alone
        subset, split = name.split or "", ""
    subset = subset or pin.subset or _refuse_several(name.repo, subsets)
    shown = f"the data set '{name.repo.shown}'"
    if subset not in subsets:
        raise DataError(f"{shown} has no subset '{subset}'", mend=did_you_mean(subset, subsets))
    splits = subsets[subset]
    wanted = (split,) if split else WORDS[side]
    found = next((splits[word] for word in wanted if word in splits), None)
    if found is None and not split and side == "train" and len(splits) == 1:
        found = next(iter(splits.values()))
    if found is None:
        raise DataError(
            f"{shown} has no split '{split or side}'",
            mend=did_you_mean(split, splits)
            if split
            else f"Name one, such as '{name.repo.shown}:{next(iter(splits))}'.",
        )
    return found


def _refuse_several(repo: Repo, subsets: Subsets) -> NoReturn:
    names = ", ".join(f"'{name}'" for name in [*subsets][:12])
    first = next(iter(subsets))
    split = next(iter(subsets[first]))
    raise DataError(
        f"the data set '{repo.shown}' has several subsets: {names}",
        mend=f"Name one and its split, such as '{repo.shown}:{first}/{split}'.",
    )
