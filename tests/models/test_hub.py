"""Faults these catch: an unpinned model, a pickle or code fetched, a Hub error as a traceback.

huggingface_hub reads its settings when it is imported, so each case is a process of its own that
talks to a small Hub on loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from model_hub import COMMIT, Hub, serving
from tiny_encoders import tiny_encoder

RESOLVE = """
import sys
from tunewise.errors import TunewiseError
from tunewise.models.resolve import resolve
from tunewise.progress import Log
try:
    found = resolve(sys.argv[1], Log(sys.stderr))
    print(found.source, found.licence, found.kind, found.path, found.fingerprint, sep="\\n")
except TunewiseError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(error.exit_status)
"""
Resolve = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder("bert", tmp_path_factory.mktemp("hub") / "model")


@pytest.fixture
def hub(model: Path, tmp_path: Path) -> Iterator[Hub]:
    folder = shutil.copytree(model, tmp_path / "served")
    (folder / "pytorch_model.bin").write_bytes(b"\x80pickle")
    (folder / "modeling_own.py").write_text("raise SystemExit('code was run')")
    with serving({"team/tiny": folder}) as served:
        yield served


@pytest.fixture
def resolved(tmp_path: Path) -> Resolve:
    """Return a function that resolves a name in a process with caches of its own."""

    def run(name: str, endpoint: str, **environment: str) -> subprocess.CompletedProcess[str]:
        cleared = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        ours = {
            "TUNEWISE_CACHE": str(tmp_path / "cache"),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": endpoint,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
        }
        return subprocess.run(
            [sys.executable, "-c", RESOLVE, name],
            capture_output=True,
            text=True,
            check=False,
            env=cleared | ours | environment,
        )

    return run


def test_a_model_is_pinned_and_only_safe_files_are_fetched(
    hub: Hub, resolved: Resolve, tmp_path: Path
) -> None:
    first = resolved("team/tiny", hub.url)
    assert first.returncode == 0, first.stdout + first.stderr
    source, licence, kind, path, fingerprint = first.stdout.splitlines()
    assert source == f"team/tiny@{COMMIT} (Hugging Face Hub)"
    assert (licence, kind) == ("apache-2.0", "encoder")
    fetched = {p.name for p in Path(path).iterdir()}
    assert "model.safetensors" in fetched
    assert not fetched & {"pytorch_model.bin", "modeling_own.py"}
    [record] = (tmp_path / "cache" / "hub").iterdir()
    assert json.loads(record.read_text())["commit"] == COMMIT

    hub.asked.clear()
    again = resolved("team/tiny", hub.url)
    assert again.stdout.splitlines()[-1] == fingerprint
    assert hub.asked == []  # what is here isn't asked for again
    offline = resolved("team/tiny", "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert offline.stdout.splitlines()[-1] == fingerprint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("team/nothing", "ModelError: there is no model 'team/nothing' on the Hub"),
        ("team/gated-model", "ModelError: 'team/gated-model' is gated"),
        ("team/tiny@old", "ModelError: 'team/tiny' has no revision 'old'"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    name: str, said: str, hub: Hub, resolved: Resolve
) -> None:
    refused = resolved(name, hub.url)
    assert refused.returncode == 2, refused.stderr
    assert refused.stdout.startswith(said)
    assert refused.stdout.count("\n") == 1


def test_a_hub_that_gives_no_answer_is_one_line(resolved: Resolve) -> None:
    refused = resolved("team/tiny", "http://127.0.0.1:9")
    assert refused.returncode == 2, refused.stderr
    assert refused.stdout.startswith("Unreachable: the Hub at http://127.0.0.1:9 gives no answer")
    assert refused.stdout.count("\n") == 1


def test_offline_mode_is_honoured(hub: Hub, resolved: Resolve) -> None:
    refused = resolved("team/tiny", hub.url, HF_HUB_OFFLINE="1")
    assert refused.returncode == 2
    assert "HF_HUB_OFFLINE is set" in refused.stdout
    assert hub.asked == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("pickle alone", "'team/tiny' is a model folder without safetensors"),
        ("code of its own", "brings Python code of its own"),
    ],
)
def test_a_model_that_is_not_safe_is_refused_before_it_is_fetched(
    damage: str, said: str, hub: Hub, resolved: Resolve
) -> None:
    folder = hub.folders["team/tiny"]
    if damage == "pickle alone":
        (folder / "model.safetensors").unlink()
    else:
        config = json.loads((folder / "config.json").read_text())
        config["auto_map"] = {"AutoModel": "modeling_own.Own"}
        (folder / "config.json").write_text(json.dumps(config))
    refused = resolved("team/tiny", hub.url)
    assert refused.returncode == 2, refused.stderr
    assert said in refused.stdout
    assert not [line for line in hub.asked if "/resolve/" in line]
