"""What both kinds of training look at before they begin: layers, room on the disk, a trial step.

Given a model, raises what will not work. Knows nothing of rows or of how a step is made.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from tunewise.errors import DiskFull, ModelError, TaskFileError, did_you_mean
from tunewise.files import existing_parent

FLOAT = 4  # bytes of a parameter in training, of its gradient and of each of the moments


def check_target_modules(model: nn.Module, targets: Sequence[str] | str, where: str) -> None:
    """Refuse LoRA on layers that the model doesn't have.

    Args:
        model: whose linear layers are looked at.
        targets: their names, or their last parts; 'all-linear' names none.
        where: the key that names them.

    Raises:
        TaskFileError: a name that no linear layer ends with.
    """
    if isinstance(targets, str):  # 'all-linear'
        return
    layers = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in layers):
            raise TaskFileError(
                f"the model has no linear layer '{target}'",
                where=where,
                mend=did_you_mean(target, {name.rsplit(".", 1)[-1] for name in layers}),
            )


def trained_bytes(model: nn.Module) -> int:
    """Return the bytes of the parameters that are trained, in float32."""
    trained: int = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return trained * FLOAT


def check_room(needed: int, folder: Path) -> None:
    """Refuse to begin where so many bytes of model and checkpoints can't be kept.

    Raises:
        DiskFull: with what is needed and what is free, in MB.
    """
    free = shutil.disk_usage(existing_parent(folder)).free
    if needed > free:
        raise DiskFull(
            f"model and checkpoints need {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free",
            where=str(folder),
            mend="Make room, or name another folder with --runs.",
        )


def check_trial(model: nn.Module, loss: float, where: str) -> None:
    """Refuse a trial step whose loss or gradients can't be learned from; clear the gradients.

    Raises:
        ModelError: they aren't finite, or there are none.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = math.sqrt(sum(float(g.float().square().sum()) for g in gradients))
    model.zero_grad()
    if not math.isfinite(loss) or not math.isfinite(norm) or norm == 0:
        raise ModelError(
            f"a trial step gives loss {loss:g} and gradients of length {norm:g}",
            where=where,
            mend="The model's weights may be damaged; try another model, or bf16: false.",
        )
