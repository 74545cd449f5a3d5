"""The arguments of one training of a language model, all of them effective.

Given the user's settings, the number of rows and the model's size, gives back what is trained
with, spelled as in transformers.TrainingArguments and peft.LoraConfig. Where the defaults come from
is told in docs/training.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunewise.task.settings import LoraCandidateSettings, TuningSettings

if TYPE_CHECKING:
    from transformers import TrainingArguments

LOG_STEPS = 5
RATES = ((400e6, 3e-3), (2e9, 5e-4), (1e10, 2e-4))  # of LoRA, by parameters up to which they hold
LARGEST_RATE = 1e-4  # of LoRA beyond
FULL = 0.1  # of LoRA's learning rate, when all weights are tuned
Method = Literal["lora", "full"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe sets where the user doesn't.

    Attributes:
        examples: rows times epochs to aim at.
        fewest, most: epochs.
        patience: epochs without a lower validation loss after which the training stops.
    """

    examples: int
    fewest: int
    most: int
    patience: int


RECIPES = {
    "quick": Recipe(examples=1_000, fewest=1, most=3, patience=1),
    "balanced": Recipe(examples=3_000, fewest=2, most=6, patience=2),
    "thorough": Recipe(examples=8_000, fewest=3, most=10, patience=3),
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What one training is done with.

    Attributes:
        method: 'lora' or 'full'.
        train_batch_size: rows of one step, over all passes and processes.
        lora: settings of the adapter as peft.LoraConfig takes them, None when all weights are
            tuned.
        load_in_4bit: whether the frozen weights are in NF4 (QLoRA).
        patience: epochs without a lower validation loss after which the training stops.
        switched_off: ways to save work that aren't taken.
        report_to: trackers that are told of the training.
        The others: as in transformers.TrainingArguments.
    """

    method: Method
    learning_rate: float
    num_train_epochs: int
    train_batch_size: int
    weight_decay: float
    warmup_ratio: float
    lr_scheduler_type: str
    max_grad_norm: float
    max_length: int
    bf16: bool
    seed: int
    lora: dict[str, object] | None
    load_in_4bit: bool
    patience: int
    train_on: str
    switched_off: tuple[str, ...]
    report_to: tuple[str, ...] = ()


def effective(
    settings: TuningSettings, *, rows: int, parameters: int, max_length: int, bf16: bool, seed: int
) -> Arguments:
    """Return the arguments for a training on `rows` rows of a model of so many `parameters`."""
    recipe = RECIPES[settings.recipe]
    lora = settings if isinstance(settings, LoraCandidateSettings) else None
    return Arguments(
        method="lora" if lora else "full",
        learning_rate=settings.learning_rate or default_rate(parameters, lora=lora is not None),
        num_train_epochs=epochs_of(settings, rows),
        train_batch_size=settings.train_batch_size,
        weight_decay=settings.weight_decay,
        warmup_ratio=settings.warmup_ratio,
        lr_scheduler_type=settings.lr_scheduler_type,
        max_grad_norm=settings.max_grad_norm,
        max_length=max_length,
        bf16=bf16,
        seed=seed,
        lora=adapter_settings(lora) if lora else None,
        load_in_4bit=lora.load_in_4bit if lora else False,
        patience=settings.early_stopping_patience or recipe.patience,
        train_on=settings.train_on,
        switched_off=tuple(sorted(settings.switch_off)),
        report_to=tuple(sorted(settings.report_to)),
    )


def adapter_settings(settings: LoraCandidateSettings) -> dict[str, object]:
    """Return an adapter's settings as peft.LoraConfig takes them."""
    return {
        "r": settings.r,
        "lora_alpha": settings.lora_alpha or 2 * settings.r,
        "lora_dropout": settings.lora_dropout,
        "target_modules": settings.target_modules,
        "use_dora": settings.use_dora,
        "use_rslora": settings.use_rslora,
    }


def default_rate(parameters: int, *, lora: bool) -> float:
    """Return the learning rate by method and size of the model."""
    rate = next((rate for size, rate in RATES if parameters <= size), LARGEST_RATE)
    return rate if lora else FULL * rate


def epochs_of(settings: TuningSettings, rows: int) -> int:
    """Return the passes over so many rows at most."""
    return settings.num_train_epochs or default_epochs(rows, RECIPES[settings.recipe])


def default_epochs(rows: int, recipe: Recipe) -> int:
    """Return more epochs for fewer rows."""
    return max(recipe.fewest, min(recipe.most, round(recipe.examples / max(rows, 1))))


def training_arguments(arguments: Arguments, folder: Path, *, validates: bool) -> TrainingArguments:
    """Return them as Trainer wants them: silent, with no tracker and no files but checkpoints."""
    # A plan reads arguments, and needs neither Trainer nor the seconds that importing it takes.
    from transformers import TrainingArguments

    from tunewise.training.sealed import shared_arguments

    return TrainingArguments(
        **shared_arguments(folder, validates=validates),
        learning_rate=arguments.learning_rate,
        num_train_epochs=arguments.num_train_epochs,
        per_device_train_batch_size=arguments.train_batch_size,  # the trainer deals them out itself
        weight_decay=arguments.weight_decay,
        warmup_steps=arguments.warmup_ratio,  # a value below 1 is a share of all steps
        lr_scheduler_type=arguments.lr_scheduler_type,
        max_grad_norm=arguments.max_grad_norm,
        bf16=arguments.bf16 and arguments.method == "full",  # else weights are bf16
        seed=arguments.seed,
        logging_steps=LOG_STEPS,
        dataloader_pin_memory=False,
        report_to=list(arguments.report_to) or "none",
    )
