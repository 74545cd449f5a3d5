"""The arguments of one training, all of them effective: nothing is left to be decided later.

Given the user's settings and the number of rows, gives back what is trained with, spelled as in
transformers.TrainingArguments. The defaults' measurements are in docs/encoder.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tunewise.task.settings import ClassifierSettings, EncoderSettings, LoraSettings
from tunewise.training.encoder.classifier import Pooling
from tunewise.training.language.arguments import default_rate

if TYPE_CHECKING:
    from transformers import TrainingArguments

LOG_STEPS = 10
EVAL_BATCH_SIZE = 64
BIG = 50_000_000  # parameters from which on an encoder wants smaller steps


@dataclass(frozen=True, slots=True)
class Arguments:
    """What one training is done with.

    Attributes:
        learning_rate: of the encoder (or its adapter), after warm-up.
        head_learning_rate: of the classification head.
        lora: settings of the adapter, None when all weights are tuned.
        metric: of the validation rows, by which the epoch is chosen.
        pooling: what the head reads, see classifier.py.
        The others: as in transformers.TrainingArguments.
    """

    learning_rate: float
    head_learning_rate: float
    num_train_epochs: int
    per_device_train_batch_size: int
    weight_decay: float
    warmup_ratio: float
    lr_scheduler_type: str
    max_grad_norm: float
    max_length: int
    bf16: bool
    seed: int
    lora: dict[str, object] | None
    metric: str = "accuracy"
    pooling: Pooling = "mean"


def effective(
    settings: EncoderSettings, *, rows: int, parameters: int, max_length: int, bf16: bool, seed: int
) -> Arguments:
    """Return the arguments for a training on `rows` rows of a model of so many `parameters`."""
    lora = lora_settings(settings)
    causal = isinstance(settings, ClassifierSettings)
    usual = default_rate if causal else default_learning_rate
    rate = settings.learning_rate or usual(parameters, lora=lora is not None)
    return Arguments(
        learning_rate=rate,
        head_learning_rate=rate,
        num_train_epochs=settings.num_train_epochs or default_epochs(rows),
        per_device_train_batch_size=settings.per_device_train_batch_size,
        weight_decay=settings.weight_decay,
        warmup_ratio=settings.warmup_ratio,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        max_length=max_length,
        bf16=bf16,
        seed=seed,
        lora=lora.model_dump() if lora else None,
        pooling="last" if causal else "mean",
    )


def lora_settings(settings: EncoderSettings) -> LoraSettings | None:
    """Return the adapter's settings, None when all weights are tuned."""
    if isinstance(settings.lora, LoraSettings):
        return settings.lora
    return LoraSettings() if settings.lora else None


def default_learning_rate(parameters: int, *, lora: bool) -> float:
    """Return the learning rate by method and size of the model."""
    if lora:
        return 1e-3
    return 5e-5 if parameters > BIG else 1e-4


def default_epochs(rows: int) -> int:
    """Return more epochs for fewer rows."""
    return max(3, min(10, round(15_000 / rows)))


def training_arguments(arguments: Arguments, folder: Path, *, validates: bool) -> TrainingArguments:
    """Return them as Trainer wants them: silent, with no tracker and no files but checkpoints."""
    # A plan reads arguments, and needs neither Trainer nor the seconds that importing it takes.
    from transformers import TrainingArguments

    from tunewise.training.sealed import shared_arguments

    return TrainingArguments(
        **shared_arguments(folder, validates=validates),
        learning_rate=arguments.learning_rate,
        num_train_epochs=arguments.num_train_epochs,
        per_device_train_batch_size=arguments.per_device_train_batch_size,
        per_device_eval_batch_size=EVAL_BATCH_SIZE,
        weight_decay=arguments.weight_decay,
        warmup_steps=arguments.warmup_ratio,  # a value below 1 is a share of all steps
        lr_scheduler_type=arguments.lr_scheduler_type,
        max_grad_norm=arguments.max_grad_norm,
        bf16=arguments.bf16,
        seed=arguments.seed,
        logging_steps=LOG_STEPS,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
    )
