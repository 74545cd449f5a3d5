"""Faults these catch: a foreseen peak that a training doesn't have, a pass that wouldn't fit.

What is foreseen is held against the real trainer, whose tensors the same ledger notes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language_models import FAMILIES, on_a_processor, random_rows, tiny_config, tiny_folder

from tunewise.models.loading import quiet_transformers
from tunewise.progress import Silent
from tunewise.task.settings import FullSettings, LoraCandidateSettings
from tunewise.tracing.ledger import Ledger
from tunewise.training.fast.model import RowsLoss
from tunewise.training.fast.packed import Row
from tunewise.training.fast.recomputed import recompute
from tunewise.training.language.adapters import trainable
from tunewise.training.language.arguments import Arguments, effective
from tunewise.training.language.callbacks import LowestLoss
from tunewise.training.language.memory import Foreseen, carried_on
from tunewise.training.language.traced import Step, Traceable
from tunewise.training.language.trainer import LanguageTrainer

WIDE = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4}


def arguments_of(
    kind: type = LoraCandidateSettings, *, bf16: bool = False, **more: Any
) -> Arguments:
    given = (
        {"num_train_epochs": 2, "train_batch_size": 8, "r": 8}
        if kind is LoraCandidateSettings
        else {"num_train_epochs": 2, "train_batch_size": 8}
    )
    settings = kind(**(given | more))
    return effective(settings, rows=8, parameters=10**6, max_length=512, bf16=bf16, seed=0)


def even_rows(count: int, length: int, learnt: int = 10) -> list[Row]:
    rows = random_rows(count, longest=5)
    found = []
    for row in rows:
        ids = row.ids[:1].repeat(length + 1)
        supervised = torch.zeros(length + 1, dtype=torch.bool).numpy()
        supervised[-learnt:] = True
        found.append(Row(ids, supervised))
    return found


def measured(folder: Path, arguments: Arguments, rows: list[Row], layers: int, work: Path) -> int:
    """Return the peak of the real trainer's tensors over two epochs of one step of two passes."""
    with quiet_transformers():
        model = trainable(folder, arguments, torch.device("cpu"), "test")
        loss = RowsLoss(model)
        recompute(loss.causal, layers)
        trainer = LanguageTrainer(
            loss, arguments, rows, rows[:2], budget=sum(row.read for row in rows) // 2,
            share_beginnings=False, folder=work, key="key", best=LowestLoss(loss, 2, 9),
            callbacks=[], progress=Silent(),
        )  # fmt: skip
        ledger = Ledger()
        ledger.note_all([*loss.parameters(), *loss.buffers()], "weights")
        with ledger:
            trainer.train()
    return ledger.trace().peak


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder("llama", tmp_path_factory.mktemp("wide") / "model", **WIDE)


@on_a_processor
@pytest.mark.parametrize(
    ("kind", "bf16", "layers"),
    [
        (LoraCandidateSettings, False, 0),
        (LoraCandidateSettings, True, 4),
        (FullSettings, False, 0),
        (FullSettings, True, 0),
    ],
)
def test_the_foreseen_peak_is_that_of_the_real_trainer(
    wide: Path, tmp_path: Path, kind: type, bf16: bool, layers: int
) -> None:
    arguments = arguments_of(kind, bf16=bf16)
    rows = even_rows(8, 100)
    config = tiny_config("llama", **WIDE)
    foreseen = Traceable(config, arguments).trace(Step(rows[:4], layers, keeps_best=True)).peak
    real = measured(wide, arguments, rows, layers, tmp_path)
    assert foreseen == pytest.approx(real, rel=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_layers_carried_on_are_all_of_them(family: str) -> None:
    shape = {"num_hidden_layers": 12} if family != "gemma3" else {}
    config = tiny_config(family, **shape)
    if family == "gemma3":
        config.num_hidden_layers = 12
        config.layer_types = ["sliding_attention", "full_attention"] * 6
    step = Step(even_rows(3, 40), on_cuda=family in ("llama", "qwen2"))
    arguments = arguments_of(bf16=step.on_cuda)
    for recomputed in (0, 12):
        one = replace(step, recomputed=recomputed)
        whole, carried = Traceable(config, arguments).trace(one), carried_on(config, arguments, one)
        assert carried.peak == pytest.approx(whole.peak, rel=1e-3)
        assert carried.all_flops == whole.all_flops
        assert sum(carried.kinds.values()) == carried.peak


def test_on_a_card_attention_keeps_nothing_that_grows_with_the_square() -> None:
    config, arguments = tiny_config("llama", **WIDE), arguments_of(bf16=True)

    def grows(cuda: bool) -> float:
        short, long = (
            Traceable(config, arguments).trace(Step(even_rows(1, n), on_cuda=cuda)).kinds["forward"]
            for n in (128, 512)
        )
        return long / short

    assert grows(cuda=True) == pytest.approx(4, rel=0.05)
    assert grows(cuda=False) > 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes")
def test_frozen_weights_in_four_bits_take_a_quarter_of_those_in_bf16() -> None:
    pytest.importorskip("bitsandbytes")
    shape = WIDE | {"hidden_size": 256, "intermediate_size": 1024}
    config = tiny_config("llama", **shape)
    rows = even_rows(2, 40)
    plain, packed = (
        Traceable(config, arguments_of(bf16=True, load_in_4bit=four)).trace(
            Step(rows, on_cuda=True)
        )
        for four in (False, True)
    )
    share = packed.kinds["frozen weights"] / plain.kinds["frozen weights"]
    assert 0.25 < share < 0.35  # embeddings, head and norms stay in bfloat16
    assert packed.all_flops == pytest.approx(plain.all_flops, rel=0.05)


class TestFit:
    """What memory there is decides tokens per pass and layers computed anew."""

    @pytest.fixture
    def seen(self) -> Foreseen:
        return Foreseen(tiny_config("llama", **WIDE), arguments_of(), even_rows(16, 60))

    def test_plenty_means_what_was_asked_and_nothing_anew(self, seen: Foreseen) -> None:
        found = seen.fit(1e12, 480)
        assert found is not None
        assert (found.budget, found.recomputed) == (480, 0)

    def test_what_is_found_fits_and_a_layer_fewer_would_not(self, seen: Foreseen) -> None:
        alone = seen.longest_first(0)
        none, every = seen.peak(alone, 0), seen.peak(alone, seen.layers)
        room = 0.4 * none + 0.6 * every
        found = seen.fit(room, 480)
        assert found is not None
        assert 0 < found.recomputed < seen.layers
        real = Traceable(seen.config, seen.arguments).trace(
            Step(alone, found.recomputed, keeps_best=True)
        )
        assert real.peak <= room
        fewer = Traceable(seen.config, seen.arguments).trace(
            Step(alone, found.recomputed - 2, keeps_best=True)
        )
        assert fewer.peak > room

    def test_a_smaller_pass_is_taken_before_layers_are_computed_anew(self, seen: Foreseen) -> None:
        room = (seen.peak(seen.longest_first(0), 0) + seen.peak(seen.longest_first(480), 0)) / 2
        found = seen.fit(room, 480)
        assert found is not None
        assert found.recomputed == 0
        assert 60 <= found.budget < 480
        real = seen.trace(seen.longest_first(found.budget), 0)
        assert real.peak <= room

    def test_a_pass_between_two_is_on_the_line_between_them(self, seen: Foreseen) -> None:
        some = seen.longest_first(240)
        for layers in (0, seen.layers):
            line, real = seen.between(480, 240, layers), replace(seen).trace(some, layers)
            assert line.peak == pytest.approx(real.peak, rel=0.02)
            assert sum(line.kinds.values()) == line.peak
            assert line.all_flops == pytest.approx(real.all_flops, rel=0.01)

    def test_too_little_is_none_and_says_how_long_a_row_may_be(self, seen: Foreseen) -> None:
        every = seen.peak(seen.longest_first(0), seen.layers)
        assert seen.fit(every - 1, 480) is None
        assert 0 <= seen.longest_that_fits(every - 1) < 60
        assert seen.fit(0.9 * every + 0.1 * seen.peak(seen.longest_first(0), 0), 480,
                        may_recompute=False) is None  # fmt: skip


@pytest.mark.parametrize("four", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes")
def test_a_model_traced_before_is_traced_as_if_it_were_new(four: bool) -> None:
    if four:
        pytest.importorskip("bitsandbytes")
    config, arguments = tiny_config("llama", **WIDE), arguments_of(bf16=True, load_in_4bit=four)
    steps = [
        Step(even_rows(rows, 40), layers, on_cuda=cuda)
        for rows, layers, cuda in [(1, 0, False), (3, 4, True), (2, 0, True), (1, 4, False)]
    ]
    reused = Traceable(config, arguments)
    for step in [*steps, *reversed(steps)]:
        assert reused.trace(step) == Traceable(config, arguments).trace(step)
