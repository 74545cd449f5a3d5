"""On a card: the fast way is the plain way there too. Skipped where there is none.

Faults these catch: rows that see each other in the card's attention kernel, an adapter's product on
NF4 that isn't PEFT's, bounds or logits left behind on the CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_equality import TOLERANCES, assert_close, gradients, with_adapter
from tiny_language_models import FAMILIES, random_rows, tiny_model

from tunewise.task.settings import LoraCandidateSettings
from tunewise.training.fast.compiled import compile_layers
from tunewise.training.fast.model import PlainLoss, RowsLoss
from tunewise.training.fast.packed import Packed, Row, packed
from tunewise.training.fast.recomputed import recompute
from tunewise.training.language.arguments import effective

CARD = torch.device("cuda")
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4}
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA card")


def on_card(rows: list[Row]) -> Packed:
    return packed(rows).to(CARD)


def wide_model(family: str, dtype: torch.dtype) -> Any:
    """Return a model whose heads are as wide as the card's kernel wants them."""
    model = tiny_model(family, torch.float32, **WIDE)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embed" not in name:
                parameter.mul_(0.35)  # else wider sums saturate attention, and rounding shows
    return model.to(dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_give_the_plain_loss_and_gradients(family: str, dtype: torch.dtype) -> None:
    rows = on_card(random_rows(5, longest=60))
    plain = PlainLoss(with_adapter(wide_model(family, dtype), fast=False).to(CARD))
    fast = RowsLoss(with_adapter(wide_model(family, dtype), fast=True).to(CARD))
    expected = gradients(plain, [rows])
    assert_close(gradients(fast, [rows]), expected, TOLERANCES[dtype])


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_layers_computed_anew_give_the_same(family: str) -> None:
    rows = on_card(random_rows(5, longest=60))
    loss = RowsLoss(with_adapter(wide_model(family, torch.bfloat16), fast=True).to(CARD)).train()
    expected = gradients(loss, [rows])
    recompute(loss.causal, 2)
    assert_close(gradients(loss, [rows]), expected, 1e-3)


@pytest.mark.filterwarnings("ignore")  # what torch.compile says of itself
def test_compiled_layers_give_the_same() -> None:
    loss = RowsLoss(with_adapter(wide_model("llama", torch.bfloat16), fast=True).to(CARD)).train()
    batches = [on_card(random_rows(n, seed=n, longest=60)) for n in (4, 7)]
    expected = [gradients(loss, [one]) for one in batches]
    compile_layers(loss.causal)
    for one, right in zip(batches, expected, strict=True):
        assert_close(gradients(loss, [one]), right, 2e-2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes")
def test_an_adapter_on_nf4_gives_what_pefts_own_layer_gives(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    from tunewise.models.loading import quiet_transformers
    from tunewise.training.language.adapters import trainable

    with quiet_transformers():
        wide_model("llama", torch.bfloat16).save_pretrained(str(tmp_path))
    rows, found = on_card(random_rows(6, longest=60)), []
    for off in ([], ["lora"]):
        settings = LoraCandidateSettings(load_in_4bit=True, num_train_epochs=1, switch_off=off)
        arguments = effective(settings, rows=6, parameters=10**6, max_length=512, bf16=True, seed=0)
        model = trainable(tmp_path, arguments, CARD, "test")
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.manual_seed(3)
                parameter.data.normal_(std=0.05)
        found.append(gradients(RowsLoss(model), [rows]))
    assert_close(found[0], found[1], 2e-2)
