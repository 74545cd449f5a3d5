"""The probe: logistic regression on a frozen encoder's embeddings; nothing of the encoder is tuned.

Fitting embeds the rows once, tries each C on validation, and leaves the coefficients in
safetensors. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup, logistic
from tunewise.candidates.label_names import label_names, with_names
from tunewise.candidates.logistic import Coefficients, coefficients, probabilities
from tunewise.engines.embeddings import Embedder
from tunewise.errors import ModelError
from tunewise.files import read_json, write_json, written_whole
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Progress, Silent, showing
from tunewise.records import Example, Prediction
from tunewise.task.settings import ProbeSettings

COEFFICIENTS = "probe.safetensors"


@dataclass(frozen=True, slots=True)
class Tried:
    """One C and its accuracy on validation; None when there were no rows to try it on."""

    C: float
    validation_accuracy: float | None
    converged: bool


class Probe:
    """Fits a probe, and loads one that was fitted."""

    def __init__(self, settings: ProbeSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedProbe:
        """Fit on `train` with the C that does best on `validation`; the smaller one at a tie.

        Raises:
            ModelError: the encoder can't be found or loaded.
        """
        model = self._model(progress)
        embedder = Embedder(model.path, self.settings.max_length)
        X, y = self._rows(embedder, train, progress)
        X_validation, wanted = self._rows(embedder, validation, progress)
        names = label_names(
            self.settings.label_names,
            self.setup.labels,
            y.tolist(),
            lambda texts: (X, embedder.embed(texts)),
        )
        named = embedder.embed(names.texts) if names.used else None
        chosen: Coefficients | None = None
        best = 0.0
        tried: list[Tried] = []
        with showing(progress, "Fitting the probe", len(self.settings.C), "fits") as bar:
            for C in sorted(set(self.settings.C)):
                made = coefficients(*with_names(X, y, named), len(self.setup.labels), C)
                accuracy = _accuracy(made.logits(X_validation), wanted)
                if not made.converged:
                    progress.warn(
                        f"the probe with C = {C:g} stopped at {logistic.MAX_ITER} iterations"
                    )
                if chosen is None or (accuracy or 0.0) > best:
                    chosen, best = made, accuracy or 0.0
                tried.append(Tried(C, accuracy, made.converged))
                bar.advance()
        assert chosen is not None
        about = self._about(model, embedder, chosen, tried) | {"label_names": names}
        self._write(folder, chosen, about | {"rows": {"train": len(y), "validation": len(wanted)}})
        return self.load(folder)

    def load(self, folder: Path) -> FittedProbe:
        """Return the probe that `fit` left in `folder`.

        Raises:
            ModelError: the encoder isn't the one that the probe was fitted on.
        """
        from safetensors.numpy import load_file

        about = read_json(folder / "settings.json")
        model = self._model(Silent())
        if model.fingerprint != about["model"]["fingerprint"]:
            raise ModelError(
                f"the model '{model.name}' isn't the one that the probe was fitted on"
                f" ({about['model']['source']})",
                where=str(folder),
                mend="Run the task again to fit it anew, or bring that model back.",
            )
        found = load_file(folder / COEFFICIENTS)
        embedder = Embedder(model.path, about["max_length"])
        return FittedProbe(embedder, found["weights"], found["bias"], tuple(about["labels"]))

    def _model(self, progress: Progress) -> ModelFolder:
        return resolve(self.settings.model, progress, task_folder=self.setup.task_folder)

    def _rows(
        self, embedder: Embedder, examples: Sequence[Example], progress: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the examples' embeddings [rows, hidden] and the numbers of their labels [rows]."""
        number = {label: position for position, label in enumerate(self.setup.labels)}
        y = np.array([number[example.target] for example in examples], dtype=np.int64)
        return embedder.embed([example.input for example in examples], progress), y

    def _about(
        self, model: ModelFolder, embedder: Embedder, chosen: Coefficients, tried: list[Tried]
    ) -> dict[str, object]:
        """Return what settings.json says: exactly what was done."""
        validated = any(attempt.validation_accuracy is not None for attempt in tried)
        return {
            "kind": "probe",
            "model": {
                "name": model.name,
                "source": model.source,
                "licence": model.licence,
                "fingerprint": model.fingerprint,
            },
            "chosen": {
                "C": chosen.C,
                "by": "accuracy on validation, the smaller C at a tie"
                if validated
                else "the smallest C, as there are no validation rows",
            },
            "tried": tried,
            "method": "logistic regression (multinomial, lbfgs) on mean-pooled embeddings",
            "max_length": self.settings.max_length,
            "precision": str(embedder.dtype).removeprefix("torch."),
            "labels": self.setup.labels,
        }

    def _write(self, folder: Path, chosen: Coefficients, about: dict[str, object]) -> None:
        """Leave the coefficients, then settings.json."""
        from safetensors.numpy import save_file

        with written_whole(folder / COEFFICIENTS) as temporary:
            save_file({"weights": chosen.weights, "bias": chosen.bias}, temporary)
        write_json(folder / "settings.json", about)


class FittedProbe:
    """A probe that can answer.

    Attributes:
        weights: [labels, hidden], float32.
        bias: [labels]; minus infinity for a label that had no training row.
    """

    def __init__(
        self, embedder: Embedder, weights: np.ndarray, bias: np.ndarray, labels: tuple[str, ...]
    ) -> None:
        self.embedder, self.labels = embedder, labels
        self.weights, self.bias = weights, bias

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return the most probable label of each example, with the probability of each label."""
        tokens = self.embedder.tokens([example.input for example in examples])
        logits = self.embedder.embed_tokens(tokens, progress) @ self.weights.T + self.bias
        scores = probabilities(logits)
        return [
            Prediction(
                id=example.id,
                answer=self.labels[int(row.argmax())],
                scores=tuple(float(p) for p in row),
                prompt_tokens=len(ids),
                completion_tokens=0,
            )
            for example, ids, row in zip(examples, tokens, scores, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Return the texts' embeddings, float32 [texts, hidden], and their tokens [texts]."""
        tokens = self.embedder.tokens(texts)
        return self.embedder.embed_tokens(tokens), [len(ids) for ids in tokens]


def _accuracy(logits: np.ndarray, wanted: np.ndarray) -> float | None:
    return float((logits.argmax(axis=1) == wanted).mean()) if len(wanted) else None
