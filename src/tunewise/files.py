"""Files that are whole or absent: atomic writes, hashes, JSON and JSONL of records.

Given paths and records, writes them to a temporary name beside the target, syncs and renames.
Knows nothing of run folders, stages or what the records mean.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from tunewise.errors import DiskFull, FileMissing, RunFolderError

CHUNK = 1 << 20  # bytes read at a time when hashing
R = TypeVar("R")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn 'no space left' under this block into DiskFull, which names the place."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(existing_parent(path)).free / 1e6
            raise DiskFull(
                f"the disk is full ({free:,.0f} MB free)",
                where=str(path),
                mend="Make room and run the same command again; nothing that was finished is lost.",
            ) from error
        raise


def existing_parent(path: Path) -> Path:
    """Return the nearest folder above `path` (or itself) that exists."""
    folder = path.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file to; on success it is synced and renamed to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with disk_errors(path):
        try:
            yield temporary
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; on success every file is synced and it becomes `path`.

    A folder that stands at `path` already is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with disk_errors(path):
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir()
            yield temporary
            for file in sorted(temporary.rglob("*")):
                if file.is_file():
                    sync_file(file)
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def put_new(made: Path, path: Path) -> bool:
    """Give a finished file the name `path` unless something else stands there already.

    Returns:
        Whether `path` now is that file; true as well where it was the same before, byte for byte.
    """
    sync_file(made)
    try:
        try:
            os.link(made, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: take the name, then fill it
            path.touch(exist_ok=False)
            shutil.copyfile(made, path)
            sync_file(path)
    except FileExistsError:
        return path.is_file() and file_sha256(path) == file_sha256(made)
    sync_folder(path.parent)
    return True


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force a folder's entries to the disk, where the system allows it."""
    if os.name == "nt":  # Windows has no descriptor of a folder to sync
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write a record or plain value as indented JSON, whole or not at all."""
    write_text(path, json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_jsonl(path: Path, values: Iterable[object]) -> None:
    """Write one compact JSON value a line, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the value in a JSON file of ours.

    Raises:
        FileMissing: there is no such file.
        RunFolderError: it isn't JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileMissing("the file isn't there", where=str(path)) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunFolderError(
            f"the file isn't readable JSON ({error})",
            where=str(path),
            mend="It was changed from outside; delete it and run again.",
        ) from error


def read_record(path: Path, kind: type[R]) -> R:
    """Return the record of type `kind` in a JSON file of ours."""
    return _record(path, kind, read_json(path))


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Return the records of type `kind` in a JSONL file of ours."""
    try:
        lines = [line for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError as error:
        raise FileMissing("the file isn't there", where=str(path)) from error
    try:  # all in one go, several times as fast as line by line
        found: list[R] = _adapter(list[kind]).validate_json(b"[" + b",".join(lines) + b"]")  # type: ignore[valid-type]
    except pydantic.ValidationError:  # then the line that is to blame is looked for
        found = []
    if len(found) != len(lines):
        return [_record(path, kind, _json_line(path, line)) for line in lines]
    return found


def _json_line(path: Path, line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunFolderError(f"the file isn't readable JSONL ({error})", where=str(path)) from error


def _record(path: Path, kind: type[R], value: object) -> R:
    try:
        return _adapter(kind).validate_python(value)  # type: ignore[arg-type,no-any-return]
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(
            f"'{place}' isn't as this version writes it ({first['msg']})",
            where=str(path),
            mend="Use a new run folder, or the version of tunewise that made this one.",
        ) from error


@functools.cache
def _adapter(kind: type) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def plain(value: object) -> Any:
    """Return a record as what JSON knows: dicts, lists, strings, numbers, true, false and null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def unchanged_sha256(path: Path) -> str:
    """Return the SHA-256 of a large file's bytes, read again if size or time changed."""
    status = path.stat()
    return _known_sha256(path.resolve(), status.st_size, status.st_mtime_ns, status.st_ino)


@functools.cache
def _known_sha256(path: Path, _size: int, _changed: int, _inode: int) -> str:
    return file_sha256(path)


def value_sha256(value: object) -> str:
    """Return the SHA-256 of a plain value's canonical JSON, in hex."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
