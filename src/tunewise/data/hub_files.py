"""Which files of a data set on the Hub hold which split, by its card or by how they are named.

Given names of files and the card's `configs`, gives back subsets (the Hub's 'configs') of splits of
files. The rules are those of Hugging Face's datasets library ("Structure your repository"); scripts
are never looked at. Knows nothing of how files are fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from tunewise.records import Split

Subsets = dict[str, dict[str, tuple[str, ...]]]  # subset to split to files

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")  # the first that there is
NOT_ROWS = {"dataset_infos.json", "dataset_info.json", "state.json", "package.json"}
WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
SHARD = re.compile(r"-\d{5}-of-(\d{5})(?=[.-])")
CONVERTED = re.compile(
    r"([^/]+)/([^/]+)/\d{4}\.parquet"
)  # the Hub's own branch refs/convert/parquet
NAMED = re.compile(r"data/(\w[\w.]*)-\d{5}-of-\d{5}[.-].*")  # splits may have any name there
DEFAULT = "default"


def is_data(file: str) -> bool:
    """Whether a file may hold rows that are read."""
    path = PurePosixPath(file)
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and path.name not in NOT_ROWS and not hidden


def subsets_of(files: Iterable[str], configs: object = None) -> Subsets:
    """Return the splits of each subset, and the files of each split, in order.

    Args:
        files: of the repository.
        configs: as its card has them, if it does.
    """
    data = sorted((file for file in files if is_data(file)), key=_in_order)
    found = _by_card(data, configs) if isinstance(configs, list) else {}
    if not found and data and all(CONVERTED.fullmatch(file) for file in data):
        for file in data:
            subset, split, _ = file.split("/")
            splits = found.setdefault(subset, {})
            splits[split] = (*splits.get(split, ()), file)
    if not found and data:
        found = {DEFAULT: _by_name(data)}
    return {
        subset: {split: _of_one_format(members) for split, members in splits.items() if members}
        for subset, splits in found.items()
    }


def lacks_shards(files: Sequence[str]) -> bool:
    """Whether the names of a split's files say that there should be more of them."""
    counts = [int(match[1]) for file in files if (match := SHARD.search(file))]
    return bool(counts) and max(counts) != len(counts)


def _by_card(data: Sequence[str], configs: Sequence[Any]) -> Subsets:
    found: Subsets = {}
    for config in configs:
        if not isinstance(config, dict) or not config.get("config_name"):
            continue
        folder = str(config.get("data_dir") or "").strip("/.")
        inside = [file for file in data if not folder or file.startswith(f"{folder}/")]
        patterns = config.get("data_files")
        if patterns is None:
            splits = _by_name(inside) if folder else {}
        else:
            splits = _by_patterns(inside, patterns, folder)
        if splits:
            found[str(config["config_name"])] = splits
    return found


def _by_patterns(data: Sequence[str], patterns: object, folder: str) -> dict[str, tuple[str, ...]]:
    """Return the splits that a card's `data_files` names: a pattern, several, or some per split."""
    found: dict[str, tuple[str, ...]] = {}
    for item in patterns if isinstance(patterns, list) else [patterns]:
        split, paths = "train", item
        if isinstance(item, dict):
            split, paths = str(item.get("split", "train")), item.get("path")
        for pattern in paths if isinstance(paths, list) else [paths]:
            whole = f"{folder}/{pattern}" if folder else str(pattern)
            legal = _legal(whole)
            members = [file for file in data if legal.fullmatch(file)]
            found[split] = tuple(dict.fromkeys((*found.get(split, ()), *members)))
    return {split: members for split, members in found.items() if members}


def _legal(pattern: str) -> re.Pattern[str]:
    """Return a glob pattern as a regular expression: `*` within a folder, `**` across folders."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    return re.compile("".join(words.get(part) or re.escape(part) for part in parts))


def _by_name(data: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return splits by words in files' names, else in their folders'; train if there are none."""
    for split_in in (_named, _in_last, _in_folders):
        found: dict[str, tuple[str, ...]] = {}
        for file in data:
            split = split_in(file)
            if split is not None:
                found[split] = (*found.get(split, ()), file)
        if found:
            return found
    return {"train": tuple(data)}


def default_subset(subsets: Subsets, configs: object = None) -> str | None:
    """Return the subset that is meant where none is named; None where one must be."""
    for config in configs if isinstance(configs, list) else []:
        if isinstance(config, dict) and config.get("default") is True:
            name = str(config.get("config_name"))
            return name if name in subsets else None
    if len(subsets) == 1:
        return next(iter(subsets))
    return DEFAULT if DEFAULT in subsets else None


def _named(file: str) -> str | None:
    match = NAMED.fullmatch(file)
    return match[1] if match else None


def _in_last(file: str) -> str | None:
    return _split_in(PurePosixPath(file).name)


def _in_folders(file: str) -> str | None:
    return _split_in(str(PurePosixPath(file).parent))


def _split_in(text: str) -> Split | None:
    words = set(re.split(r"[\W_\d]+", text.lower()))
    return next((split for split, known in WORDS.items() if words & set(known)), None)


def _of_one_format(files: Sequence[str]) -> tuple[str, ...]:
    """Return the files of the first format that there is: the same rows often come in several."""
    for suffix in SUFFIXES:
        members = tuple(file for file in files if file.lower().endswith(suffix))
        if members:
            return members
    return ()


def _in_order(file: str) -> list[tuple[int, str]]:
    """Return what sorts part 10 behind part 9."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", file)]
