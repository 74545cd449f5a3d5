"""An exported graph of an encoder or probe, answered by onnxruntime instead of the trained weights.

Given a run folder with `shipped/onnx` of the very candidate that is served, whose proof has passed
and whose files are as they were written, gives back what answers as the candidate does. Knows
nothing of how a graph is written or proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.candidates.finished import Chosen
from tunewise.candidates.logistic import probabilities
from tunewise.errors import ProofFailed, RunFolderError
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.shipping.formats.gguf_file import CONVERTED, QUANTISED
from tunewise.shipping.manifest import read_manifest
from tunewise.shipping.runtimes.in_onnxruntime import OnnxRuntime

GRAPHS = {"onnx": "model.onnx", "onnx-int8": "model-int8.onnx"}
GGUFS = {f"gguf-{name}": f"model-{name}.gguf" for name in (*CONVERTED, *QUANTISED)}


def proved_file(one: Chosen, runtime: str) -> Path:
    """Return the exported file of a candidate that was proved to answer as it does.

    Args:
        one: the candidate that is served.
        runtime: of GRAPHS or GGUFS.

    Raises:
        RunFolderError: there is none, of another candidate or fit, or changed since.
        ProofFailed: its proof failed, or wasn't made.
    """
    form, file = ("onnx", GRAPHS) if runtime in GRAPHS else ("gguf", GGUFS)
    place = one.files.path / "shipped" / form
    again = f"Export it: tunewise export {one.files.path} --to {form}"
    manifest = read_manifest(place)
    if manifest.candidate != one.name:
        raise RunFolderError(
            f"the export is of '{manifest.candidate}', not of '{one.name}'",
            where=str(place),
            mend=again,
        )
    if manifest.fit != one.fit:
        raise RunFolderError(
            "the export is of an older fit of the candidate", where=str(place), mend=again
        )
    model = file[runtime]
    if model not in manifest.files or manifest.models.get(model) != "passed":
        state = manifest.models.get(model, "not there")
        raise ProofFailed(
            f"the file isn't proved to answer as the candidate does (its proof: {state})",
            where=str(place / model),
            mend="See parity.json beside it, or serve without --runtime.",
        )
    return place / model


class Graph:
    """A loaded graph that answers as the candidate does.

    Args:
        file: the graph; its tokenizer lies beside it.
        labels: of the task, in the order of the graph's logits.
        max_length: tokens read of each text.
        threads: that compute.

    Raises:
        BadInput: onnxruntime isn't installed.
        ModelError: it doesn't load the file.
    """

    def __init__(self, file: Path, labels: Sequence[str], max_length: int, threads: int) -> None:
        self.labels = tuple(labels)
        self._runtime = OnnxRuntime(file, max_length, threads)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:  # noqa: ARG002 -- over at once
        """Return one prediction per example, with the probability of each label."""
        ids = self._runtime.tokens([example.input for example in examples])
        shares = probabilities(self._runtime.run("logits", ids))
        return [
            Prediction(
                example.id,
                self.labels[best],
                tuple(row),
                prompt_tokens=len(read),
            )
            for example, row, best, read in zip(
                examples, shares.tolist(), shares.argmax(axis=1), ids, strict=True
            )
        ]

    def embed(self, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Return what the last layer reads of each text, at unit length, and its tokens."""
        ids = self._runtime.tokens(texts)
        found = self._runtime.run("embeddings", ids)
        return found / np.linalg.norm(found, axis=1, keepdims=True), [len(read) for read in ids]
