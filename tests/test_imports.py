"""Faults these catch: a heavy import on the path of `tunewise --help`, slowing every call."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "statsmodels",
    "pandas",
    "pyarrow",
    "matplotlib",
    "numpy",
    "peft",
    "accelerate",
    "huggingface_hub",
    "ruamel",
    "jinja2",
    "openpyxl",
}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {line.partition(".")[0] for line in told.stdout.splitlines()}


def test_help_imports_nothing_heavy() -> None:
    code = """
from tunewise.cli.main import status
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    for words in (["--help"], ["run", "--help"], ["predict", "--help"], ["init", "--help"]):
        assert status(words) == 0
"""
    assert modules_after(code) & HEAVY == set()


def test_importing_tunewise_imports_nothing_heavy() -> None:
    assert modules_after("import tunewise") & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    [
        *("tunewise.candidates", "tunewise.task.load", "tunewise.report.gather"),
        *("tunewise.pipeline", "tunewise.auditing", "tunewise.redecide"),
    ],
)
def test_light_rooms_import_no_learning_library(module: str) -> None:
    learning = {"torch", "transformers", "sklearn", "peft", "accelerate"}
    assert modules_after(f"import {module}") & learning == set()
