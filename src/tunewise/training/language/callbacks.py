"""What happens beside the steps of a language model's training: what is shown, kept and warned of.

Each class is a transformers.TrainerCallback with one concern.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tunewise.heap import memory
from tunewise.progress import Bar, Progress
from tunewise.training.callbacks import BestWeights, Pace

SPIKE = 2.0  # times the recent median loss
RECENT = 10  # logged losses that the median is taken of
LEARNED = 0.98  # of the first epoch's loss; a second epoch above it has learned nothing


class LowestLoss(BestWeights):
    """Keeps the weights with the lowest validation loss, and stops when it no longer falls.

    On a few hundred rows a language model over-fits within epochs, so the lowest loss counts even
    where the last is close to it.

    Args:
        model: whose parameters are trained.
        rows: how many validation rows there are.
        patience: epochs without a lower loss after which the training stops.
    """

    def __init__(self, model: nn.Module, rows: int, patience: int) -> None:
        super().__init__(model, "loss", rows)
        self.patience = patience

    def beats(self, value: float, best: float) -> bool:
        """Whether a loss is lower than the lowest so far."""
        return value < best

    def settles(self, last: float, best: float) -> bool:
        """Whether the last loss is the lowest."""
        return last <= best

    def on_evaluate(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,
    ) -> None:
        """Compare, then ask to stop if the lowest loss lies `patience` epochs back."""
        super().on_evaluate(_args, state, _control, metrics)
        assert self.epoch is not None
        assert self.last is not None
        if self.last[0] - self.epoch >= self.patience:
            _control.should_training_stop = True


class ShowingTokens(Pace):
    """Moves the bar, shows loss, tokens per second and memory, and measures the speed.

    Args:
        bar: of the steps.
        tokens: tells how many tokens have been computed so far.
    """

    def __init__(self, bar: Bar, tokens: Callable[[], int]) -> None:
        super().__init__(bar)
        self.tokens, self.before = tokens, 0

    def on_step_begin(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock; evaluation and saving lie outside it."""
        self.began, self.before = time.monotonic(), self.tokens()

    def on_step_end(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Count the step."""
        self.seconds += time.monotonic() - self.began
        self.done += self.tokens() - self.before
        self.bar.note(f"{self.loss}{self.speed or 0:,.0f} tokens/s, {memory_gb():.1f} GB")
        self.bar.advance()


def memory_gb() -> float:
    """Return the memory in use: the card's where there is one, else this process's."""
    if torch.cuda.is_available():
        return float(torch.cuda.memory_allocated()) / 1e9
    return memory() / 1e9


class LossWatch(TrainerCallback):
    """Names what goes wrong with a loss while it happens: spikes, no learning, over-fitting.

    Args:
        progress: where to say it.
        learning_rate: of the training, named in what to try.
    """

    def __init__(self, progress: Progress, learning_rate: float) -> None:
        self.progress, self.learning_rate = progress, learning_rate
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.epochs: list[list[float]] = [[]]
        self.validation: list[float] = []
        self.said: set[str] = set()

    def on_log(
        self,
        _args: TrainingArguments,
        _state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Look at each loss that is logged."""
        if "loss" in logs:
            loss = logs["loss"]
            if len(self.recent) == RECENT and loss > SPIKE * statistics.median(self.recent):
                self._say(
                    "spike",
                    f"The training loss jumped to {loss:.2f}, more than twice what it was. If it"
                    f" doesn't come down again, try a learning_rate below {self.learning_rate:g}.",
                )
            self.recent.append(loss)
            self.epochs[-1].append(loss)
        if "eval_loss" in logs:
            self.validation.append(logs["eval_loss"])
            self._overfits()

    def on_epoch_end(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Compare the epoch's loss with the first one's."""
        means = [statistics.fmean(losses) for losses in self.epochs if losses]
        if len(means) >= 2 and means[-1] > LEARNED * means[0]:
            self._say(
                "no learning",
                f"Epoch {len(means)} has a training loss of {means[-1]:.2f}, hardly below the first"
                f" one's {means[0]:.2f}: the model isn't learning. Try another learning_rate"
                f" than {self.learning_rate:g}, or look at the rows: tunewise show.",
            )
        self.epochs.append([])

    def _overfits(self) -> None:
        best = min(self.validation)
        means = [statistics.fmean(losses) for losses in self.epochs if losses]
        falls = len(means) >= 2 and means[-1] < means[-2]
        if self.validation[-1] > best and falls:
            self._say(
                "over-fitting",
                f"The validation loss rose to {self.validation[-1]:.3f} from {best:.3f} while the"
                " training loss still falls: the model begins to learn the rows by heart. The"
                " weights with the lowest validation loss are kept.",
            )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self.said:
            self.said.add(what)
            self.progress.warn(sentence)
