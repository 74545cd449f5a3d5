"""What can be known to go wrong in a training is looked at before a minute is spent on it.

Given a classifier, its rows and its arguments, raises what will not work and says what the user
should know. Knows nothing of the training itself.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from tunewise.errors import DataError, DiskFull, ModelError, TaskFileError, did_you_mean
from tunewise.files import existing_parent
from tunewise.progress import Progress
from tunewise.training.encoder.arguments import Arguments
from tunewise.training.encoder.batches import LabelledRows, Padding
from tunewise.training.encoder.classifier import EncoderClassifier

FLOAT = 4  # bytes of a parameter in training, and of each of the optimizer's two moments


def check_labels(labels: Sequence[int], names: Sequence[str]) -> None:
    """Refuse training rows that all have one label."""
    if len(set(labels)) < 2:
        only = f"only the label '{names[labels[0]]}'" if labels else "no rows"
        raise DataError(
            f"the training rows have {only}, and nothing can be learned from that",
            mend="Give rows of at least two labels.",
        )


def check_lengths(cut: int, rows: int, max_length: int, progress: Progress) -> None:
    """Say how many texts are read only in part."""
    if cut:
        progress.warn(
            f"{cut:,} of {rows:,} training and validation texts are longer than max_length"
            f" ({max_length} tokens) and are cut off there."
        )


def check_target_modules(encoder: nn.Module, targets: Sequence[str] | str, where: str) -> None:
    """Refuse LoRA on layers that the model doesn't have.

    Raises:
        TaskFileError: a name that no linear layer ends with.
    """
    if isinstance(targets, str):  # 'all-linear'
        return
    layers = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    endings = {name.rsplit(".", 1)[-1] for name in layers} | set(layers)
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in layers):
            raise TaskFileError(
                f"the model has no linear layer '{target}'",
                where=f"{where}: lora.target_modules",
                mend=did_you_mean(target, {name for name in endings if "." not in name}),
            )


def check_disk(model: EncoderClassifier, folder: Path) -> None:
    """Refuse to begin where model and checkpoints can't be kept.

    Raises:
        DiskFull: with what is needed and what is free, in MB.
    """
    whole = sum(p.numel() for p in model.parameters()) * FLOAT
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad) * FLOAT
    needed = whole + 2 * 4 * trained  # two checkpoints: weights, best weights and two moments
    free = shutil.disk_usage(existing_parent(folder)).free
    if needed > free:
        raise DiskFull(
            f"model and checkpoints need {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free",
            where=str(folder),
            mend="Make room, or name another folder with --runs.",
        )


def check_step(
    model: EncoderClassifier,
    rows: LabelledRows,
    padding: Padding,
    arguments: Arguments,
    where: str,
) -> None:
    """Do one step forward and backward on the longest rows; the weights stay as they are.

    Parameters that get no gradient (a pooler that the head doesn't read) are frozen, so that
    nothing is kept or saved for them. Random numbers are drawn aside.

    Raises:
        ModelError: loss or gradients aren't finite, or there are none.
    """
    longest = sorted(range(len(rows)), key=lambda row: -len(rows.ids[row]))
    chosen = longest[: arguments.per_device_train_batch_size]
    batch = padding([rows[row] for row in chosen])
    device = model.head.weight.device
    model.train()
    with torch.random.fork_rng():
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.bf16):
            loss = model(**{name: tensor.to(device) for name, tensor in batch.items()})["loss"]
        loss.backward()
    unused = [p for p in model.parameters() if p.requires_grad and p.grad is None]
    for parameter in unused:
        parameter.requires_grad_(False)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = math.sqrt(sum(float(g.float().square().sum()) for g in gradients))
    model.zero_grad()
    if not math.isfinite(loss.item()) or not math.isfinite(norm) or norm == 0:
        raise ModelError(
            f"a trial step gives loss {loss.item():g} and gradients of length {norm:g}",
            where=where,
            mend="The model's weights may be damaged; try another model, or bf16: false.",
        )
