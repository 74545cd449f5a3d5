"""A tuned language model: rows and a base model in, weights out, with what was done on record.

Given a model's folder, rendered rows and a Job, trains in a folder that it may find half done, and
gives back the model with the chosen epoch's weights. Knows nothing of task files or predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import PartialState
from torch import nn
from transformers import TrainerCallback

from tunewise.files import value_sha256
from tunewise.models.loading import quiet_transformers
from tunewise.progress import Progress, clock, showing
from tunewise.rendering.rows import Rendered
from tunewise.training.callbacks import (
    EPOCH_SECONDS,
    STEP_SECONDS,
    HandingBack,
    Saving,
    Watching,
    figures,
)
from tunewise.training.checkpoints import delete_checkpoints, newest_whole
from tunewise.training.fast.compiled import can_compile, compile_layers, pays
from tunewise.training.fast.model import PlainLoss, RowsLoss
from tunewise.training.fast.packed import Row, packed
from tunewise.training.fast.recomputed import recompute
from tunewise.training.language import preflight
from tunewise.training.language.adapters import trainable
from tunewise.training.language.arguments import Arguments
from tunewise.training.language.callbacks import LossWatch, LowestLoss, ShowingTokens
from tunewise.training.language.memory import Fit
from tunewise.training.language.trainer import LanguageTrainer
from tunewise.version import __version__


@dataclass(frozen=True)
class Job:
    """What is to be trained.

    Attributes:
        train, validation: rendered rows; validation may be empty, then the last epoch counts.
        arguments: what to train with.
        allow: names of faults of rows to go on with.
        folder: for checkpoints.
        model: folder of the base model.
        model_fingerprint: of it; a checkpoint of another is never taken up.
        tokens_per_pass: at most; None for as many as fit and pay.
        where: what to call this training in an error.
        epoch_seconds, step_seconds: how often a checkpoint is written, see callbacks.Saving.
    """

    train: Sequence[Rendered]
    validation: Sequence[Rendered]
    arguments: Arguments
    allow: Sequence[str]
    folder: Path
    model: Path
    model_fingerprint: str
    tokens_per_pass: int | None = None
    where: str = "lora"
    epoch_seconds: float = EPOCH_SECONDS
    step_seconds: float = STEP_SECONDS


@dataclass(frozen=True)
class TunedLanguageModel:
    """What a training gave.

    Attributes:
        model: with the weights of the chosen epoch, on the CPU; a PeftModel where an adapter was
            trained.
        chosen_epoch: counted from 1; the one with the lowest validation loss.
        validation_loss: its mean over supervised tokens; None without validation rows.
        curve: what was logged, in order: step, epoch, and loss or validation loss.
        trainable_parameters, total_parameters: how many were trained, of how many.
        rows, supervised_tokens, tokens: of the training rows.
        longest_answer: its tokens.
        tokens_per_second: over the training steps of this process; None if it did none.
        tokens_per_pass, recomputed_layers, compiled, plain: how it was computed.
        difference: of the fast loss to the plain one before training, as a share.
    """

    model: nn.Module
    chosen_epoch: int
    validation_loss: float | None
    curve: list[dict[str, float]]
    trainable_parameters: int
    total_parameters: int
    rows: int
    supervised_tokens: int
    tokens: int
    longest_answer: int
    tokens_per_second: float | None
    tokens_per_pass: int
    recomputed_layers: int
    compiled: bool
    plain: bool
    difference: float | None


@dataclass
class _Prepared:
    """A model and its rows, looked over and ready to be trained."""

    loss: RowsLoss | PlainLoss
    train: list[Row]
    validation: list[Row]
    key: str
    trained: int
    fit: Fit
    compiled: bool
    difference: float | None


def tuned(job: Job, progress: Progress) -> TunedLanguageModel:
    """Tune a language model, carrying on from a checkpoint in the job's folder if one is whole.

    Checkpoints are left in the folder, so that they outlive whoever saves the model;
    `delete_checkpoints` removes them.

    Raises:
        DataError, ModelError, TaskFileError, DiskFull, OutOfMemory: what preflight found.
        BadInput: the loss isn't finite.
    """
    prepared = _prepared(job, progress)
    with quiet_transformers():
        best, speed, curve, budget = _trained(prepared, job, progress)
    epoch, value = best.restore() or (job.arguments.num_train_epochs, None)
    model = prepared.loss.model.to("cpu").eval()
    return TunedLanguageModel(
        model=model,
        chosen_epoch=epoch,
        validation_loss=value,
        curve=curve,
        trainable_parameters=prepared.trained,
        total_parameters=sum(p.numel() for p in model.parameters()),
        rows=len(prepared.train),
        supervised_tokens=sum(row.targets for row in prepared.train),
        tokens=sum(len(row.ids) for row in prepared.train),
        longest_answer=max(row.targets for row in prepared.train),
        tokens_per_second=speed,
        tokens_per_pass=budget,
        recomputed_layers=prepared.fit.recomputed,
        compiled=prepared.compiled,
        plain=isinstance(prepared.loss, PlainLoss),
        difference=prepared.difference,
    )


def device() -> torch.device:
    """Return where models are trained on this machine; with several cards, this process's."""
    found: torch.device = processes().device
    return found


def processes() -> PartialState:
    """Return which of the training's processes this one is; the only one, unless launched so."""
    return PartialState(cpu=not torch.cuda.is_available())


def _prepared(job: Job, progress: Progress) -> _Prepared:
    """Look over all that can be known to go wrong, and make ready what is trained."""
    arguments, most = job.arguments, job.arguments.max_length
    preflight.check_trackers(arguments.report_to, job.where)
    train = preflight.rows_to_train(job.train, most, job.allow, progress, least=2)
    validation = preflight.rows_to_train(job.validation, most, job.allow, progress, least=0)
    where = device()
    model = trainable(job.model, arguments, where, job.where)
    preflight.check_tokens(train, model, job.where)
    trained = preflight.check_trainable(model, job.where)
    preflight.check_disk(model, job.folder, keeps_all=arguments.method == "full")
    fit = preflight.fit_into_memory(
        model,
        [*train, *validation],
        where,
        asked=job.tokens_per_pass,
        arguments=arguments,
        where=job.where,
        progress=progress,
    )
    loss, difference = _loss(model, train, arguments, progress)
    if fit.recomputed:
        recompute(loss.causal, fit.recomputed)
        layers = loss.causal.config.get_text_config().num_hidden_layers
        progress.line(
            f"To fit into memory, {fit.recomputed} of {layers} layers are computed twice."
        )
    seconds = _trial(loss, train, fit.budget, job, where)
    compiled = _compiled(loss, seconds, arguments, where, progress)
    return _Prepared(
        loss, train, validation, _key(job, train, validation), trained, fit, compiled, difference
    )


def _loss(
    model: nn.Module, rows: Sequence[Row], arguments: Arguments, progress: Progress
) -> tuple[RowsLoss | PlainLoss, float | None]:
    """Return the fast loss where it is the plain one, else the plain one, and say so."""
    if "packing" in arguments.switched_off:
        return PlainLoss(model), None
    own = model.config._attn_implementation
    fast = RowsLoss(model, supervised_head="head" not in arguments.switched_off)
    difference = preflight.same_as_plain(fast, rows, own)
    if difference is not None:
        return fast, difference
    fast.causal.set_attn_implementation(own)
    progress.warn(
        "This model's rows can't be laid end to end (the loss isn't the same), so they are computed"
        " one by one, which takes several times as long."
    )
    return PlainLoss(model), None


def _trial(
    loss: nn.Module, rows: Sequence[Row], budget: int, job: Job, where: torch.device
) -> float:
    """Do a step on the longest rows; return the seconds that the whole training would take."""
    longest = sorted(rows, key=lambda row: -row.read)
    some = longest[:1]
    while len(some) < len(longest) and sum(r.read for r in some) + longest[len(some)].read < budget:
        some.append(longest[len(some)])
    batch = packed(some).to(where)
    seconds = preflight.check_step(loss, batch, job.where)
    tokens = sum(row.read for row in rows) * job.arguments.num_train_epochs
    return seconds * tokens / batch.tokens


def _compiled(
    loss: RowsLoss | PlainLoss,
    seconds: float,
    arguments: Arguments,
    where: torch.device,
    progress: Progress,
) -> bool:
    """Compile the layers if the training is long enough to repay it; return whether."""
    if "compile" in arguments.switched_off or isinstance(loss, PlainLoss):
        return False
    if not pays(seconds, where.type):
        return False
    if not can_compile(where.type):
        progress.line(
            f"The training takes about {clock(seconds)}; with a C++ compiler (g++) on this machine"
            " it would be faster."
        )
        return False
    compile_layers(loss.causal)
    return True


def _key(job: Job, train: Sequence[Row], validation: Sequence[Row]) -> str:
    def plain(rows: Sequence[Row]) -> list[list[list[int]]]:
        return [[row.ids.tolist(), row.supervised.astype(int).tolist()] for row in rows]

    return value_sha256(
        {
            "tunewise": __version__,
            "model": job.model_fingerprint,
            "arguments": asdict(job.arguments),
            "train": plain(train),
            "validation": plain(validation),
        }
    )


def _trained(
    prepared: _Prepared, job: Job, progress: Progress
) -> tuple[LowestLoss, float | None, list[dict[str, float]], int]:
    """Train from the newest whole checkpoint or from the start; return best weights and figures."""
    arguments = job.arguments
    state = processes()
    checkpoint = newest_whole(job.folder, prepared.key)
    state.wait_for_everyone()  # before one of them deletes what others still look at
    if state.is_main_process:
        delete_checkpoints(job.folder, keep=checkpoint)
    best = LowestLoss(prepared.loss, len(prepared.validation), arguments.patience)
    done = 0
    if checkpoint is not None:
        best.load(checkpoint)
        done = int(checkpoint.name.rpartition("-")[2])
    per_epoch = math.ceil(len(prepared.train) / arguments.train_batch_size)
    steps = per_epoch * arguments.num_train_epochs
    if done:
        progress.line(f"Carrying on with step {done + 1:,} of {steps:,}.")
    with showing(progress, "Training", steps, "steps") as bar:
        bar.advance(done)
        shown = ShowingTokens(bar, lambda: trainer.tokens)
        watching: list[TrainerCallback] = [
            HandingBack(),
            shown,
            Saving(per_epoch, job.epoch_seconds, job.step_seconds),
            Watching(job.where, arguments.learning_rate, bf16=arguments.bf16),
            LossWatch(progress, arguments.learning_rate),
        ]
        trainer = LanguageTrainer(
            prepared.loss,
            arguments,
            prepared.train,
            prepared.validation,
            budget=prepared.fit.budget,
            share_beginnings=_shares_beginnings(prepared, arguments),
            folder=job.folder,
            key=prepared.key,
            best=best,
            callbacks=watching,
            progress=progress,
        )
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    curve = [figures(entry) for entry in trainer.state.log_history]
    return best, shown.speed, curve, trainer.budget


def _shares_beginnings(prepared: _Prepared, arguments: Arguments) -> bool:
    """Whether what rows have in common at their beginning is computed once per pass.

    That is exact only while each row sees all of it, and while nothing is drawn at random.
    """
    if "prefix" in arguments.switched_off or isinstance(prepared.loss, PlainLoss):
        return False
    dropout = (arguments.lora or {}).get("lora_dropout", 0.0)
    window = getattr(prepared.loss.causal.config.get_text_config(), "sliding_window", None)
    longest = max(row.read for row in prepared.train)
    on_cuda = device().type == "cuda"  # its attention of rows of unlike lengths shares nothing
    return not dropout and not on_cuda and (window is None or window >= longest)
