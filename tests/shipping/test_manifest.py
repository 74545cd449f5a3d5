"""An exported folder is whole, or one clear line says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_exports import Made

from tunewise.errors import RunFolderError
from tunewise.progress import Silent
from tunewise.shipping.asking import asking_of
from tunewise.shipping.export import marked, written
from tunewise.shipping.manifest import read_manifest
from tunewise.shipping.proving import proofs


@pytest.fixture
def folder(labelling: Made, tmp_path: Path) -> Path:
    place = tmp_path / "adapter"
    written("adapter", labelling.subject, labelling.fitted, place, Silent())
    return place


def test_a_new_export_is_unproven_and_lists_every_file(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.proof == "unproven"
    assert manifest.models == {".": "unproven"}
    here = {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert set(manifest.files) == here
    assert {"adapter_model.safetensors", "task.json", "README.md", "tokenizer.json"} <= here
    assert "Not proved yet" in (folder / "README.md").read_text()


def test_a_proof_is_in_the_manifest_and_does_not_hide_what_changed_before_it(
    folder: Path, labelling: Made
) -> None:
    subject, fitted = labelling.subject, labelling.fitted
    asking = asking_of(subject, fitted)
    found = list(proofs("adapter", subject, fitted, folder, ["."], progress=Silent()))
    done = marked(folder, read_manifest(folder), asking, found)
    assert read_manifest(folder) == done
    assert done.proof == "passed"
    assert set(done.files) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    with (folder / "tokenizer.json").open("a") as file:
        file.write(" ")
    marked(folder, done, asking, found)
    with pytest.raises(RunFolderError, match=r"tokenizer\.json: the file was changed"):
        read_manifest(folder)


def test_a_changed_file_is_one_line(folder: Path) -> None:
    with (folder / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(RunFolderError, match=r"tokenizer\.json: the file was changed") as told:
        read_manifest(folder)
    assert "\n" not in str(told.value)


def test_a_missing_file_is_one_line(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(RunFolderError, match=r"adapter_model\.safetensors: the file is missing"):
        read_manifest(folder)


def test_a_folder_without_a_manifest_is_no_export(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(RunFolderError, match="there is no export here"):
        read_manifest(folder)


def test_a_writer_that_fails_leaves_the_old_export(
    folder: Path, labelling: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_manifest(folder)

    def failing(*_: object) -> None:
        raise RuntimeError("cut off")

    monkeypatch.setattr("tunewise.shipping.export.asking_of", failing)
    with pytest.raises(RuntimeError, match="cut off"):
        written("adapter", labelling.subject, labelling.fitted, folder, Silent())
    assert read_manifest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
