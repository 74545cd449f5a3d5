"""Faults these catch: a merge in fewer bits taken for one rounding, and the other way round."""

from __future__ import annotations

import pytest
import torch

from tunewise.shipping.proof.weights import ROUNDINGS, compared

FORMATS = {"bf16": torch.bfloat16, "f16": torch.float16}


def adapted(learnt: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights as a model has them in bf16, and what an adapter of that size adds to them."""
    torch.manual_seed(0)
    base = (0.05 * torch.randn(256, 256)).bfloat16().float()
    part = torch.randn(256, 8) @ torch.randn(8, 256)
    return base, part * (learnt * base.norm() / part.norm())


@pytest.mark.parametrize("name", FORMATS)
def test_one_rounding_of_a_float32_merge_is_the_trained_model(name: str) -> None:
    base, part = adapted(0.01)
    wanted = base + part
    again = base + part.double().float() * (1 + 2**-23)  # the same sum in another order
    found = again.to(FORMATS[name]).float()
    assert not compared([("w", found, wanted)], ROUNDINGS[name], lambda: {"w": base}).off


@pytest.mark.parametrize("learnt", [0.3, 0.03, 0.003, 0.0005])
def test_a_merge_in_bfloat16_is_named_however_little_was_learnt(learnt: float) -> None:
    base, part = adapted(learnt)
    found = (base.bfloat16() + part.bfloat16()).float()
    seen = compared([("w", found, base + part)], ROUNDINGS["bf16"], lambda: {"w": base})
    assert seen.off == ("w",)
    assert seen.causes[0].name == "wrong merge dtype"
