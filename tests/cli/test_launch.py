"""tunewise launch: several processes here, or a task file for SkyPilot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tiny_language_models import reversing, tiny_folder

from tunewise.cli.main import status

TASK = """
task: Letters_1
kind: generation
data: {train: rows.jsonl}
candidates:
  - majority
  - lora: {model: tiny, num_train_epochs: 1, bf16: false}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    rows = [{"input": row.input, "target": row.target} for row in reversing(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path / "task.yaml"


@pytest.mark.slow
def test_two_processes_carry_a_task_to_its_verdict(
    task: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny_folder("llama", task.parent / "tiny")
    assert status(["launch", str(task), "--processes", "2"]) == 0
    told = capfd.readouterr()
    assert "Training in 2 processes" in told.err
    folder = task.parent / "runs" / "Letters_1" / "candidates" / "lora-tiny"
    assert (folder / "adapter" / "adapter_model.safetensors").exists()
    assert not (folder / "job.json").exists()


def test_a_task_for_the_cloud_is_written_as_skypilot_takes_it(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert status(["launch", str(task), "--cloud", "L4:1"]) == 0
    assert "pip install skypilot" in capsys.readouterr().out
    told = YAML(typ="safe").load((tmp_path / "sky.yaml").read_text())
    assert told["name"] == "tunewise-letters-1"
    assert told["resources"] == {"accelerators": "L4:1"}
    assert told["workdir"] == str(tmp_path)
    assert "tunewise launch task.yaml --processes $SKYPILOT_NUM_GPUS_PER_NODE" in told["run"]


def test_skypilot_is_handed_the_file_and_its_status_is_ours(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "sky"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/bin{os.pathsep}/usr/bin")
    assert status(["launch", str(task), "--cloud", "A100:2", "--yes"]) == 7
    assert (tmp_path / "asked").read_text().split() == [
        "launch", "--yes", str(tmp_path / "sky.yaml"),
    ]  # fmt: skip


def test_data_outside_the_folder_is_refused(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = task.parent / "inner"
    inner.mkdir()
    moved = inner / "task.yaml"
    moved.write_text(TASK.replace("rows.jsonl", "../rows.jsonl"))
    assert status(["launch", str(moved), "--cloud", "L4:1"]) == 2
    assert "lies outside the task's folder" in capsys.readouterr().err
