"""A fine-tuned encoder: examples and a base model in, weights out, with what was done on record.

Given an encoder, its tokenizer and a Job, trains in a folder that it may find half done, and
gives back the classifier with the chosen epoch's weights. Knows nothing of task files or
predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tunewise.files import value_sha256
from tunewise.models.loading import quiet_transformers
from tunewise.progress import Progress, showing
from tunewise.training.callbacks import (
    EPOCH_SECONDS,
    STEP_SECONDS,
    BestWeights,
    HandingBack,
    Saving,
    Showing,
    Watching,
    figures,
)
from tunewise.training.checkpoints import delete_checkpoints, newest_whole
from tunewise.training.encoder import preflight
from tunewise.training.encoder.arguments import Arguments
from tunewise.training.encoder.batches import LabelledRows, Padding, tokenised
from tunewise.training.encoder.classifier import EncoderClassifier, Pooling
from tunewise.training.encoder.head_start import pooled_states, start_head
from tunewise.training.encoder.trainer import EncoderTrainer
from tunewise.training.encoder.vocabulary import keep_occurring_rows, put_back
from tunewise.version import __version__


@dataclass(frozen=True)
class Texts:
    """Texts, and the index of each one's label."""

    texts: Sequence[str]
    labels: Sequence[int]


@dataclass(frozen=True)
class Job:
    """What is to be trained.

    Attributes:
        train, validation: the rows; validation may be empty, then the last epoch counts.
        labels: all labels; the rows' indices point into it.
        arguments: what to train with.
        folder: for checkpoints.
        model_fingerprint: of the base model; a checkpoint of another is never taken up.
        where: what to call this training in an error.
        epoch_seconds, step_seconds: how often a checkpoint is written, see callbacks.Saving.
    """

    train: Texts
    validation: Texts
    labels: Sequence[str]
    arguments: Arguments
    folder: Path
    model_fingerprint: str
    where: str = "encoder"
    epoch_seconds: float = EPOCH_SECONDS
    step_seconds: float = STEP_SECONDS


@dataclass(frozen=True)
class Tuned:
    """What a training gave.

    Attributes:
        model: the classifier with the weights of the chosen epoch, on the CPU.
        chosen_epoch: counted from 1; the last, unless an earlier one is clearly better on
            validation, see callbacks.BestWeights.
        metric: its value then; None without validation rows.
        curve: what was logged, in order: step, epoch, and loss or validation figures.
        trainable_parameters, total_parameters: how many were trained, of how many. Of the token
            embedding only the rows that occur are trained.
        examples_per_second: over the training steps of this process; None if it did none.
        cut_texts: texts longer than max_length.
    """

    model: EncoderClassifier
    chosen_epoch: int
    metric: float | None
    curve: list[dict[str, float]]
    trainable_parameters: int
    total_parameters: int
    examples_per_second: float | None
    cut_texts: int


@dataclass(frozen=True)
class _Prepared:
    """Tokenised rows, the padding that goes with them, and the key of the training."""

    train: LabelledRows
    validation: LabelledRows
    padding: Padding
    key: str
    cut: int

    @property
    def occurring(self) -> set[int]:
        """All tokens that the model will be shown while training."""
        both = (*self.train.ids, *self.validation.ids)
        return {token for ids in both for token in ids} | {self.padding.pad_token_id}


def tuned(encoder: nn.Module, tokenizer: Any, job: Job, progress: Progress) -> Tuned:
    """Fine-tune `encoder`, carrying on from a checkpoint in the job's folder if one is whole.

    Checkpoints are left in the folder, so that they outlive whoever saves the model;
    `delete_checkpoints` removes them.

    Args:
        encoder: a model without head, in float32; wrapped by PEFT for LoRA. Changed in place.
        tokenizer: its tokenizer.
        job: what is to be trained.
        progress: shows what goes on.

    Raises:
        DataError, ModelError, DiskFull: what preflight found.
        BadInput: the loss isn't finite.
    """
    preflight.check_labels(job.train.labels, job.labels)
    prepared = _prepared(tokenizer, job, progress)
    hidden = encoder.config.get_text_config().hidden_size
    model = EncoderClassifier(encoder, len(job.labels), hidden, job.arguments.pooling)
    total = sum(p.numel() for p in model.parameters())
    whole = None
    embedding = encoder.get_input_embeddings()
    if embedding.weight.requires_grad and type(embedding) is nn.Embedding:  # others may scale
        whole = keep_occurring_rows(encoder, prepared.occurring)
    model.to(device())
    preflight.check_step(model, prepared.train, prepared.padding, job.arguments, job.where)
    preflight.check_disk(model, job.folder)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    with quiet_transformers():
        best, speed, curve = _trained(model, prepared, job, progress)
    epoch, metric = best.restore() or (job.arguments.num_train_epochs, None)
    model.to("cpu").eval()
    if whole is not None:
        put_back(encoder, whole)
    return Tuned(
        model=model,
        chosen_epoch=epoch,
        metric=metric,
        curve=curve,
        trainable_parameters=trained,
        total_parameters=total,
        examples_per_second=speed,
        cut_texts=prepared.cut,
    )


def device() -> torch.device:
    """Return where models are trained on this machine."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def end_token(tokenizer: Any, pooling: Pooling) -> int | None:
    """Return the token that ends each row: of a language model, which is read off there."""
    return None if pooling == "mean" else tokenizer.eos_token_id


def _prepared(tokenizer: Any, job: Job, progress: Progress) -> _Prepared:
    most = job.arguments.max_length
    end = end_token(tokenizer, job.arguments.pooling)
    train = tokenised(tokenizer, job.train.texts, most, end)
    validation = tokenised(tokenizer, job.validation.texts, most, end)
    cut, rows = train.cut + validation.cut, len(train.ids) + len(validation.ids)
    preflight.check_lengths(cut, rows, most, progress)
    key = value_sha256(
        {
            "tunewise": __version__,
            "model": job.model_fingerprint,
            "arguments": asdict(job.arguments),
            "train": [train.ids, list(job.train.labels)],
            "validation": [validation.ids, list(job.validation.labels)],
            "labels": list(job.labels),
        }
    )
    return _Prepared(
        LabelledRows(train.ids, job.train.labels),
        LabelledRows(validation.ids, job.validation.labels),
        Padding(tokenizer.pad_token_id or 0),
        key,
        cut,
    )


def _trained(
    model: EncoderClassifier, prepared: _Prepared, job: Job, progress: Progress
) -> tuple[BestWeights, float | None, list[dict[str, float]]]:
    """Train from the newest whole checkpoint or from the start; return best weights and figures."""
    arguments = job.arguments
    checkpoint = newest_whole(job.folder, prepared.key)
    delete_checkpoints(job.folder, keep=checkpoint)
    best = BestWeights(model, arguments.metric, len(prepared.validation))
    if checkpoint is None:
        _start(model, prepared, arguments, progress)
        done = 0
    else:
        best.load(checkpoint)
        done = int(checkpoint.name.rpartition("-")[2])
    per_epoch = math.ceil(len(prepared.train) / arguments.per_device_train_batch_size)
    steps = per_epoch * arguments.num_train_epochs
    if done:
        progress.line(f"Carrying on with step {done + 1:,} of {steps:,}.")
    with showing(progress, "Training", steps, "steps") as bar:
        bar.advance(done)
        shown = Showing(bar, len(prepared.train), per_epoch)
        trainer = EncoderTrainer(
            model,
            arguments,
            prepared.train,
            prepared.validation,
            padding=prepared.padding,
            folder=job.folder,
            key=prepared.key,
            best=best,
            callbacks=[
                HandingBack(),
                shown,
                Saving(per_epoch, job.epoch_seconds, job.step_seconds),
                Watching(job.where, arguments.learning_rate, bf16=arguments.bf16),
            ],
        )
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return best, shown.speed, [figures(entry) for entry in trainer.state.log_history]


def _start(
    model: EncoderClassifier, prepared: _Prepared, arguments: Arguments, progress: Progress
) -> None:
    rows = prepared.train
    with showing(progress, "Reading training rows", len(rows)) as bar:
        states = pooled_states(
            model, rows.ids, prepared.padding, bf16=arguments.bf16, advance=bar.advance
        )
    start_head(model, states, rows.labels)
