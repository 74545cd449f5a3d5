"""transformers.Trainer for packed rows: a step is a list of rows, computed in as few passes as fit.

Given a RowsLoss and its rows, trains it. The loop, the schedule, clipping, state, resuming and what
several processes do together are Trainer's and accelerate's; which rows make a step and how they
are dealt out is planner.py's.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from transformers import TrainerCallback, TrainerControl

from tunewise.errors import OutOfMemory
from tunewise.progress import Progress
from tunewise.training.callbacks import BestWeights
from tunewise.training.fast.model import RowsLoss
from tunewise.training.fast.packed import Packed, Row, packed, shared_beginning
from tunewise.training.fast.planner import Share, cut_into_steps, order, shares
from tunewise.training.language.arguments import Arguments, training_arguments
from tunewise.training.sealed import SealedTrainer

SMALLEST_BUDGET = 64  # tokens of a pass; where not even these fit, nothing does


class Steps(Sampler[list[int]]):
    """The rows of each step of an epoch."""

    def __init__(self, rows: int, rows_per_step: int, seed: int) -> None:
        self.rows, self.rows_per_step, self.seed = rows, rows_per_step, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose steps are given next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.rows / self.rows_per_step)

    def __iter__(self) -> Iterator[list[int]]:
        yield from cut_into_steps(order(self.rows, self.seed, self.epoch), self.rows_per_step)


class StepLoader(DataLoader[Any]):
    """Loads steps as row numbers; the same for every process, which takes its share later."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose steps are loaded next."""
        self.batch_sampler.set_epoch(epoch)


class LanguageTrainer(SealedTrainer):
    """Trainer for a RowsLoss.

    Args:
        model: the loss of packed rows; parameters with requires_grad are trained.
        arguments: what it is trained with.
        train, validation: the rows; validation may be empty, then the last epoch counts.
        budget: tokens of one pass at most.
        share_beginnings: whether what all rows of a pass begin with is computed once.
        folder, key, best: see SealedTrainer.
        callbacks: further ones.
        progress: told when memory runs out and passes get smaller.
    """

    def __init__(
        self,
        model: RowsLoss,
        arguments: Arguments,
        train: Sequence[Row],
        validation: Sequence[Row],
        *,
        budget: int,
        share_beginnings: bool,
        folder: Path,
        key: str,
        best: BestWeights,
        callbacks: list[TrainerCallback],
        progress: Progress,
    ) -> None:
        self.arguments, self.rows, self.validation = arguments, list(train), list(validation)
        self.budget, self.share_beginnings, self.progress = budget, share_beginnings, progress
        self.sizes = sizes_of(self.rows)  # once: they are asked for in every step
        self.tokens = 0  # computed by this process so far
        super().__init__(
            folder=folder,
            key=key,
            best=best,
            model=model,
            args=training_arguments(arguments, folder, validates=bool(validation)),
            train_dataset=range(len(train)),
            eval_dataset=range(len(validation)),
            callbacks=[best, *callbacks],
        )

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of steps, as row numbers."""
        size, seed = self.arguments.train_batch_size, self.arguments.seed
        steps = Steps(len(self.rows), size, seed)
        return StepLoader(range(len(self.rows)), batch_sampler=steps, collate_fn=list)

    def training_step(
        self,
        model: nn.Module,
        inputs: list[int],
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002 - counted by the planner
    ) -> Tensor:
        """Compute this process's share of a step, forward and backward; return its loss.

        The loss is that of the step's supervised tokens, as a mean over all of them; on several
        processes each returns its part times their number, so that the mean over processes is it.
        Running out of memory halves the budget and begins the step anew.

        Raises:
            OutOfMemory: not even the smallest pass fits.
        """
        model.train()
        while True:
            try:
                return self._step(model, inputs)
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.args.world_size > 1:
                    raise
            self._shrink(model)

    def _step(self, model: nn.Module, rows: Sequence[int]) -> Tensor:
        share = self._share(self.sizes, rows)
        scale = self.args.world_size / share.targets
        total = torch.zeros((), device=self.args.device)
        for number, some in enumerate(share.passes):
            last = number == len(share.passes) - 1
            together = contextlib.nullcontext() if last else self.accelerator.no_sync(model)
            with together:
                loss = model(self._packed(self.rows, some)) * (scale if some else 0.0)
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _share(self, sizes: tuple[list[int], list[int]], rows: Sequence[int]) -> Share:
        dealt = shares(rows, *sizes, self.budget, self.args.world_size)
        return dealt[int(self.args.process_index)]

    def _packed(self, data: Sequence[Row], numbers: Sequence[int]) -> Packed:
        """Return rows laid end to end; a process without rows of its own computes the first one."""
        some = [data[number] for number in numbers] or [data[0]]
        shared = shared_beginning(some) if self.share_beginnings and len(some) > 1 else 0
        found = packed(some, shared)
        self.tokens += found.tokens
        return found.to(self.args.device)

    def _shrink(self, model: nn.Module) -> None:
        model.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.budget // 2 < SMALLEST_BUDGET:
            raise OutOfMemory(
                f"a pass of {self.budget} tokens doesn't fit into memory",
                mend="Lower max_length, choose a smaller model, or train with load_in_4bit: true.",
            )
        self.budget //= 2
        self.progress.warn(
            f"Memory ran out; from here on a pass has at most {self.budget:,} tokens. The result"
            " stays the same, it takes a little longer."
        )

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the mean loss over the validation rows' supervised tokens."""
        model = self.model_wrapped if self.args.world_size > 1 else self.model
        model.eval()
        share = self._share(sizes_of(self.validation), range(len(self.validation)))
        total = torch.zeros((), device=self.args.device)
        with torch.no_grad():
            for some in share.passes:
                loss = model(self._packed(self.validation, some))
                total += loss if some else 0.0
        whole = float(self.accelerator.reduce(total, "sum"))
        metrics = {"eval_loss": whole / share.targets}
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def sizes_of(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Return how many tokens of each row are read, and how many are supervised."""
    return [row.read for row in rows], [row.targets for row in rows]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a card or on a CPU."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "out of memory" in str(error).lower()
