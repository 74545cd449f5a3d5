"""A language model's training as a whole, on tiny models: what it learns, refuses, survives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language_models import on_a_processor, reversing, tiny_folder, tiny_tokenizer
from transformers import AutoConfig

from tunewise.errors import BadInput, DataError, ModelError, OutOfMemory, TaskFileError
from tunewise.progress import Silent
from tunewise.rendering.chat import Chat
from tunewise.rendering.rows import Rendered, Renderer
from tunewise.rendering.wording import wording_of
from tunewise.task.settings import FullSettings, LoraCandidateSettings
from tunewise.training.fast.model import RowsLoss
from tunewise.training.fast.packed import Row
from tunewise.training.language import fit, preflight, trainer
from tunewise.training.language.arguments import effective
from tunewise.training.language.fit import Job, TunedLanguageModel, tuned
from tunewise.training.language.memory import Foreseen


class Told(Silent):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)


def rendered(count: int) -> list[Rendered]:
    renderer = Renderer(Chat(tiny_tokenizer()), wording_of("generation", "Go.", ()))
    return renderer.rendered(reversing(count), Silent())


def job(folder: Path, model: Path, rows: int = 40, **settings: Any) -> Job:
    """Return a job on `rows` rows, a fifth of them to validate on."""
    all_rows = rendered(rows)
    given = {"learning_rate": 3e-3, "num_train_epochs": 3, "bf16": False, "train_batch_size": 8}
    kind = FullSettings if settings.pop("full", False) else LoraCandidateSettings
    chosen = kind(**(given | settings))
    arguments = effective(
        chosen, rows=rows, parameters=10**5, max_length=chosen.max_length, bf16=False, seed=0
    )
    folder.mkdir(exist_ok=True)
    cut = rows // 5
    return Job(
        train=all_rows[cut:],
        validation=all_rows[:cut],
        arguments=arguments,
        allow=chosen.allow,
        folder=folder,
        model=model,
        model_fingerprint="tiny",
        tokens_per_pass=chosen.tokens_per_pass,
    )


def losses(done: TunedLanguageModel) -> list[float]:
    return [entry["validation_loss"] for entry in done.curve if "validation_loss" in entry]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder("llama", tmp_path_factory.mktemp("llama"))


@pytest.mark.parametrize(
    "settings", [{}, {"full": True, "learning_rate": 1e-3}, {"use_dora": True}]
)
def test_training_lowers_the_loss_of_rows_it_never_saw(
    settings: dict[str, Any], llama: Path, tmp_path: Path
) -> None:
    done = tuned(job(tmp_path, llama, num_train_epochs=6, **settings), Silent())
    found = losses(done)
    assert found[-1] < 0.8 * found[0]
    assert done.validation_loss == min(found)
    assert not done.plain


@pytest.mark.parametrize("way", ["packing", "head", "lora", "prefix", "compile", "checkpointing"])
def test_a_way_switched_off_changes_nothing_but_speed(
    way: str, llama: Path, tmp_path: Path
) -> None:
    with_it = tuned(job(tmp_path / "a", llama), Silent())
    without = tuned(job(tmp_path / "b", llama, switch_off=[way]), Silent())
    assert without.plain == (way == "packing")
    assert losses(without) == pytest.approx(losses(with_it), rel=1e-4)


@pytest.mark.parametrize("budget", [64, 100, 4096])
def test_the_budget_of_a_pass_changes_nothing(budget: int, llama: Path, tmp_path: Path) -> None:
    whole = tuned(job(tmp_path / "a", llama), Silent())
    other = tuned(job(tmp_path / "b", llama, tokens_per_pass=budget), Silent())
    assert other.tokens_per_pass == budget
    assert losses(other) == pytest.approx(losses(whole), rel=1e-4)


def test_an_interrupted_training_goes_on_to_the_same_weights(llama: Path, tmp_path: Path) -> None:
    # Catches a data order that depends on where the training was taken up, and lost moments.
    through = tuned(job(tmp_path / "a", llama), Silent())
    broken = replace(job(tmp_path / "b", llama), step_seconds=0.0, epoch_seconds=0.0)
    steps = 0
    original = trainer.LanguageTrainer.training_step

    def dying(self: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 7:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.LanguageTrainer, "training_step", dying)
        with pytest.raises(KeyboardInterrupt):
            tuned(broken, Silent())
    told = Told()
    done = tuned(broken, told)
    assert any("Carrying on with step 7" in line for line in told.said), told.said
    assert losses(done) == pytest.approx(losses(through), rel=1e-6)
    theirs = dict(through.model.named_parameters())
    for name, parameter in done.model.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-5, atol=1e-6)


def test_a_truncated_checkpoint_is_never_loaded(llama: Path, tmp_path: Path) -> None:
    through = tuned(job(tmp_path / "a", llama), Silent())
    broken = replace(job(tmp_path / "b", llama), step_seconds=0.0, epoch_seconds=0.0)
    tuned(broken, Silent())
    (newest,) = broken.folder.glob("checkpoint-*")
    weights = newest / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    told = Told()
    again = tuned(broken, told)
    assert not any("Carrying on" in line for line in told.said)
    assert losses(again) == pytest.approx(losses(through), rel=1e-6)


def test_memory_running_out_makes_passes_smaller_and_the_result_stays(
    llama: Path, tmp_path: Path
) -> None:
    whole = tuned(job(tmp_path / "a", llama), Silent())
    original = RowsLoss.forward

    def small(self: Any, packed: Any) -> torch.Tensor:
        if self.training and torch.is_grad_enabled() and len(packed.starts) > 5:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return original(self, packed)

    told = Told()
    work = job(tmp_path / "b", llama, tokens_per_pass=300, switch_off=["prefix"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_trial", lambda *_: 1.0)
        patch.setattr(RowsLoss, "forward", small)
        done = tuned(work, told)
    assert any("Memory ran out" in line for line in told.said)
    assert done.tokens_per_pass < 300
    assert losses(done) == pytest.approx(losses(whole), rel=1e-4)


def test_memory_for_not_even_one_row_ends_with_a_line(llama: Path, tmp_path: Path) -> None:
    def never(self: Any, packed: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_trial", lambda *_: 1.0)
        patch.setattr(fit.preflight, "same_as_plain", lambda *_: 0.0)
        patch.setattr(RowsLoss, "forward", never)
        with pytest.raises(OutOfMemory, match="doesn't fit into memory"):
            tuned(job(tmp_path, llama), Silent())


def test_a_loss_that_rises_ends_the_training_and_the_lowest_is_kept(
    llama: Path, tmp_path: Path
) -> None:
    told = Told()
    work = job(
        tmp_path, llama, 20, full=True, learning_rate=2e-2, num_train_epochs=40,
        early_stopping_patience=2, lr_scheduler_type="constant_with_warmup",
    )  # fmt: skip
    done = tuned(work, told)
    found = losses(done)
    assert len(found) < 40
    assert done.chosen_epoch == found.index(min(found)) + 1 == len(found) - 2
    assert any("by heart" in line for line in told.said), told.said


def test_a_model_whose_rows_can_not_lie_end_to_end_is_trained_row_by_row(
    llama: Path, tmp_path: Path
) -> None:
    whole = tuned(job(tmp_path / "a", llama), Silent())
    told = Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight, "TOLERANCES", {torch.float32: -1.0})
        done = tuned(job(tmp_path / "b", llama), told)
    assert done.plain
    assert any("one by one" in line for line in told.said)
    assert losses(done) == pytest.approx(losses(whole), rel=1e-4)


def test_a_tracker_that_is_not_installed_is_refused(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match="pip install trackio"):
        tuned(job(tmp_path, llama, report_to=["trackio"]), Silent())


def _one_row(work: Job) -> Job:
    return replace(work, train=work.train[:1])


def _unsupervised(work: Job) -> Job:
    return replace(work, train=[replace(r, supervised=r.supervised & False) for r in work.train])


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (_one_row, DataError, "one row only"),
        (_unsupervised, DataError, "no answer is left"),
        (lambda work: replace(work, train=[]), DataError, "no row"),
    ],
)
def test_rows_that_teach_nothing_are_refused(
    change: Callable[[Job], Job], kind: type[Exception], says: str, llama: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=says):
        tuned(change(job(tmp_path, llama)), Silent())


def test_a_target_module_that_does_not_exist_is_named_with_the_nearest(
    llama: Path, tmp_path: Path
) -> None:
    with pytest.raises(TaskFileError, match=r"no linear layer 'q_prj'.*Did you mean 'q_proj'"):
        tuned(job(tmp_path, llama, target_modules=["q_prj"]), Silent())


def test_a_tokenizer_of_another_model_is_refused(llama: Path, tmp_path: Path) -> None:
    work = job(tmp_path, llama)
    rows = [replace(row, ids=row.ids + 50) for row in work.train]
    with pytest.raises(ModelError, match="the model knows 77 only"):
        tuned(replace(work, train=rows), Silent())


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_folder("llama", tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="trial step"):
        tuned(job(tmp_path / "work", folder), Silent())


def test_more_than_the_disk_holds_is_refused(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="are free"):
        tuned(job(tmp_path, llama), Silent())


def test_more_than_memory_holds_is_refused_with_what_would_fit(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "free_memory", lambda _: 300_000.0)
    with pytest.raises(OutOfMemory, match=r"doesn't fit.*Rows of up to"):
        tuned(job(tmp_path, llama), Silent())


@on_a_processor
def test_little_memory_recomputes_layers_and_says_so(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tuned(job(tmp_path / "a", llama), Silent())
    work = job(tmp_path / "b", llama)
    rows = [Row(row.ids, row.supervised) for row in (*work.train, *work.validation)]
    foreseen = Foreseen(AutoConfig.from_pretrained(str(llama)), work.arguments, rows)
    longest = foreseen.longest_first(0)
    between = (foreseen.peak(longest, 0) + foreseen.peak(longest, foreseen.layers)) / 2
    held = 4 * whole.total_parameters
    enough = (between - held) / preflight.USED
    monkeypatch.setattr(preflight, "free_memory", lambda _: enough)
    told = Told()
    done = tuned(work, told)
    assert done.recomputed_layers > 0
    assert any("computed twice" in line for line in told.said)
    assert losses(done) == pytest.approx(losses(whole), rel=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes")
def test_frozen_weights_in_four_bits_are_tuned_around(tmp_path: Path) -> None:
    wide = tiny_folder("llama", tmp_path / "model", hidden_size=64, intermediate_size=128)
    done = tuned(job(tmp_path / "work", wide, load_in_4bit=True, num_train_epochs=6), Silent())
    found = losses(done)
    assert found[-1] < 0.8 * found[0]
    kinds = {type(m).__name__ for m in done.model.modules()}
    assert "Linear4bit" in kinds
    assert {p.dtype for p in done.model.parameters() if p.requires_grad} == {torch.float32}
