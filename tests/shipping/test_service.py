"""The files that run a server: a lock that pip can install, a unit that systemd takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tunewise.errors import RunFolderError
from tunewise.files import write_json
from tunewise.shipping.service import write_service
from tunewise.workspace.folder import made
from tunewise.workspace.stages import run_stage

TASK = "task: Bank.tickets\ndata: {train: rows.csv}\ncandidates: [majority]\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = made(tmp_path / "my run", "Bank.tickets", tmp_path)
    folder.task.write_text(TASK)
    settings = folder.candidate("majority").settings

    def fit() -> list[Path]:
        write_json(settings, {"kind": "majority"})
        return [settings]

    run_stage(folder, "majority.fit", version=1, inputs={}, work=fit)
    return folder.path


def test_the_lock_names_what_is_installed_and_nothing_local(run: Path) -> None:
    lines = (write_service(run, "majority") / "requirements.lock").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in lines), lines
    assert {"tunewise", "torch", "transformers", "peft", "numpy", "tokenizers"} <= {*names}
    assert len(names) == len({*names})
    assert "pytest" not in names


def test_the_container_serves_the_candidate_that_was_named(run: Path) -> None:
    text = (write_service(run, "majority") / "Containerfile").read_text()
    command = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert command[:5] == ["tunewise", "serve", "run", "--candidate", "majority"]
    assert "tunewise.load('run', 'majority')" in text
    assert "USER tunewise" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed")
def test_systemd_takes_the_unit_in_a_folder_with_spaces(run: Path) -> None:
    place = write_service(run, "majority")
    unit = place / "tunewise-bank-tickets.service"
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not [line for line in ours if "is not executable" not in line], done.stderr


def test_a_candidate_that_is_not_there_is_told(run: Path) -> None:
    with pytest.raises(RunFolderError, match="there is no candidate 'lora'"):
        write_service(run, "lora")
