"""`tunewise export` on a real run: ONNX with its proof, one line for what can't be, exit 3."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_encoders import tickets, tiny_encoder

from tunewise import api
from tunewise.cli.main import status
from tunewise.models.loading import load_tokenizer
from tunewise.shipping.manifest import read_manifest
from tunewise.training.encoder import classifier

TASK = """
task: tickets
data: {train: rows.csv}
candidates:
  - majority
  - probe: {model: tiny}
  - encoder: {model: tiny, num_train_epochs: 10, learning_rate: 0.005}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tickets")
    tiny_encoder("minilm", home / "tiny")
    with (home / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        writer.writerows((row.input, row.target) for row in tickets(100))
    (home / "task.yaml").write_text(TASK)
    return api.run(home / "task.yaml", quiet=True).folder


def test_the_winner_goes_to_onnx_and_answers_the_same(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    assert status(["export", str(run), "--to", "onnx", "--rows", "12"]) == 0
    assert "likeliest token agrees at 100.00%" in capsys.readouterr().out
    folder = run / "shipped" / "onnx"
    manifest = read_manifest(folder)
    assert manifest.proof == "passed"
    assert manifest.models == {"model.onnx": "passed", "model-int8.onnx": "passed"}
    proofs = json.loads((folder / "parity.json").read_text())["proofs"]
    assert proofs[0]["rows"] == proofs[0]["prompts_equal"] >= 8
    assert proofs[0]["logp_largest"] < 1e-2
    task = json.loads((folder / "task.json").read_text())
    ids = load_tokenizer(folder)(["plastic pin word1"], max_length=task["max_length"])["input_ids"]
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    given = {"input_ids": np.array(ids), "attention_mask": np.ones_like(ids)}
    logits, embeddings = session.run(["logits", "embeddings"], given)
    answer = task["labels"][int(logits[0].argmax())]
    assert [answer] == api.load(run).predict(["plastic pin word1"])
    assert embeddings.shape == (1, 32)


def test_a_failed_proof_is_exit_status_3_and_marks_the_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(head: torch.nn.Linear, folder: Path) -> None:
        """Write the head's rows in another order, as a label map that was sorted anew would."""
        tensors = {name: value.detach().roll(1, 0) for name, value in head.state_dict().items()}
        save_file(tensors, folder / classifier.HEAD_FILE)

    monkeypatch.setattr(classifier, "save_head", careless)
    assert status(["export", str(run), "--to", "merged", "--candidate", "encoder-tiny"]) == 3
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("tunewise: ")
    assert "Likely cause: labels in another order" in said
    manifest = read_manifest(run / "shipped" / "merged")
    assert manifest.proof == "failed"
    assert manifest.models == {".": "failed"}
    assert "The proof failed" in (run / "shipped" / "merged" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "gguf"], "GGUF for llama.cpp can't hold a candidate of kind"),
        (["--to", "adapter", "--candidate", "encoder-tiny"], "so there is no adapter"),
        (["--to", "onnx", "--candidate", "majority"], "has no weights of its own"),
        (["--to", "onnx", "--candidate", "probe-tin"], "Did you mean 'probe-tiny'?"),
        (["--to", "onnx", "--quantisation", "f16"], "--quantisation goes with gguf and ollama"),
        (["--to", "onx"], "'onx' is not one of"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    arguments: list[str], words: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["export", str(run), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["export", str(tmp_path), "--to", "onnx"]) == 2
    assert "there is no run here" in capsys.readouterr().err


def test_a_run_without_a_winner_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from tunewise.files import file_sha256, read_json, write_json

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    verdict = read_json(copy / "verdict.json") | {"winner": None}
    write_json(copy / "verdict.json", verdict)
    record = read_json(copy / "stages" / "verdict.json")
    record["outputs"] = {"verdict.json": file_sha256(copy / "verdict.json")}
    write_json(copy / "stages" / "verdict.json", record)
    assert status(["export", str(copy), "--to", "onnx"]) == 2
    assert "the run has no winner" in capsys.readouterr().err
