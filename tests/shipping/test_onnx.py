"""A graph holds the weights that training left, and writing it leaves the trained model alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoders import LABELS, tickets, tiny_encoder
from tiny_exports import Made, made_encoder

from tunewise.candidates.encoder import FittedEncoder, trained_classifier
from tunewise.progress import Silent
from tunewise.shipping.export import written
from tunewise.shipping.formats.onnx_file import FLOAT, INT8
from tunewise.shipping.proving import proofs
from tunewise.shipping.runtimes.in_onnxruntime import PADDING, TOGETHER, OnnxRuntime, batches

EXACT = 1e-5  # of a logit: far below what bf16 weights would move it by


def made_in_bf16(home: Path) -> Made:
    """Return an encoder that answers in bf16, as it does where that is faster."""
    home.mkdir()
    tiny_encoder("minilm", home / "tiny")
    one = made_encoder(home, tickets(94), LABELS)
    model, tokenizer = trained_classifier(one.subject.about, one.subject.folder, home)
    fitted = FittedEncoder(
        model,
        tokenizer,
        dict(zip(one.fitted.labels, one.fitted.order, strict=True)),
        max_length=one.fitted.max_length,
        dtype=torch.bfloat16,
    )
    return Made(one.subject, fitted)


def state(fitted: FittedEncoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in fitted.model.state_dict().items()}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Made:
    pytest.importorskip("onnxscript")
    return made_in_bf16(tmp_path_factory.mktemp("onnx") / "home")


def test_a_graph_has_the_weights_of_the_disk_and_not_those_rounded_to_answer(
    one: Made, tmp_path: Path
) -> None:
    before, attention = state(one.fitted), one.fitted.model.encoder.config._attn_implementation
    place = tmp_path / "onnx"
    written("onnx", one.subject, one.fitted, place, Silent())

    after = state(one.fitted)
    assert one.fitted.model.encoder.config._attn_implementation == attention
    assert {v.dtype for n, v in after.items() if v.is_floating_point() and "encoder" in n} == {
        torch.bfloat16
    }
    assert all(torch.equal(before[name], after[name]) for name in before)

    exact, _ = trained_classifier(
        one.subject.about, one.subject.folder, one.subject.setup.task_folder
    )
    runtime = OnnxRuntime(place / FLOAT, one.fitted.max_length)
    ids = runtime.tokens([row.input for row in one.subject.rows])
    for tokens, found in zip(ids, runtime.run("logits", ids), strict=True):
        read = torch.tensor([tokens])
        with torch.inference_mode():
            wanted = exact(read, torch.ones_like(read))["logits"][0, one.fitted.order]
        assert np.abs(found - wanted.numpy()).max() < EXACT


def test_both_graphs_answer_as_the_encoder_does(one: Made, tmp_path: Path) -> None:
    place = tmp_path / "onnx"
    models = list(written("onnx", one.subject, one.fitted, place, Silent()).models)
    for proof in proofs("onnx", one.subject, one.fitted, place, models, progress=Silent()):
        assert proof.passed, proof
        assert proof.prompts_equal == proof.rows
        assert proof.logp_mean is not None
        assert proof.logp_mean < 0.1


def test_who_else_asks_changes_nothing_of_an_int8_answer(one: Made, tmp_path: Path) -> None:
    place = tmp_path / "onnx"
    written("onnx", one.subject, one.fitted, place, Silent())
    runtime = OnnxRuntime(place / INT8, one.fitted.max_length)
    ids = runtime.tokens([row.input for row in one.subject.rows])
    alone = np.concatenate([runtime.run("logits", [tokens]) for tokens in ids])
    assert (runtime.run("logits", ids) == alone).all()


@given(st.lists(st.integers(1, 300), max_size=80))
def test_every_row_is_in_one_batch_that_keeps_its_bounds(lengths: list[int]) -> None:
    found = batches(lengths)
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        longest = lengths[rows[0]]
        assert longest == max(lengths[row] for row in rows)
        assert len(rows) == 1 or longest * len(rows) <= TOGETHER
        assert longest * len(rows) - sum(lengths[row] for row in rows) <= PADDING
