"""Faults these catch: half-written files after a death, lost bytes, NaN in JSON, wrong hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise import files
from tunewise.errors import DiskFull, FileMissing, RunFolderError
from tunewise.files import (
    disk_errors,
    file_sha256,
    folder_written_whole,
    read_json,
    read_record,
    read_records,
    value_sha256,
    write_json,
    write_jsonl,
    write_text,
    written_whole,
)
from tunewise.records import Interval, Prediction


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), written_whole(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    code = f"""
import os, signal
from pathlib import Path
from tunewise.files import written_whole
with written_whole(Path({str(target)!r})) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for text in ("one", "two"):
        with folder_written_whole(target) as temporary:
            (temporary / text).write_text(text)
        assert os.listdir(target) == [text]
    with pytest.raises(ZeroDivisionError), folder_written_whole(target) as temporary:
        raise ZeroDivisionError
    assert os.listdir(target) == ["two"]
    assert os.listdir(tmp_path) == ["model"]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="disk is full"), disk_errors(tmp_path / "not" / "there"):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_really_full_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), written_whole(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        with temporary.open("wb", buffering=0) as file:
            file.write(b"x")


@given(
    st.builds(
        Prediction,
        id=st.text(min_size=1),
        answer=st.text(),
        scores=st.none() | st.lists(st.floats(0, 1), max_size=3).map(tuple),
    )
)
def test_records_survive_the_file(record: Prediction) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        write_jsonl(path, [record, record])
        assert read_records(path, Prediction) == [record, record]


def test_nan_is_refused_rather_than_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", Interval(float("nan"), 0, 1, "none"))
    assert os.listdir(tmp_path) == []


def test_reading_tells_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(FileMissing):
        read_json(path)
    path.write_text("{")
    with pytest.raises(RunFolderError, match="isn't readable JSON"):
        read_json(path)
    write_json(path, {"value": 1, "low": "x", "high": 2, "method": "m"})
    with pytest.raises(RunFolderError, match="'low' isn't as this version writes it"):
        read_record(path, Interval)


def test_hashes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 << 20))
    assert file_sha256(path) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()
    assert value_sha256({"a": 1, "b": (2,)}) == value_sha256({"b": [2], "a": 1})
    assert value_sha256({"a": 1}) != value_sha256({"a": "1"})


@dataclass(frozen=True)
class Nested:
    inner: Interval
    path: Path


def test_plain_reaches_into_records(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", Nested(Interval(1, 0, 2, "m"), Path("b")))
    assert read_json(tmp_path / "a.json")["inner"]["high"] == 2


@dataclass(frozen=True)
class Pairing:
    name: str
    shares: tuple[float, ...] | None = None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "a"}\n{"name": 3}\n', "'name' isn't as this version writes it"),
        ('{"name": "a"}\n{"name": "b"\n', "isn't readable JSONL"),
        ('{"name": "a"},{"name": "b"}\n', "isn't readable JSONL"),  # two on a line
        ('{"name": "a", "shares":\n[1]}\n', "isn't readable JSONL"),  # one on two lines
    ],
)
def test_a_damaged_line_of_records_is_refused_with_its_reason(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(text)
    with pytest.raises(RunFolderError, match=told):
        read_records(path, Pairing)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    there = [Pairing("eins\u2028zwei", (0.1, 1 / 3)), Pairing("", None)]
    write_jsonl(path, there)
    assert read_records(path, Pairing) == there
    write_jsonl(path, [])
    assert read_records(path, Pairing) == []


def test_a_large_file_is_hashed_again_where_it_changed_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"one")
    first = files.unchanged_sha256(path)
    assert first == files.file_sha256(path)
    known = files._known_sha256.cache_info().misses
    assert files.unchanged_sha256(path) == first
    assert files._known_sha256.cache_info().misses == known
    path.write_bytes(b"three")
    assert files.unchanged_sha256(path) == files.file_sha256(path) != first
