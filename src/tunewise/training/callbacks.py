"""What happens beside a training's steps: the bar, the best weights, when to save or stop.

Each class is a transformers.TrainerCallback with one concern. Knows nothing of how a checkpoint
is written.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tunewise.errors import BadInput
from tunewise.heap import Heap
from tunewise.progress import Bar

BEST_FILE = "best.safetensors"
EPOCH_SECONDS = 15.0  # no checkpoint at an epoch's end sooner than this after the last one
STEP_SECONDS = 60.0  # one within the epoch when the last one is this old


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that are trained, by name; whole ones, where processes hold parts.

    Then every process has to ask at the same time.
    """
    trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    return {n: p.full_tensor() if isinstance(p, DTensor) else p for n, p in trained.items()}


def put(parameter: nn.Parameter, weights: Tensor) -> None:
    """Set a parameter, of which this process may hold a part, to whole weights."""
    with torch.no_grad():
        if isinstance(parameter, DTensor):
            mesh, parts = parameter.device_mesh, parameter.placements
            parameter.copy_(distribute_tensor(weights.to(mesh.device_type), mesh, parts))
        else:
            parameter.copy_(weights)


class BestWeights(TrainerCallback):
    """Keeps the best epoch's weights, for the case that the last epoch's are clearly worse.

    The learning rate reaches zero with the last step, so the last weights are the settled ones,
    and on a few hundred validation rows epochs differ mostly by chance. An earlier epoch is taken
    only if it is ahead of the last by more than a standard error of the last one's figure (the
    one-standard-error rule: Breiman, Friedman, Olshen and Stone 1984, section 3.4.3).

    Args:
        model: whose parameters are trained.
        metric: of the validation rows; a share.
        rows: how many validation rows there are.
    """

    def __init__(self, model: nn.Module, metric: str, rows: int) -> None:
        self.model, self.metric, self.rows = model, metric, rows
        self.value: float | None = None
        self.epoch: int | None = None
        self.weights: dict[str, Tensor] = {}
        self.last: tuple[int, float] | None = None

    def on_evaluate(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,
    ) -> None:
        """Compare the epoch that has just been evaluated with the best so far."""
        value, epoch = metrics[f"eval_{self.metric}"], round(state.epoch or 0)
        self.last = epoch, value
        if self.value is None or self.beats(value, self.value):
            self.value, self.epoch = value, epoch
            self.weights = {n: w.cpu().clone() for n, w in trainable_state(self.model).items()}

    def beats(self, value: float, best: float) -> bool:
        """Whether a figure is better than the best so far."""
        return value > best

    def settles(self, last: float, best: float) -> bool:
        """Whether the last figure is so near the best that the last weights are taken."""
        return best - last <= math.sqrt(last * (1 - last) / self.rows)

    def save(self, folder: Path) -> None:
        """Write the best weights so far into a checkpoint, if there are any yet."""
        if self.value is not None:
            about = {"value": repr(self.value), "epoch": str(self.epoch)}
            save_file(self.weights, str(folder / BEST_FILE), metadata=about)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        path = folder / BEST_FILE
        if path.exists():
            with safe_open(str(path), framework="pt") as file:
                about = file.metadata()
            self.value, self.epoch = float(about["value"]), int(about["epoch"])
            self.weights = load_file(str(path))

    def restore(self) -> tuple[int, float] | None:
        """Leave the chosen weights in the model; return their epoch and its figure, if any.

        To be called when the training has ended, while the model has the last step's weights.
        """
        if self.last is None or self.value is None or self.epoch is None:
            return None
        if self.settles(self.last[1], self.value):
            return self.last
        parameters = dict(self.model.named_parameters())
        for name, weights in self.weights.items():
            put(parameters[name], weights)
        return self.epoch, self.value


class Saving(TrainerCallback):
    """Asks for checkpoints by the clock, so that they never cost more than a small share."""

    def __init__(self, steps_per_epoch: int, epoch_seconds: float, step_seconds: float) -> None:
        self.steps_per_epoch = steps_per_epoch
        self.epoch_seconds, self.step_seconds = epoch_seconds, step_seconds
        self.saved = time.monotonic()

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Save within a long epoch; its last step leaves that to the epoch's end."""
        within = state.global_step % self.steps_per_epoch != 0
        if within and time.monotonic() - self.saved >= self.step_seconds:
            control.should_save = True

    def on_epoch_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Save after the epoch's evaluation, unless the training ends with it."""
        more = state.global_step < state.max_steps
        if more and time.monotonic() - self.saved >= self.epoch_seconds:
            control.should_save = True

    def on_save(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Begin to count anew."""
        self.saved = time.monotonic()


class Pace(TrainerCallback):
    """What a bar of steps says besides: the loss, and how much is done per second.

    Args:
        bar: of the steps.

    Attributes:
        seconds, done: time spent in steps so far, and what was done in it.
    """

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.seconds, self.done = 0.0, 0.0
        self.began = 0.0
        self.loss = ""

    @property
    def speed(self) -> float | None:
        """What is done per second over all steps so far, None before the first."""
        return self.done / self.seconds if self.seconds else None

    def on_log(
        self,
        _args: TrainingArguments,
        _state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Remember the loss for the next note."""
        if "loss" in logs:
            self.loss = f"loss {logs['loss']:.3f}, "


class Showing(Pace):
    """Moves the bar, shows loss and examples per second, and measures them."""

    def __init__(self, bar: Bar, rows_per_epoch: int, steps_per_epoch: int) -> None:
        super().__init__(bar)
        self.rows = rows_per_epoch / steps_per_epoch

    def on_epoch_begin(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_step_end(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Count the step; evaluation and saving lie outside the clock."""
        now = time.monotonic()
        self.seconds, self.began = self.seconds + now - self.began, now
        self.done += self.rows
        self.bar.note(f"{self.loss}{self.speed or 0:,.0f} examples/s")
        self.bar.advance()

    def on_save(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Leave the time of saving out."""
        self.began = time.monotonic()


class Watching(TrainerCallback):
    """Stops a training whose loss isn't a number any more."""

    def __init__(self, where: str, learning_rate: float, *, bf16: bool) -> None:
        self.where, self.learning_rate, self.bf16 = where, learning_rate, bf16

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Look at each loss that is logged.

        Raises:
            BadInput: the loss is nan or infinite.
        """
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise BadInput(
                f"the training's loss became {loss} before step {state.global_step}",
                where=self.where,
                mend=f"Try a learning_rate below {self.learning_rate:g}"
                + (", or bf16: false." if self.bf16 else "."),
            )


class HandingBack(TrainerCallback):
    """Keeps the memory that steps of ever other sizes leave behind from piling up."""

    def __init__(self) -> None:
        self.heap = Heap()

    def on_step_end(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Look after the heap."""
        self.heap.look()


def figures(entry: dict[str, Any]) -> dict[str, float]:
    """Return what a logged entry says of the training itself, without its timings."""
    named = {"eval_loss": "validation_loss", "eval_accuracy": "validation_accuracy",
             "eval_macro_f1": "validation_macro_f1"}  # fmt: skip
    kept = ("step", "epoch", "loss", "learning_rate", "grad_norm", "train_loss")
    found = {name: entry[name] for name in kept if name in entry}
    return found | {new: entry[old] for old, new in named.items() if old in entry}
