"""Faults these catch: two writers at once, another version's folder, a stranger's files wiped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tunewise.errors import RunFolderError, RunInUse
from tunewise.files import read_json, write_json
from tunewise.workspace.folder import held, made, opened


def test_a_made_folder_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "x"
    assert made(path, "x", tmp_path).about.exists()
    assert opened(path).path == path
    assert made(path, "x", tmp_path).path == path


def test_no_run_here_names_a_run_that_is_below(tmp_path: Path) -> None:
    made(tmp_path / "runs" / "x", "x", tmp_path)
    with pytest.raises(RunFolderError, match=r"Did you mean '.*runs/x'"):
        opened(tmp_path)
    with pytest.raises(RunFolderError, match="tunewise run"):
        opened(tmp_path / "nowhere")


def test_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = made(tmp_path / "x", "x", tmp_path)
    about = read_json(folder.about) | {"format": 99, "tunewise": "9.9"}
    write_json(folder.about, about)
    for refuse in (opened, lambda path: made(path, "x", tmp_path)):
        with pytest.raises(RunFolderError, match=r"made by tunewise 9\.9 \(format 99\)"):
            refuse(tmp_path / "x")
    assert read_json(folder.about) == about


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years")
    with pytest.raises(RunFolderError, match=r"thesis\.doc"):
        made(tmp_path, "x", tmp_path)
    with pytest.raises(RunFolderError, match="a file, not a folder"):
        made(tmp_path / "thesis.doc", "x", tmp_path)


HOLD = """
import sys
from pathlib import Path
from tunewise.workspace.folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunInUse, match=f"in use by process {other.pid}"), held(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with held(tmp_path):
        pass


def test_half_written_rests_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "candidates" / ".model.1.partial").mkdir(parents=True)
    (tmp_path / "candidates" / ".model.1.partial" / "weights").write_text("half")
    (tmp_path / ".a.json.7.partial").write_text("half")
    with held(tmp_path):
        assert not list(tmp_path.rglob("*.partial"))
