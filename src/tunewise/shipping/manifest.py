"""manifest.json of an exported folder: which files it has, of what, and whether they are proved.

Given a folder, writes or checks it. It is written last, so that a folder without one is not an
export. Knows nothing of what the files mean.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tunewise.errors import RunFolderError
from tunewise.files import file_sha256, read_record, write_json

MANIFEST = "manifest.json"
State = Literal["unproven", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Base:
    """The model that was tuned or asked, as the candidate's settings.json has it."""

    name: str
    source: str
    licence: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported folder holds.

    Attributes:
        format: 'adapter', 'merged', 'gguf', 'onnx' or 'ollama'.
        task: name of the task.
        candidate: its name in the run.
        kind: of the candidate, such as 'lora'.
        fit: fingerprint of the stage that fitted it; another one in the run folder means that the
            export is of an older fit.
        base: the model that was tuned.
        proof: 'unproven' until every model file has answered as the trained candidate did.
        models: the model files that a runtime loads (or '.', the folder), each with its own state.
        files: SHA-256 of every file but this one, by path.
        versions: of the packages that wrote and proved it.
    """

    format: str
    task: str
    candidate: str
    kind: str
    fit: str
    base: Base
    proof: State
    models: dict[str, State]
    files: dict[str, str]
    versions: dict[str, str]


def write_manifest(
    folder: Path, manifest: Manifest, changed: Collection[str] | None = None
) -> Manifest:
    """Write manifest.json with the hashes of the files; return it.

    Args:
        folder: that was exported.
        manifest: what it holds.
        changed: files written since `manifest` was; the other hashes stay as they are. Left out,
            all files are hashed.
    """
    if changed is None:
        files = hashes(folder)
    else:
        files = manifest.files | {name: file_sha256(folder / name) for name in changed}
    done = replace(manifest, files=dict(sorted(files.items())))
    write_json(folder / MANIFEST, done)
    return done


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of an exported folder but its manifest, by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in paths
        if path.relative_to(folder).as_posix() != MANIFEST
    }


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an exported folder, whose files must be as they were written.

    Raises:
        RunFolderError: there is no export here, or a file is missing or was changed.
    """
    if not (folder / MANIFEST).is_file():
        raise RunFolderError(
            "there is no export here",
            where=str(folder),
            mend="Make it with: tunewise export RUN --to FORMAT",
        )
    manifest = read_record(folder / MANIFEST, Manifest)
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise _unlike("the file is missing", path, manifest.format)
        if file_sha256(path) != sha256:
            raise _unlike("the file was changed since it was exported", path, manifest.format)
    return manifest


def _unlike(what: str, path: Path, form: str) -> RunFolderError:
    return RunFolderError(
        what, where=str(path), mend=f"Export it again: tunewise export RUN --to {form}"
    )
