"""The fast way gives the loss and the gradients of the plain way, family by family.

Relative tolerances: 1e-5 in float32 (other order of the same sums), 2e-2 in bfloat16 (its mantissa
has 8 bits, and both ways round).
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_language_models import FAMILIES, WINDOW, random_rows, tiny_config, tiny_model
from torch import Tensor, nn

from tunewise.models.loading import quiet_peft
from tunewise.training.fast.attention import RowsAttention, batches
from tunewise.training.fast.compiled import compile_layers
from tunewise.training.fast.head import HeadShape, shaped, summed_loss
from tunewise.training.fast.model import PlainLoss, RowsLoss
from tunewise.training.fast.packed import Row, packed, shared_beginning
from tunewise.training.fast.recomputed import recompute

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def with_adapter(model: Any, *, fast: bool) -> nn.Module:
    """Return the model with an adapter that isn't nil, by our layer or by PEFT's own."""
    from peft import LoraConfig, get_peft_model

    from tunewise.training.fast.lora import AdaptedLinear

    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    if fast:
        config._register_custom_module({nn.Linear: AdaptedLinear})
    torch.manual_seed(1)
    with quiet_peft():
        found = get_peft_model(model, config)
    for name, parameter in found.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    return found


def gradients(loss: nn.Module, passes: list[Any]) -> tuple[float, dict[str, Tensor]]:
    """Return the summed loss of some passes and the gradients of what is trained, by name."""
    loss.zero_grad()
    total = sum(_one(loss, one) for one in passes)
    named = {
        name.removeprefix("model."): p.grad.clone()
        for name, p in loss.named_parameters()
        if p.grad is not None
    }
    return total, named


def _one(loss: nn.Module, batch: Any) -> float:
    value = loss(batch)
    value.backward()
    return float(value.detach())


def assert_close(
    one: tuple[float, dict[str, Tensor]], other: tuple[float, dict[str, Tensor]], tolerance: float
) -> None:
    """Check losses and every gradient, relative to its length."""
    assert one[0] == pytest.approx(other[0], rel=tolerance)
    assert one[1].keys() == other[1].keys()
    assert one[1], "nothing was trained"
    for name, gradient in one[1].items():
        right = other[1][name].float()
        assert (gradient.float() - right).norm() <= 4 * tolerance * right.norm() + 1e-7, name


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_give_the_plain_loss_and_gradients(family: str, dtype: torch.dtype) -> None:
    # Catches a row that sees its neighbour, a wrong position, window, cap or softcap.
    rows = random_rows(5)
    plain = PlainLoss(with_adapter(tiny_model(family, dtype), fast=False))
    fast = RowsLoss(with_adapter(tiny_model(family, dtype), fast=True))
    expected = gradients(plain, [packed(rows)])
    assert_close(gradients(fast, [packed(rows)]), expected, TOLERANCES[dtype])


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2"])
def test_how_rows_are_dealt_out_to_passes_changes_nothing(family: str) -> None:
    rows = random_rows(6)
    loss = RowsLoss(with_adapter(tiny_model(family), fast=True))
    whole = gradients(loss, [packed(rows)])
    assert_close(gradients(loss, [packed(rows[:1]), packed(rows[1:])]), whole, 1e-5)
    assert_close(gradients(loss, [packed([row]) for row in rows]), whole, 1e-5)


@pytest.mark.parametrize("family", ["llama", "qwen2", "phi3"])
def test_a_shared_beginning_computed_once_gives_the_same(family: str) -> None:
    rows = random_rows(5, common=9)
    shared = shared_beginning(rows)
    assert shared >= 9
    loss = RowsLoss(with_adapter(tiny_model(family), fast=True))
    once = packed(rows, shared)
    assert once.tokens == packed(rows).tokens - 4 * shared
    assert_close(gradients(loss, [once]), gradients(loss, [packed(rows)]), 1e-5)


def test_a_token_predicted_from_the_shared_beginning_counts_for_each_row() -> None:
    rows = random_rows(3, common=6)
    for row in rows:
        row.supervised[6] = True  # predicted from the last shared token
    loss = RowsLoss(with_adapter(tiny_model("llama"), fast=True))
    once = packed(rows, 6)
    assert len(once.targets) == sum(row.targets for row in rows)
    assert_close(gradients(loss, [once]), gradients(loss, [packed(rows)]), 1e-5)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_the_head_on_supervised_positions_is_the_whole_heads(family: str) -> None:
    rows = random_rows(4)
    model = tiny_model(family)  # all weights are trained, the head's among them
    supervised = gradients(RowsLoss(model), [packed(rows)])
    whole = gradients(RowsLoss(model, supervised_head=False), [packed(rows)])
    assert_close(supervised, whole, 1e-5)


def test_logits_in_pieces_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewise.training.fast import head

    torch.manual_seed(0)
    layer = nn.Linear(8, 20, bias=True)
    states, targets = torch.randn(17, 8, requires_grad=True), torch.randint(20, (17,))
    shape = HeadShape(factor=0.5, softcap=2.0)
    whole = summed_loss(layer, states, targets, shape)
    found = torch.autograd.grad(whole, (states, layer.weight, layer.bias))
    monkeypatch.setattr(head, "LOGITS", 60)
    pieces = summed_loss(layer, states, targets, shape)
    again = torch.autograd.grad(3 * pieces, (states, layer.weight, layer.bias))
    logits = shaped(layer(states), shape)
    plain = nn.functional.cross_entropy(logits, targets, reduction="sum")
    right = torch.autograd.grad(plain, (states, layer.weight, layer.bias))
    assert float(whole.detach()) == pytest.approx(float(plain.detach()), rel=1e-6)
    assert float(pieces.detach()) == pytest.approx(float(plain.detach()), rel=1e-6)
    for one, three, other in zip(found, again, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(three, 3 * other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shared", [0, 7])
@pytest.mark.parametrize("window", [0, 20])
@pytest.mark.parametrize(("heads", "key_heads"), [(6, 2), (4, 4)])
def test_attention_of_long_and_short_rows_is_masked_attention(
    heads: int, key_heads: int, window: int, shared: int
) -> None:
    # Long rows are cut into blocks and computed anew, short ones are padded together.
    torch.manual_seed(0)
    starts = [0, shared] if shared else [0]
    for length in (50, 60, 300, 58, 5, 47, 600):
        starts.append(starts[-1] + length)
    tokens = starts[-1]
    q, k, v = (
        torch.randn(count, tokens, 8, requires_grad=True) for count in (heads, key_heads, key_heads)
    )
    out = RowsAttention.apply(q, k, v, torch.tensor(starts), shared, 0.3, window)
    slope = torch.randn_like(out)
    found = torch.autograd.grad(out, (q, k, v), slope)
    segment = torch.bucketize(torch.arange(tokens), torch.tensor(starts[1:]), right=True)
    place = torch.arange(tokens) - torch.tensor(starts)[segment]
    if shared:
        place += shared * (segment > 0)
    sees = (segment[:, None] == segment) | ((segment == 0) if shared else torch.tensor(False))
    back = place[:, None] - place
    sees &= (back >= 0) & (back < (window or tokens))
    each = heads // key_heads
    plain = nn.functional.scaled_dot_product_attention(
        q, k.repeat_interleave(each, 0), v.repeat_interleave(each, 0), attn_mask=sees, scale=0.3
    ).transpose(0, 1)
    right = torch.autograd.grad(plain, (q, k, v), slope)
    for one, other in zip((out, *found), (plain, *right), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_rows_of_like_length_are_padded_together() -> None:
    together = batches([0, 50, 98, 103, 703], 0)
    sizes = sorted((len(batch.blocks), batch.queries) for batch in together)
    assert sizes == [(1, 5), (1, 88), (1, 256), (1, 256), (2, 50)]


@pytest.mark.parametrize("layers", [1, 2])
def test_layers_computed_anew_give_the_same_gradients(layers: int) -> None:
    rows = random_rows(4)
    loss = RowsLoss(with_adapter(tiny_model("llama"), fast=True)).train()
    kept = gradients(loss, [packed(rows)])
    recompute(loss.causal, layers)
    flags = [layer.gradient_checkpointing for layer in loss.causal.model.layers]
    assert flags == [number < layers for number in range(2)]
    assert_close(gradients(loss, [packed(rows)]), kept, 1e-6)


def test_layers_computed_anew_keep_less_for_the_backward_pass() -> None:
    def kept(layers: int) -> int:
        loss = RowsLoss(with_adapter(tiny_model("llama"), fast=True)).train()
        recompute(loss.causal, layers)
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss(packed(random_rows(8)))
        return sum(sizes)

    assert kept(2) < kept(1) < kept(0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what torch.compile says of itself
def test_compiled_layers_give_the_same_gradients_for_any_number_of_tokens() -> None:
    loss = RowsLoss(with_adapter(tiny_model("llama"), fast=True)).train()
    rows = [random_rows(4), random_rows(7, seed=3), random_rows(2, seed=4)]
    plain = [gradients(loss, [packed(some)]) for some in rows]
    compile_layers(loss.causal)
    for some, expected in zip(rows, plain, strict=True):
        assert_close(gradients(loss, [packed(some)]), expected, 1e-4)
    # Catches a number that code is compiled anew for, which takes minutes with a real model.
    from torch._dynamo.utils import counters

    before = counters["stats"]["unique_graphs"]
    for seed in range(5, 12):
        some = random_rows(seed, seed=seed, common=seed)
        gradients(loss, [packed(some, shared_beginning(some))])
    assert counters["stats"]["unique_graphs"] == before


def test_a_family_with_a_window_has_rows_longer_than_it() -> None:
    # Else the equality above would prove nothing about windows.
    assert tiny_config("mistral").sliding_window == WINDOW
    assert max(row.read for row in random_rows(5)) > WINDOW


def test_the_last_token_is_predicted_but_not_read() -> None:
    row = random_rows(1)[0]
    one = packed([row])
    assert one.tokens == len(row.ids) - 1
    assert one.targets.tolist() == row.ids[row.supervised].tolist()
    assert isinstance(row, Row)
