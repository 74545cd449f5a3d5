"""What is in a model folder: the record of one, its kind, its files, and its fingerprint.

Given a folder in Hugging Face's layout, says whether it can be used safely (safetensors only, no
code of its own). Knows nothing of where it came from or how weights are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.cache import cache_folder
from tunewise.errors import ModelError
from tunewise.files import file_sha256, read_record, value_sha256, write_json
from tunewise.models.catalogue import Kind

PROVENANCE = "tunewise.json"
NAMES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)  # files that decide what a model answers, beside its weights
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model that is on this machine, ready to be loaded.

    Attributes:
        name: as the user wrote it.
        path: folder with config, tokenizer and safetensors.
        source: where it came from, exactly (package and version, Hub id and commit, folder).
        licence: SPDX id where known.
        fingerprint: SHA-256 that changes whenever the model could answer otherwise.
        kind: what it is for.
    """

    name: str
    path: Path
    source: str
    licence: str | None
    fingerprint: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file's hash, with the size and time by which a change of it is noticed."""

    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a folder of the cache came from; stands in it as tunewise.json, written last.

    Attributes:
        source, licence: as in ModelFolder.
        origin: path to SHA-256 of what was fetched.
        files: of this folder.
        versions: of the packages that wrote it.
        fingerprint: as in ModelFolder.
    """

    source: str
    licence: str | None
    origin: dict[str, str]
    files: dict[str, SeenFile]
    versions: dict[str, str]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """The hashes of a folder that isn't ours to write in, kept in the cache."""

    path: str
    files: dict[str, SeenFile]


def files_that_matter(path: Path) -> list[Path]:
    """Return config, tokenizer and weights of a model folder, sorted by name."""
    found = {file for pattern in WEIGHTS for file in path.glob(pattern)}
    return sorted(found | {path / name for name in NAMES if (path / name).is_file()})


def seen_files(path: Path, known: dict[str, SeenFile]) -> dict[str, SeenFile]:
    """Return the hashes of the files that matter, read anew only where size or time changed."""
    return {file.name: _seen(file, known.get(file.name)) for file in files_that_matter(path)}


def _seen(file: Path, known: SeenFile | None) -> SeenFile:
    stat = file.stat()
    if known and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return known
    return SeenFile(stat.st_size, stat.st_mtime_ns, file_sha256(file))


def fingerprint_of(files: dict[str, SeenFile]) -> str:
    """Return the fingerprint of a folder with these files."""
    return value_sha256({name: file.sha256 for name, file in files.items()})


def folder_fingerprint(path: Path) -> str:
    """Return the fingerprint of any model folder, hashing only what changed since last time.

    The hashes are kept in the cache, because the folder may be the user's own or read-only.
    """
    real = str(path.resolve())
    memory = cache_folder() / "fingerprints" / f"{value_sha256(real)[:24]}.json"
    known = read_record(memory, SeenFolder).files if memory.exists() else {}
    files = seen_files(path, known)
    if files != known:
        write_json(memory, SeenFolder(real, files))
    return fingerprint_of(files)


def checked_kind(path: Path, shown: str) -> Kind:
    """Return what the model in a folder is for, having checked that it is safe and complete.

    Args:
        path: the folder.
        shown: how to name it in an error.

    Raises:
        ModelError: no config, no safetensors, no tokenizer, or code of its own.
    """
    config = _json_of(path / "config.json", shown)
    refuse_code(config, shown)
    if (path / "tokenizer_config.json").exists():
        refuse_code(_json_of(path / "tokenizer_config.json", shown), shown)
    if not any(path.glob("*.safetensors")):
        raise ModelError(_without_safetensors(path), where=shown, mend=TO_SAFETENSORS)
    if not any((path / name).exists() for name in NAMES if name not in NAMES[:2]):
        raise ModelError(
            "the model folder has no tokenizer",
            where=shown,
            mend="Copy tokenizer.json and tokenizer_config.json of the base model into it.",
        )
    return kind_in(config)


TO_SAFETENSORS = (
    "Convert it with transformers, on a machine where you trust the file:"
    " AutoModel.from_pretrained(folder).save_pretrained(folder)."
)


def _without_safetensors(path: Path) -> str:
    pickles = sorted({file.name for pattern in PICKLES for file in path.glob(pattern)})
    beside = f" (only {pickles[0]}, a pickle, which could run any code)" if pickles else ""
    return f"model folder without safetensors{beside}"


def kind_in(config: dict[str, Any]) -> Kind:
    """Return 'causal' for a language model that writes, by its config; 'encoder' for the rest."""
    architectures = config.get("architectures") or []
    writes = any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in architectures)
    return "causal" if writes else "encoder"


def refuse_code(config: dict[str, Any], shown: str) -> None:
    """Raise ModelError if a config names Python code that comes with the model."""
    if config.get("auto_map"):
        raise ModelError(
            "the model brings Python code of its own, which tunewise never runs",
            where=shown,
            mend="Choose a model of an architecture that transformers has built in.",
        )


def _json_of(path: Path, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"the model folder has no {path.name}",
            where=shown,
            mend="Name a folder as save_pretrained writes it.",
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path.name} isn't readable JSON ({error})", where=shown) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path.name} isn't a JSON object", where=shown)
    return value


def same_bytes(files: dict[str, SeenFile], other: dict[str, SeenFile]) -> bool:
    """Whether both name the same files with the same contents, whatever their times."""
    return _hashes(files.items()) == _hashes(other.items())


def _hashes(files: Iterable[tuple[str, SeenFile]]) -> dict[str, str]:
    return {name: file.sha256 for name, file in files}
