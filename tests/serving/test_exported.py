"""Faults these catch: a graph served unproved, another's or changed; other answers from it."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from serving_runs import PROBE, served

import tunewise
from tunewise.candidates.finished import chosen
from tunewise.errors import BadInput, ProofFailed, RunFolderError
from tunewise.files import file_sha256, write_json
from tunewise.progress import Silent
from tunewise.serving.engine import RunEngine
from tunewise.serving.exported import proved_file
from tunewise.serving.load import loaded
from tunewise.shipping.manifest import Base, Manifest
from tunewise.workspace.folder import opened
from tunewise.workspace.stages import trusted

TEXTS = ["my card has not arrived", "hm", "top up failed " * 200, "🙂", "what rate do you use?"]


class ProbeGraph(torch.nn.Module):
    """A probe's encoder and coefficients as one module."""

    def __init__(self, fitted) -> None:
        super().__init__()
        self.encoder = fitted.embedder.model.float()
        self.encoder.set_attn_implementation("eager")
        self.weights = torch.nn.Parameter(torch.from_numpy(fitted.weights))
        self.bias = torch.nn.Parameter(torch.from_numpy(fitted.bias))

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        mask = attention_mask[..., None].float()
        mean = (states.last_hidden_state * mask).sum(1) / mask.sum(1)
        unit = torch.nn.functional.normalize(mean, dim=-1)
        return unit @ self.weights.T + self.bias, unit


@pytest.fixture
def run(labels_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the run with something that says it is a proved export."""
    copy = tmp_path / "run"
    shutil.copytree(labels_folder, copy)
    place = copy / "shipped" / "onnx"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(b"no graph at all")
    written(copy)
    return copy


def written(run: Path, **changes: object) -> None:
    """Write the manifest of the export as it lies there."""
    place = run / "shipped" / "onnx"
    files = {p.name: file_sha256(p) for p in place.iterdir() if p.name != "manifest.json"}
    fit = trusted(opened(run), f"{PROBE}.fit").fingerprint
    manifest = Manifest(
        format="onnx",
        task="tickets",
        candidate=PROBE,
        kind="probe",
        fit=fit,
        base=Base("minilm-l6", "package", None, "0" * 64),
        proof="passed",
        models={"model.onnx": "passed"},
        files=files,
        versions={},
    )
    write_json(place / "manifest.json", replace(manifest, **changes))


def test_what_is_not_proved_is_not_served(run: Path) -> None:
    one = chosen(opened(run), PROBE)
    assert proved_file(one, "onnx").name == "model.onnx"
    with pytest.raises(ProofFailed, match="not there"):
        proved_file(one, "onnx-int8")
    for state in ("unproven", "failed"):
        written(run, models={"model.onnx": state})
        with pytest.raises(ProofFailed, match=f"its proof: {state}"):
            proved_file(one, "onnx")
    written(run, candidate="majority")
    with pytest.raises(RunFolderError, match="the export is of 'majority'"):
        proved_file(one, "onnx")
    written(run, fit="0" * 64)
    with pytest.raises(RunFolderError, match="an older fit"):
        proved_file(one, "onnx")
    written(run)
    (run / "shipped" / "onnx" / "model.onnx").write_bytes(b"changed")
    with pytest.raises(RunFolderError, match="changed since it was exported"):
        proved_file(one, "onnx")
    shutil.rmtree(run / "shipped")
    with pytest.raises(RunFolderError, match="tunewise export"):
        proved_file(one, "onnx")


def test_a_runtime_that_does_not_fit_is_refused(labels_folder: Path) -> None:
    with pytest.raises(BadInput, match="Did you mean 'onnx'"):
        loaded(labels_folder, PROBE, "onx", Silent())
    with pytest.raises(BadInput, match="is no encoder or probe"):
        loaded(labels_folder, "majority", "onnx", Silent())


def test_a_graph_answers_as_the_candidate_does(run: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    fitted = tunewise.load(run, PROBE).fitted
    wanted = tunewise.load(run, PROBE).predictions(TEXTS)
    vectors, tokens = fitted.embed(TEXTS)
    place = run / "shipped" / "onnx"
    fitted.embedder.tokenizer.save_pretrained(str(place))
    shape = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=512)}
    ids = torch.full((3, 5), 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ProbeGraph(fitted).eval(), (ids, torch.ones_like(ids)), str(place / "model.onnx"),
            input_names=["input_ids", "attention_mask"], output_names=["logits", "embeddings"],
            dynamic_shapes={"input_ids": shape, "attention_mask": shape}, dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip
    written(run)
    with served(run, PROBE, runtime="onnx") as server:
        assert isinstance(server.ready.service.worker.engine, RunEngine)
        found = server.post("/v1/classify", {"input": TEXTS}).json()["data"]
        body = {"model": PROBE, "input": TEXTS}
        embedded = server.post("/v1/embeddings", body).json()
    for row, answer in zip(found, wanted, strict=True):
        assert row["label"] == answer.answer
        assert row["probability"] == pytest.approx(max(answer.scores), abs=0.01)
    got = np.array([row["embedding"] for row in embedded["data"]])
    assert (got * vectors).sum(axis=1).min() > 0.999
    assert embedded["usage"]["prompt_tokens"] == sum(tokens)
