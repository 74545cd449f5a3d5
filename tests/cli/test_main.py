"""Faults these catch: tracebacks on bad input, wrong exit statuses, output on the wrong stream."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tunewise import __version__
from tunewise.cli import main


def tunewise(*words: str, cwd: Path | None = None, given: str = "") -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    code = "from tunewise.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_version_and_help() -> None:
    assert tunewise("--version").stdout == f"tunewise {__version__}\n"
    told = tunewise("--help")
    assert told.returncode == 0
    for verb in ("init", "run", "predict", "schema"):
        assert verb in told.stdout


@pytest.mark.parametrize("words", [["rnu"], ["run", "--jsn"], ["run", "a", "b"], ["predict"]])
def test_wrong_usage_is_told_without_a_traceback(words: list[str]) -> None:
    ended = tunewise(*words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "Usage: tunewise" in ended.stderr


def test_bad_input_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    ended = tunewise("run", "task.yaml", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("tunewise: task.yaml: the task file isn't there. ")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_json() -> None:
    assert json.loads(tunewise("schema").stdout)["properties"]["candidates"]


def test_ctrl_c_says_how_to_carry_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tunewise import pipeline

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    assert main.status(["run", "task.yaml"]) == 130
    assert "carry on with: tunewise run task.yaml" in capsys.readouterr().err


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewise import pipeline

    def buggy(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "run", buggy)
    with pytest.raises(ZeroDivisionError):
        main.status(["run", "task.yaml"])


def test_a_closed_pipe_is_no_error() -> None:
    code = "from tunewise.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()
        assert running.wait() == 0
