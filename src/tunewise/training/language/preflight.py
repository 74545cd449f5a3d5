"""What can be known to go wrong in a language model's training, before a minute is spent on it.

Given rendered rows, a model and its arguments, raises what will not work, and says what the user
should know. Knows nothing of the training itself.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from tunewise.errors import BadInput, DataError, ModelError, OutOfMemory
from tunewise.progress import Progress
from tunewise.rendering.faults import counted
from tunewise.rendering.faults import preflight as ready_rows
from tunewise.rendering.rows import Rendered
from tunewise.training.fast.model import PlainLoss, RowsLoss, base_of
from tunewise.training.fast.packed import Packed, Row, packed
from tunewise.training.language.arguments import Arguments
from tunewise.training.language.memory import Fit, Foreseen
from tunewise.training.preflight import check_room, check_trial, trained_bytes

USED = 0.8  # share of the free memory that may be taken: an allocator needs more than its tensors
BUDGETS = {"cpu": 1024, "cuda": 16384}  # tokens of a pass; more gain little, see docs/training.md
# What a model raises whose step depends on what it computes (experts that are chosen, for one).
UNTRACEABLE = (RuntimeError, TypeError, AttributeError)
COMPARED = 256  # tokens of the row on which the fast and the plain way are compared, at most
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 5e-3}


def rows_to_train(
    rendered: Sequence[Rendered],
    max_length: int,
    allow: Sequence[str],
    progress: Progress,
    least: int = 1,
) -> list[Row]:
    """Return the rows that are trained on, or refuse to go on.

    Args:
        rendered: all rows.
        max_length: tokens read of each.
        allow: names of faults to go on with.
        progress: told of rows that are left out.
        least: rows that there must be.

    Raises:
        DataError: a fault that isn't allowed, or too few rows.
    """
    ready = ready_rows(rendered, max_length, allow)
    if ready.allowed:
        progress.warn(f"Going on with rows at fault, as allowed: {counted(ready.allowed)}.")
    found = [Row(row.ids, row.supervised) for row in ready.rows]
    if len(found) < least:
        there = "no row" if not found else "one row only"
        raise DataError(
            f"there is {there} to train on, and nothing can be learned from that",
            mend="Give at least two rows with an answer.",
        )
    return found


def check_trackers(names: Sequence[str], where: str) -> None:
    """Refuse trackers whose package isn't installed.

    Raises:
        BadInput: with the command that installs it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise BadInput(
                f"report_to names {name}, which isn't installed",
                where=where,
                mend=f"Install it: pip install {name}",
            )


def check_tokens(rows: Sequence[Row], model: Any, where: str) -> None:
    """Refuse a tokenizer whose tokens the model doesn't have.

    Raises:
        ModelError: with the token that is out of range.
    """
    known = base_of(model).get_input_embeddings().weight.shape[0]
    highest = max(int(row.ids.max()) for row in rows)
    if highest >= known:
        raise ModelError(
            f"the tokenizer writes token {highest:,}, and the model knows {known:,} only",
            where=where,
            mend="Take tokenizer and model from the same folder.",
        )


def check_trainable(model: nn.Module, where: str) -> int:
    """Return how many parameters are trained; refuse none.

    Raises:
        ModelError: nothing would be trained.
    """
    trained: int = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if not trained:
        raise ModelError("no parameter of the model would be trained", where=where)
    return trained


def check_disk(model: nn.Module, folder: Path, *, keeps_all: bool) -> None:
    """Refuse to begin where model and checkpoints can't be kept.

    Raises:
        DiskFull: with what is needed and what is free, in MB.
    """
    trained = trained_bytes(model)
    check_room((2 * 4 + 1) * trained + (trained if keeps_all else 0), folder)


def fit_into_memory(
    model: nn.Module,
    rows: Sequence[Row],
    device: torch.device,
    *,
    asked: int | None,
    arguments: Arguments,
    where: str,
    progress: Progress,
) -> Fit:
    """Return tokens per pass and layers to compute anew, so that the training fits.

    The step is traced beforehand, see memory.py: the longest row decides how many layers have to be
    computed anew; then as many rows share a pass as fit and pay.

    Raises:
        OutOfMemory: not even the longest row alone fits, with what would.
    """
    held = sum(p.numel() * p.element_size() for p in model.parameters())
    free = free_memory(device)
    room = held + USED * free
    foreseen = Foreseen(base_of(model).config, arguments, rows, on_cuda=device.type == "cuda")
    best = asked or BUDGETS.get(device.type, BUDGETS["cpu"])
    try:
        found = foreseen.fit(
            room, best, may_recompute="checkpointing" not in arguments.switched_off
        )
    except UNTRACEABLE:
        progress.warn(
            "This model's step can't be traced, so its memory isn't known beforehand; a pass begins"
            f" with {best:,} tokens and gets smaller if memory runs out."
        )
        return Fit(best, 0, None)
    if found is None:
        longest = max(row.read for row in rows)
        raise OutOfMemory(
            f"a row of {longest:,} tokens doesn't fit into the {free / 1e9:.1f} GB that are free",
            where=where,
            mend=f"Rows of up to {foreseen.longest_that_fits(room):,} tokens would: set max_length,"
            " or take a smaller model.",
        )
    return found


def free_memory(device: torch.device) -> float:
    """Return the free memory of a device, in bytes."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)


def same_as_plain(loss: RowsLoss, rows: Sequence[Row], own_attention: str) -> float | None:
    """Return by how much the fast loss of a short row differs from the plain one, as a share.

    None if it can't be computed, or differs by more than rounding explains: then this model isn't
    one for which rows can lie end to end.

    Args:
        loss: of the model; its attention is set back afterwards.
        rows: of which two short ones are taken, so that a row that sees its neighbour shows.
        own_attention: name of the model's own attention.
    """
    short = sorted(rows, key=lambda row: row.read)[:2]
    both = packed([_beginning(row) for row in short])
    device = next(loss.parameters()).device
    both = both.to(device)
    training, ours = loss.training, loss.causal.config._attn_implementation
    loss.eval()
    try:
        with torch.no_grad():
            fast = float(loss(both))
            loss.causal.set_attn_implementation(own_attention)
            plain = float(PlainLoss(loss.model)(both))
    except (NotImplementedError, TypeError, AttributeError):
        return None
    finally:
        loss.causal.set_attn_implementation(ours)
        loss.train(training)
    difference = abs(fast - plain) / max(abs(plain), 1e-6)
    return difference if difference <= TOLERANCES.get(loss.causal.dtype, 2e-2) else None


def _beginning(row: Row) -> Row:
    """Return a row without what lies behind the most tokens compared, something still to learn."""
    first = int(row.supervised.argmax()) + 1
    most = max(COMPARED, first)
    return Row(row.ids[:most], row.supervised[:most])


def check_step(loss: nn.Module, batch: Packed, where: str) -> float:
    """Do one step forward and backward; the weights stay as they are. Return its seconds.

    On a card the second of two steps counts: the first loads kernels and fills the allocator.

    Raises:
        ModelError: loss or gradients aren't finite, or there are none.
    """
    loss.train()
    on_cuda = batch.input_ids.device.type == "cuda"
    for _ in range(2 if on_cuda else 1):
        loss.zero_grad()
        began = time.perf_counter()
        with torch.random.fork_rng():
            value = loss(batch)
            value.backward()
        if on_cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    check_trial(loss, value.item() / max(len(batch.targets), 1), where)
    return seconds
