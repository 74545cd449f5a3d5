"""The head begins as a logistic regression on the encoder as it is, not as noise.

Linear probing, then fine-tuning: with a head that already fits, the first gradients don't bend
the encoder's features out of shape (Kumar et al. 2022, arXiv 2202.10054, section 4), and fewer
epochs are needed. Given a classifier and training rows, sets its head. Knows nothing of training
after that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from tunewise.training.encoder.batches import Padding, batches_by_length
from tunewise.training.encoder.classifier import NEVER, EncoderClassifier

C = 10.0  # inverse regularisation on features of mean length 1
MOST_STEPS = 100  # of the solver; a head that hasn't quite converged is as good a start


def pooled_states(
    model: EncoderClassifier,
    ids: Sequence[list[int]],
    padding: Padding,
    *,
    bf16: bool,
    advance: Callable[[int], None],
) -> Tensor:
    """Return the pooled states [rows, hidden] of the encoder as it is."""
    model.eval()
    device = model.head.weight.device
    found = torch.empty(len(ids), model.head.in_features)
    for rows in batches_by_length([len(row) for row in ids]):
        batch = padding.padded([ids[i] for i in rows])
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            states = model.pooled(**{name: tensor.to(device) for name, tensor in batch.items()})
        found[rows] = states.float().cpu()
        advance(len(rows))
    return found


def start_head(model: EncoderClassifier, states: Tensor, labels: Sequence[int]) -> None:
    """Set the head to the logistic regression of `labels` on `states` [rows, hidden].

    A label that no row has gets a bias of NEVER, and so the probability 0 for good.

    Args:
        model: whose head is set.
        states: pooled states of the training rows.
        labels: index of each row's label, of at least two kinds.
    """
    features = states.numpy().astype(np.float64)
    size = float(np.linalg.norm(features, axis=1).mean())
    regression = LogisticRegression(C=C, max_iter=MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        regression.fit(features / size, np.asarray(labels))
    weight, bias = regression.coef_ / size, regression.intercept_
    if len(regression.classes_) == 2:  # one row of figures stands for both classes
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    seen = torch.from_numpy(regression.classes_.astype(np.int64))
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.fill_(NEVER)
        model.head.weight[seen] = torch.from_numpy(weight).to(model.head.weight)
        model.head.bias[seen] = torch.from_numpy(bias).to(model.head.bias)
