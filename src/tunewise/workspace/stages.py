"""Which work is done: a stage is a function of named inputs that leaves files.

A stage whose fingerprint (its inputs and its own version) is the one on record, and whose files
are still as it left them, isn't run again. The record is written last, so a stage that was
killed counts as not done. Knows nothing of what a stage does.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import RunFolderError
from tunewise.files import file_sha256, read_record, value_sha256, write_json
from tunewise.workspace.folder import RunFolder


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What a finished stage was given (name to hash), what it left (path to SHA-256), how long."""

    fingerprint: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Begun:
    """The fingerprint of a stage that was begun and hasn't ended."""

    fingerprint: str


def is_done(folder: RunFolder, name: str, fingerprint: str) -> bool:
    """Whether the stage is on record with this fingerprint and its files are as it left them."""
    record = record_of(folder, name)
    if record is None or record.fingerprint != fingerprint:
        return False
    return not changed_outputs(folder, record)


def record_of(folder: RunFolder, name: str) -> StageRecord | None:
    """Return the record of a finished stage, None when it isn't finished."""
    path = folder.stages / f"{name}.json"
    return read_record(path, StageRecord) if path.exists() else None


def candidate_seconds(folder: RunFolder, name: str) -> float | None:
    """Return how long a candidate's fits and answers took; None where they aren't all done.

    Those of other wordings and of other seeds are among them where the task asks for them.
    """
    stages = [f"{name}.fit", f"{name}.answers.validation", f"{name}.answers.test"]
    again = re.compile(rf"{re.escape(name)}\.(rewordings|seed-\d+)")
    stages += [file.stem for file in folder.stages.glob("*.json") if again.fullmatch(file.stem)]
    records = [record_of(folder, stage) for stage in stages]
    return None if None in records else sum(record.seconds for record in records if record)


def changed_outputs(folder: RunFolder, record: StageRecord) -> list[str]:
    """Return which of a stage's files are missing or not as it left them."""
    return [
        relative
        for relative, sha256 in record.outputs.items()
        if not (folder.path / relative).is_file() or file_sha256(folder.path / relative) != sha256
    ]


def run_stage(
    folder: RunFolder,
    name: str,
    *,
    version: int,
    inputs: Mapping[str, object],
    work: Callable[[], Sequence[Path]],
    scratch: Path | None = None,
) -> bool:
    """Run `work` unless the same was done already; return whether it was run.

    Args:
        folder: the run folder.
        name: of the stage, a legal file name.
        version: of the stage's own code; raised when it would leave something else.
        inputs: all that its result depends on, as plain values or hashes.
        work: leaves files and returns their paths (folders stand for all files below them).
        scratch: folder that an interrupted run with the same inputs may carry on from; it is
            emptied when the inputs have changed.
    """
    hashes = {key: value_sha256(value) for key, value in inputs.items()}
    fingerprint = value_sha256({"stage": name, "version": version, "inputs": hashes})
    if is_done(folder, name, fingerprint):
        return False
    done, begun = folder.stages / f"{name}.json", folder.stages / f"{name}.begun.json"
    done.unlink(missing_ok=True)
    carries_on = begun.exists() and read_record(begun, Begun).fingerprint == fingerprint
    if not carries_on and scratch is not None and scratch.exists():
        shutil.rmtree(scratch)
    write_json(begun, Begun(fingerprint))
    began = time.monotonic()
    outputs = _hashed(folder, work())
    write_json(done, StageRecord(fingerprint, hashes, outputs, time.monotonic() - began))
    begun.unlink()
    return True


def trusted(folder: RunFolder, name: str) -> StageRecord:
    """Return the record of a finished stage whose files are as it left them.

    Raises:
        RunFolderError: the stage isn't finished, or a file of its was changed from outside.
    """
    record = record_of(folder, name)
    if record is None:
        raise RunFolderError(
            f"the stage '{name}' isn't finished",
            where=str(folder.path),
            mend="Run the task again; it carries on where it stopped.",
        )
    changed = changed_outputs(folder, record)
    if changed:
        raise RunFolderError(
            "the file is missing or was changed since it was made",
            where=str(folder.path / changed[0]),
            mend="Run the task again; it makes anew what is missing.",
        )
    return record


def _hashed(folder: RunFolder, paths: Sequence[Path]) -> dict[str, str]:
    files: list[Path] = []
    for path in paths:
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {str(p.relative_to(folder.path)): file_sha256(p) for p in files}
