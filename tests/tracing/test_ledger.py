"""Faults these catch: a storage counted twice or kept, a view counted, a fake that differs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tunewise.tracing.fakes import faked, fakes, on_meta
from tunewise.tracing.flops import attention_flops
from tunewise.tracing.ledger import Ledger

FLOAT = 4


def test_what_is_let_go_leaves_the_sum_and_views_add_nothing() -> None:
    with Ledger() as ledger:
        a = torch.zeros(1000)
        b = a.view(10, 100).t()
        c = torch.ones(500)
        del c
        d = torch.ones(300)
    trace = ledger.trace()
    assert trace.peak == 1500 * FLOAT
    assert b.shape == (100, 10)
    assert d.numel() == 300


def test_kinds_sum_to_the_peak_and_gradients_are_told_from_activations() -> None:
    layer = nn.Linear(64, 64)
    ledger = Ledger()
    with ledger:
        ledger.note_all(layer.parameters(), "trained weights")
        ledger.begin("forward")
        loss = layer(torch.ones(8, 64)).square().sum()
        ledger.begin("backward")
        loss.backward()
        ledger.note_all((p.grad for p in layer.parameters()), "gradients")
    trace = ledger.trace()
    assert sum(trace.kinds.values()) == trace.peak
    assert trace.kinds["trained weights"] == (64 * 64 + 64) * FLOAT
    assert trace.kinds["gradients"] == (64 * 64 + 64) * FLOAT
    assert trace.kinds["forward"] > 0


def test_what_goes_within_the_operation_after_the_peak_still_belongs_to_it() -> None:
    with Ledger() as ledger:
        for _ in range(3):
            a = torch.ones(100)
            b = a + torch.ones(100)  # both let go before the next operation
            del a, b
    trace = ledger.trace()
    assert sum(trace.kinds.values()) == trace.peak == 3 * 100 * FLOAT


def test_products_are_counted_forward_backward_and_in_place() -> None:
    with Ledger() as ledger:
        a = torch.ones(5, 7, requires_grad=True)
        (a @ torch.ones(7, 3)).sum().backward()
        torch.zeros(5, 3).addmm_(torch.ones(5, 7), torch.ones(7, 3))
    assert ledger.trace().all_flops == 3 * 2 * 5 * 7 * 3


def test_attention_of_rows_counts_half_of_the_square() -> None:
    query = torch.empty(512, 4, 64, device="meta")
    whole = 2 * 2 * 4 * 512 * 512 * 64  # two products of every token with every other
    assert attention_flops(query, 512, 2) == whole // 2


@pytest.mark.parametrize("tied", [True, False])
def test_fakes_keep_ties_and_take_the_bytes_of_real_tensors(tied: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(50, 16), nn.Linear(16, 50, bias=False)
            if tied:
                self.head.weight = self.embed.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.embed(ids)).logsumexp(-1).sum()

    def traced(model: nn.Module, ids: torch.Tensor) -> int:
        with Ledger() as ledger:
            ledger.note_all(model.parameters(), "weights")
            model(ids).backward()
        return ledger.trace().peak

    real = traced(Model(), torch.ones(8, dtype=torch.long))
    with fakes():
        model = faked(on_meta(Model))
        assert (model.head.weight is model.embed.weight) == tied
        assert traced(model, torch.ones(8, dtype=torch.long)) == real
