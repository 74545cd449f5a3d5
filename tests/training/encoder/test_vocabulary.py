"""Faults these catch: the small embedding table trains otherwise than the whole one would."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from tiny_encoders import tiny_encoder

from tunewise.models.loading import load_encoder
from tunewise.training.encoder.vocabulary import keep_occurring_rows, put_back

IDS = torch.tensor([[2, 5, 9, 3], [2, 12, 3, 0]])


def stepped(encoder: torch.nn.Module, steps: int = 4) -> None:
    """Train towards a fixed target with AdamW, without decay, as the training does."""
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3, weight_decay=0.0)
    for _ in range(steps):
        states = encoder(input_ids=IDS, attention_mask=(IDS != 0).long()).last_hidden_state
        optimizer.zero_grad()
        (states - 1).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
def test_the_small_table_trains_exactly_as_the_whole_one(architecture: str, tmp_path: Path) -> None:
    whole = load_encoder(tiny_encoder(architecture, tmp_path / "model")).eval()
    small = copy.deepcopy(whole)
    before = whole.get_input_embeddings().weight.detach().clone()
    stepped(whole)
    table = keep_occurring_rows(small, IDS.flatten().tolist())
    stepped(small)
    put_back(small, table)
    assert small.state_dict().keys() == whole.state_dict().keys()
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], value, rtol=0, atol=1e-6)
    moved = (small.get_input_embeddings().weight.detach() != before).any(dim=1)
    assert set(moved.nonzero().flatten().tolist()) <= set(IDS.flatten().tolist())
    assert moved.sum() >= 4


def test_a_token_that_is_not_kept_is_an_error_and_not_another_token(tmp_path: Path) -> None:
    encoder = load_encoder(tiny_encoder("bert", tmp_path / "model"))
    keep_occurring_rows(encoder, [2, 3, 5])
    with pytest.raises((IndexError, RuntimeError)):
        encoder(input_ids=torch.tensor([[2, 7, 3]]))
