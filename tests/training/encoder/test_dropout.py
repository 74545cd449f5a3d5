"""Faults these catch: dropout that drops too much or too little, or that scales what stays wrongly,
that a seed doesn't fix, that lets gradients through where nothing came through, or that is left in
an answer.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tunewise.models.loading import load_encoder
from tunewise.models.resolve import ModelFolder
from tunewise.training.encoder.classifier import EncoderClassifier
from tunewise.training.encoder.dropout import ByteDropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_right_share_is_dropped_and_the_mean_is_kept(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, 1001, dtype=dtype)
    found = ByteDropout(p).train()(x)
    dropped = (found == 0).double().mean().item()
    share = round(p * 256) / 256
    spread = (share * (1 - share) / x.numel()) ** 0.5
    assert abs(dropped - share) < 5 * spread
    assert found.unique().numel() == 2
    assert found.max().item() == pytest.approx(1 / (1 - share), rel=0.01)


@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (3, 5, 11)])
def test_each_place_is_dropped_as_often_as_any_other(shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    layer, x = ByteDropout(0.5).train(), torch.ones(shape)
    often = sum((layer(x) == 0).double() for _ in range(2000)) / 2000
    assert (often - 0.5).abs().max() < 0.06  # 5 standard errors


def test_gradients_pass_where_values_did() -> None:
    torch.manual_seed(2)
    x = torch.randn(64, 33, requires_grad=True)
    found = ByteDropout(0.3).train()(x)
    found.sum().backward()
    assert torch.equal(found, x.detach() * x.grad)


def test_a_seed_fixes_what_is_dropped_and_answers_are_left_alone() -> None:
    layer, x = ByteDropout(0.1).train(), torch.randn(100, 10)
    torch.manual_seed(3)
    first = layer(x)
    assert not torch.equal(first, layer(x))
    torch.manual_seed(3)
    assert torch.equal(first, layer(x))
    assert layer.eval()(x) is x


def test_a_classifier_has_no_other_dropout(minilm: ModelFolder) -> None:
    model = EncoderClassifier(load_encoder(minilm.path), 3, 384)
    kinds = {type(m) for m in model.modules() if isinstance(m, nn.Dropout)}
    assert kinds == {ByteDropout}
    inputs = torch.tensor([[101, 2054, 102]]), torch.ones(1, 3, dtype=torch.long)
    answers = [model.eval()(*inputs)["logits"] for _ in range(2)]
    assert torch.equal(*answers)
