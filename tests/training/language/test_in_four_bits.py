"""Faults these catch: weights held in float32 for nothing, a loss or peak changed by it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_memory import WIDE, arguments_of, even_rows, measured
from tiny_language_models import on_a_processor, random_rows, tiny_config, tiny_folder

from tunewise.training.fast.model import RowsLoss, base_of
from tunewise.training.fast.packed import packed
from tunewise.training.language.adapters import trainable
from tunewise.training.language.traced import Step, Traceable

pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder("llama", tmp_path_factory.mktemp("wide") / "model", **WIDE)


def test_what_is_not_in_four_bits_stays_in_bfloat16_and_the_loss_with_it(wide: Path) -> None:
    from peft import prepare_model_for_kbit_training

    arguments = arguments_of(bf16=True, load_in_4bit=True)
    model = trainable(wide, arguments, torch.device("cpu"), "test")
    frozen = {p.dtype for p in model.parameters() if not p.requires_grad}
    assert frozen == {torch.bfloat16, torch.uint8}
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    rows = packed(random_rows(6, longest=40))
    loss = RowsLoss(model).eval()
    ours = loss(rows)
    ours.backward()
    slope = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    assert slope
    assert all(grad.isfinite().all() for grad in slope.values())
    prepared = prepare_model_for_kbit_training(
        base_of(trainable(wide, arguments, torch.device("cpu"), "test")).requires_grad_(False),
        use_gradient_checkpointing=False,
    )
    theirs = RowsLoss(prepared).eval()(rows)  # a new adapter adds nothing
    assert prepared.get_input_embeddings().weight.dtype is torch.float32
    assert ours.item() == pytest.approx(theirs.item(), rel=2e-2)


@on_a_processor
def test_the_foreseen_peak_is_that_of_the_real_trainer(wide: Path, tmp_path: Path) -> None:
    arguments, rows = arguments_of(bf16=True, load_in_4bit=True), even_rows(8, 100)
    foreseen = Traceable(tiny_config("llama", **WIDE), arguments).trace(
        Step(rows[:4], 0, keeps_best=True)
    )
    assert foreseen.peak == pytest.approx(measured(wide, arguments, rows, 0, tmp_path), rel=0.02)
