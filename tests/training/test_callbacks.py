"""Faults these catch: an epoch chosen by noise, best weights lost, a loss that isn't seen."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from tunewise.errors import BadInput
from tunewise.training.callbacks import BestWeights, Watching


def evaluated(best: BestWeights, model: torch.nn.Linear, values: list[float]) -> None:
    """Go through epochs with these figures; the weights of epoch n are all n."""
    for epoch, value in enumerate(values, start=1):
        with torch.no_grad():
            model.weight.fill_(epoch)
        state = TrainerState(epoch=epoch)
        best.on_evaluate(
            TrainingArguments("unused"), state, TrainerControl(), {"eval_accuracy": value}
        )


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ([0.90, 0.92, 0.93], 3),
        ([0.90, 0.93, 0.92], 3),  # 1 point behind; a standard error on 400 rows is 1.4
        ([0.90, 0.95, 0.92], 2),  # 3 points behind
        ([0.95, 0.95, 0.80], 1),  # the earlier of equals
        ([1.00, 1.00], 2),
    ],
)
def test_the_last_epoch_is_kept_unless_another_is_clearly_better(
    values: list[float], chosen: int
) -> None:
    model = torch.nn.Linear(2, 1)
    best = BestWeights(model, "accuracy", rows=400)
    evaluated(best, model, values)
    assert best.restore() == (chosen, values[chosen - 1])
    assert model.weight.unique().tolist() == [chosen]


def test_the_best_weights_outlive_the_process(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    best = BestWeights(model, "accuracy", rows=400)
    evaluated(best, model, [0.9])
    best.save(tmp_path)
    other = torch.nn.Linear(2, 1)
    again = BestWeights(other, "accuracy", rows=400)
    again.load(tmp_path)
    with torch.no_grad():
        other.weight.fill_(7)
    state = TrainerState(epoch=2)
    again.on_evaluate(TrainingArguments("unused"), state, TrainerControl(), {"eval_accuracy": 0.5})
    assert again.restore() == (1, 0.9)
    assert other.weight.unique().tolist() == [1]


def test_without_validation_there_is_nothing_to_choose() -> None:
    assert BestWeights(torch.nn.Linear(2, 1), "accuracy", rows=0).restore() is None


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_training(loss: float) -> None:
    watching = Watching("encoder: x", 1e-4, bf16=True)
    with pytest.raises(BadInput, match=r"below 0\.0001, or bf16: false"):
        watching.on_log(
            TrainingArguments("unused"), TrainerState(), TrainerControl(), {"loss": loss}
        )
