"""Faults these catch: a model public by default, unproved or with personal data, sent by accident.

huggingface_hub reads its settings when it is imported, so each case is a process of its own that
talks to a small Hub on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shipping.push_hub import Taken, taking
from tunewise.files import read_json, write_json
from tunewise.records import Dataset, Example, Finding, Splits
from tunewise.shipping.manifest import Base, Manifest, write_manifest
from tunewise.workspace.folder import RunFolder, made
from tunewise.workspace.stages import record_of, run_stage

PUSH = "import sys; from tunewise.cli.main import status; sys.exit(status(['push', *sys.argv[1:]]))"
Push = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder with as much in it as a push looks at."""
    from tunewise.data.store import write_dataset

    folder = made(tmp_path / "run", "letters", tmp_path)
    rows = tuple(Example(f"id{n}", f"text {n}", "a", n, "rows.csv") for n in (1, 2))
    write_dataset(folder, Dataset(rows, ("a",), ()))
    write_json(folder.splits, Splits(("id1",), (), ("id2",), "by hand"))
    write_json(folder.audit, [])
    settings = folder.candidate("lora-tiny").settings

    def fit() -> list[Path]:
        write_json(settings, {"kind": "lora"})
        return [settings]

    run_stage(folder, "lora-tiny.fit", version=1, inputs={}, work=fit)
    record = record_of(folder, "lora-tiny.fit")
    assert record is not None
    place = folder.path / "shipped" / "merged"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(b"weights")
    (place / "README.md").write_text('---\nlicense: "apache-2.0"\n---\n# letters\n')
    manifest = Manifest(
        format="merged",
        task="letters",
        candidate="lora-tiny",
        kind="lora",
        fit=record.fingerprint,
        base=Base("tiny", "tiny", None, "0"),
        proof="passed",
        models={".": "passed"},
        files={},
        versions={},
    )
    write_manifest(place, manifest)
    (place / "stray.txt").write_text("not part of the export")
    return folder


@pytest.fixture
def push(run: RunFolder, tmp_path: Path) -> Push:
    def pushed(
        hub: Taken, *arguments: str, token: str | None = "hf_x"
    ) -> subprocess.CompletedProcess[str]:
        cleared = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        ours = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.url}
        ours |= {"HF_TOKEN": token} if token else {}
        ours |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        command = [sys.executable, "-c", PUSH, str(run.path), "team/letters", "--format", "merged"]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=cleared | ours, check=False
        )

    return pushed


def personal(rows: tuple[str, ...]) -> list[Finding]:
    return [Finding("personal", "warning", "1 row holds 1 phone number.", "Replace it.", rows)]


def test_a_push_is_private_and_sends_what_the_manifest_lists(push: Push, run: RunFolder) -> None:
    with taking() as hub:
        done = push(hub)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(
        "/team/letters/commit/0123456789abcdef0123456789abcdef01234567"
    )
    assert hub.created[0].get("private") or hub.created[0].get("visibility") == "private"
    assert set(hub.files) == {"model.safetensors", "README.md", "manifest.json"}
    assert hub.files["model.safetensors"] == b"weights"
    assert "Bearer hf_x" in hub.tokens


def test_a_repository_that_is_public_is_refused_unless_that_is_said(push: Push) -> None:
    with taking(private=False) as hub:
        refused, said = push(hub), push(hub, "--public")
    assert refused.returncode == 2
    assert "'team/letters' is public already" in refused.stderr
    assert said.returncode == 0, said.stderr


def test_personal_data_that_was_learnt_stops_a_push_unless_allowed_by_name(
    push: Push, run: RunFolder
) -> None:
    write_json(run.audit, personal(("rows.csv:1",)))
    with taking() as hub:
        refused = push(hub)
        assert hub.files == {}
        allowed = push(hub, "--allow", "personal")
    assert refused.returncode == 2
    assert "personal data in rows that the model learnt from" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert allowed.returncode == 0, allowed.stderr


def test_personal_data_in_test_rows_alone_was_not_learnt(push: Push, run: RunFolder) -> None:
    write_json(run.audit, personal(("rows.csv:2",)))
    with taking() as hub:
        assert push(hub).returncode == 0


def test_unproved_outdated_and_changed_files_are_refused(push: Push, run: RunFolder) -> None:
    place = run.path / "shipped" / "merged"
    (place / "stray.txt").unlink()
    about = read_json(place / "manifest.json")
    with taking() as hub:
        write_json(place / "manifest.json", about | {"proof": "failed"})
        assert "the proof of this export is 'failed'" in push(hub).stderr
        write_json(place / "manifest.json", about | {"fit": "older"})
        assert "was fitted anew since this export" in push(hub).stderr
        write_json(place / "manifest.json", about)
        (place / "model.safetensors").write_bytes(b"others")
        assert "the file was changed since it was exported" in push(hub).stderr
        assert hub.files == {}


def test_nobody_logged_in_is_one_line(push: Push) -> None:
    with taking() as hub:
        done = push(hub, token=None)
    assert done.returncode == 2
    assert "hf auth login" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
