"""Faults these catch: work done twice, stale results kept, half-done work taken as done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.errors import RunFolderError
from tunewise.workspace.folder import RunFolder, made
from tunewise.workspace.stages import run_stage, trusted


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made(tmp_path / "run", "x", tmp_path)


class Work:
    """Leaves one file and counts how often it was run."""

    def __init__(self, folder: RunFolder, name: str = "out.txt") -> None:
        self.path, self.times = folder.path / name, 0

    def __call__(self) -> list[Path]:
        self.times += 1
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"result {self.times}")
        return [self.path]


def staged(folder: RunFolder, work: Work, inputs: object = 1, version: int = 1, **more) -> bool:
    return run_stage(folder, "s", version=version, inputs={"a": inputs}, work=work, **more)


def test_the_same_inputs_are_not_worked_again(folder: RunFolder) -> None:
    work = Work(folder)
    assert [staged(folder, work), staged(folder, work)] == [True, False]
    assert work.times == 1


def test_changed_inputs_or_version_are_worked_again(folder: RunFolder) -> None:
    work = Work(folder)
    staged(folder, work)
    assert staged(folder, work, inputs=2)
    assert staged(folder, work, inputs=2, version=2)


@pytest.mark.parametrize("harm", ["delete", "change"])
def test_a_harmed_output_is_noticed_and_made_anew(folder: RunFolder, harm: str) -> None:
    work = Work(folder)
    staged(folder, work)
    if harm == "delete":
        work.path.unlink()
    else:
        work.path.write_text("forged")
    with pytest.raises(RunFolderError, match="missing or was changed"):
        trusted(folder, "s")
    assert staged(folder, work)
    assert trusted(folder, "s").outputs.keys() == {"out.txt"}


def test_work_that_fails_is_not_done(folder: RunFolder) -> None:
    def fails() -> list[Path]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stage(folder, "s", version=1, inputs={"a": 1}, work=fails)
    with pytest.raises(RunFolderError, match="isn't finished"):
        trusted(folder, "s")
    assert staged(folder, Work(folder))


def test_scratch_survives_a_death_but_not_a_change(folder: RunFolder) -> None:
    scratch = folder.path / "scratch"

    def dies() -> list[Path]:
        scratch.mkdir(exist_ok=True)
        (scratch / "checkpoint").write_text("half")
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_stage(folder, "s", version=1, inputs={"a": 1}, work=dies, scratch=scratch)
    seen: list[bool] = []

    def looks() -> list[Path]:
        seen.append((scratch / "checkpoint").exists())
        return []

    run_stage(folder, "s", version=1, inputs={"a": 1}, work=looks, scratch=scratch)
    with pytest.raises(KeyboardInterrupt):
        run_stage(folder, "s", version=1, inputs={"a": 3}, work=dies, scratch=scratch)
    run_stage(folder, "s", version=1, inputs={"a": 2}, work=looks, scratch=scratch)
    assert seen == [True, False]
