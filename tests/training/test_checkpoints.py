"""Faults these catch: a half-written or foreign checkpoint taken up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.training.checkpoints import (
    MARKER,
    checkpoints,
    delete_checkpoints,
    is_whole,
    newest_whole,
    seal,
)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Return a folder with the whole checkpoints 5 and 10, of the training 'key'."""
    for step in (5, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights" * step)
        (folder / "state.json").write_text("{}")
        seal(folder, "key")
    return tmp_path


def test_the_newest_whole_one_is_taken(sealed: Path) -> None:
    assert newest_whole(sealed, "key") == sealed / "checkpoint-10"
    assert [path.name for path in checkpoints(sealed)] == ["checkpoint-10", "checkpoint-5"]


@pytest.mark.parametrize(
    "damage", ["no marker", "cut", "same size", "gone", "not json", "other key"]
)
def test_one_that_is_not_whole_is_passed_over(sealed: Path, damage: str) -> None:
    newest = sealed / "checkpoint-10"
    weights = newest / "model.safetensors"
    if damage == "no marker":
        (newest / MARKER).unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "same size":
        weights.write_bytes(b"W" + weights.read_bytes()[1:])
    elif damage == "gone":
        weights.unlink()
    elif damage == "not json":
        (newest / MARKER).write_text("{")
    if damage == "other key":
        assert newest_whole(sealed, "another") is None
    else:
        assert not is_whole(newest, "key")
        assert newest_whole(sealed, "key") == sealed / "checkpoint-5"


def test_all_but_one_are_deleted(sealed: Path) -> None:
    (sealed / "checkpoint-x").mkdir()  # not ours
    delete_checkpoints(sealed, keep=sealed / "checkpoint-5")
    assert sorted(path.name for path in sealed.iterdir()) == ["checkpoint-5", "checkpoint-x"]
