"""What can be known to go wrong in a training is looked at before a minute is spent on it.

Given a classifier, its rows and its arguments, raises what will not work and says what the user
should know. Knows nothing of the training itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from tunewise.errors import DataError
from tunewise.progress import Progress
from tunewise.training.encoder.arguments import Arguments
from tunewise.training.encoder.batches import LabelledRows, Padding
from tunewise.training.encoder.classifier import EncoderClassifier
from tunewise.training.preflight import FLOAT, check_room, check_trial, trained_bytes


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


def check_disk(model: EncoderClassifier, folder: Path) -> None:
    """Refuse to begin where model and checkpoints can't be kept.

    Raises:
        DiskFull: with what is needed and what is free, in MB.
    """
    whole = sum(p.numel() for p in model.parameters()) * FLOAT
    # two checkpoints: weights, best weights and two moments
    check_room(whole + 2 * 4 * trained_bytes(model), folder)


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
    check_trial(model, loss.item(), where)
