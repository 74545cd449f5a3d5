"""Logistic regression on embeddings, as scikit-learn fits it, in a shape that names all labels.

Given embeddings and the numbers of their labels, gives back coefficients. Knows nothing of texts
or of what is asked of them.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import ThreadpoolController

MAX_ITER = 1000  # of lbfgs; unit-length embeddings need about 100


@dataclass(frozen=True, slots=True)
class Coefficients:
    """A fitted logistic regression.

    Attributes:
        C: it was fitted with.
        weights: [labels, hidden], float32.
        bias: [labels]; minus infinity for a label that had no training row.
        converged: whether it stopped before the last iteration allowed.
    """

    C: float
    weights: np.ndarray
    bias: np.ndarray
    converged: bool

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the logits [rows, labels] of embeddings [rows, hidden]."""
        found: np.ndarray = X @ self.weights.T + self.bias
        return found


def coefficients(
    X: np.ndarray,
    y: np.ndarray,
    labels: int,
    C: float,
    max_iter: int | None = None,
    *,
    start: Coefficients | None = None,
) -> Coefficients:
    """Return a logistic regression fitted by scikit-learn.

    Args:
        X: embeddings [rows, hidden].
        y: number of each row's label.
        labels: how many there are; those without a row get a bias of minus infinity, so their
            probability is 0.
        C: inverse strength of the L2 penalty, as in scikit-learn.
        max_iter: of the solver; left out, MAX_ITER.
        start: where the solver begins, of the same rows with another C; left out, at nought. The
            solution is the same, and from the next smaller C it is near.
    """
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((labels, X.shape[1]), dtype=np.float32)
    bias = np.full(labels, -np.inf, dtype=np.float32)
    present = np.unique(y)
    if len(present) == 1:  # nothing to tell apart: that label always
        bias[present] = 0.0
        return Coefficients(C, weights, bias, converged=True)
    most = max_iter or MAX_ITER
    model = LogisticRegression(C=C, max_iter=most)
    if start is not None and len(present) > 2:
        model.set_params(warm_start=True)
        model.coef_, model.intercept_ = start.weights[present], start.bias[present]
    _fit(model, X, y)
    if len(present) == 2:  # scikit-learn then gives one row, the second label's
        weights[present[1]], bias[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[present], bias[present] = model.coef_, model.intercept_
    return Coefficients(C, weights, bias, converged=int(model.n_iter_.max()) < most)


def _fit(model: LogisticRegression, X: np.ndarray, y: np.ndarray) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), _solvers_blas().limit(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the caller looks at n_iter_
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(X, y)


@functools.cache
def _solvers_blas() -> ThreadpoolController:
    """Return the BLAS of SciPy's L-BFGS: its many small products are slower on several threads.

    On two cores one thread takes a third of the time, with 1,000 rows and with 10,000. Where SciPy
    brings its own BLAS, scikit-learn's large products keep their threads.
    """
    import scipy.optimize  # noqa: F401 - its BLAS must be loaded to be found
    from threadpoolctl import ThreadpoolController

    every = ThreadpoolController().select(user_api="blas")
    own = [lib.filepath for lib in every.lib_controllers if "scipy" in Path(lib.filepath).parts[-2]]
    return every.select(filepath=own) if own else every


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of logits [rows, labels] in float64, each row summing to 1."""
    exact = logits.astype(np.float64)
    raised = np.exp(exact - exact.max(axis=1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares
