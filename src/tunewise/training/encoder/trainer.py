"""transformers.Trainer, changed where it pays: order of the rows, the head's learning rate, files.

Given a classifier, its data and its arguments, trains it. Everything else is as Trainer does it:
the loop, autocast, clipping, schedule, evaluation, state and resuming.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers import TrainerCallback
from transformers.trainer_utils import EvalPrediction

from tunewise.training.callbacks import BestWeights
from tunewise.training.encoder.arguments import Arguments, training_arguments
from tunewise.training.encoder.batches import LabelledRows, LengthBuckets, Padding
from tunewise.training.encoder.classifier import EncoderClassifier
from tunewise.training.sealed import SealedTrainer


class EncoderTrainer(SealedTrainer):
    """Trainer for an EncoderClassifier.

    Args:
        model: the classifier; parameters with requires_grad are trained.
        arguments: what it is trained with.
        train, validation: the rows; validation may be empty, then the last epoch counts.
        padding: makes the batches.
        folder: where checkpoints lie.
        key: of this training; a checkpoint of another is never taken up.
        best: keeps the best weights.
        callbacks: further ones.
    """

    def __init__(
        self,
        model: EncoderClassifier,
        arguments: Arguments,
        train: LabelledRows,
        validation: LabelledRows,
        *,
        padding: Padding,
        folder: Path,
        key: str,
        best: BestWeights,
        callbacks: list[TrainerCallback],
    ) -> None:
        self.arguments = arguments
        super().__init__(
            folder=folder,
            key=key,
            best=best,
            model=model,
            args=training_arguments(arguments, folder, validates=len(validation) > 0),
            data_collator=padding,
            train_dataset=train,
            eval_dataset=validation.by_length(),  # its order doesn't matter, its padding does
            compute_metrics=metrics_of(arguments.metric),
            callbacks=[best, *callbacks],
        )

    def _get_train_sampler(self, train_dataset: LabelledRows | None = None) -> Sampler[int]:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        return LengthBuckets(
            [len(ids) for ids in rows.ids],
            self.arguments.per_device_train_batch_size,
            self.arguments.seed,
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make AdamW with its own learning rate for the head, and decay for matrices only."""
        if self.optimizer is None:  # type: ignore[has-type]
            arguments = self.arguments
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            for name, parameter in (model or self.model).named_parameters():
                if parameter.requires_grad:
                    of = (name.startswith("head."), parameter.ndim > 1)
                    groups.setdefault(of, []).append(parameter)
            self.optimizer = kind(
                [
                    {
                        "params": parameters,
                        "lr": arguments.head_learning_rate if head else arguments.learning_rate,
                        "weight_decay": arguments.weight_decay if matrix else 0.0,
                    }
                    for (head, matrix), parameters in groups.items()
                ],
                **options,
            )
        return self.optimizer


def metrics_of(metric: str) -> Callable[[EvalPrediction], dict[str, float]]:
    """Return the function by which Trainer judges the validation rows."""

    def judged(answers: EvalPrediction) -> dict[str, float]:
        found, right = np.asarray(answers.predictions).argmax(-1), np.asarray(answers.label_ids)
        figures = {"accuracy": float((found == right).mean())}
        if metric == "macro_f1":
            from sklearn.metrics import f1_score

            figures["macro_f1"] = float(f1_score(right, found, average="macro", zero_division=0))
        return figures

    return judged
