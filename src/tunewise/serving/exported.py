"""An exported graph of an encoder or probe, answered by onnxruntime instead of the trained weights.

Given a run folder with `shipped/onnx` of the very candidate that is served, whose proof has passed
and whose files are as they were written, gives back what answers as the candidate does. Knows
nothing of how a graph is written or proved.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewise.candidates.finished import Chosen
from tunewise.engines.embeddings import length_batches
from tunewise.errors import BadInput, ModelError, ProofFailed, RunFolderError, one_line
from tunewise.models.loading import load_tokenizer
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.shipping.manifest import read_manifest

GRAPHS = {"onnx": "model.onnx", "onnx-int8": "model-int8.onnx"}
TOKENS_TOGETHER = 128  # of a batch, padding included: on a CPU, more gain nothing but padding


def proved_graph(one: Chosen, runtime: str) -> Path:
    """Return the graph of a candidate that was proved to answer as it does.

    Args:
        one: the candidate that is served.
        runtime: of GRAPHS.

    Raises:
        RunFolderError: there is none, of another candidate or fit, or changed since.
        ProofFailed: its proof failed, or wasn't made.
    """
    place = one.files.path / "shipped" / "onnx"
    again = f"Export it: tunewise export {one.files.path} --to onnx"
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
    graph = GRAPHS[runtime]
    if graph not in manifest.files or manifest.models.get(graph) != "passed":
        state = manifest.models.get(graph, "not there")
        raise ProofFailed(
            f"the graph isn't proved to answer as the candidate does (its proof: {state})",
            where=str(place / graph),
            mend="See parity.json beside it, or serve without --runtime.",
        )
    return place / graph


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
        if importlib.util.find_spec("onnxruntime") is None:
            raise BadInput(
                "onnxruntime isn't installed",
                where="--runtime",
                mend="Install it: pip install 'tunewise[onnx]'",
            )
        import onnxruntime

        self.labels, self.max_length = tuple(labels), max_length
        self.tokenizer = load_tokenizer(file.parent)
        self._pad = int(self.tokenizer.pad_token_id or 0)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(
                f"onnxruntime doesn't load the file ({one_line(str(error), 200)})",
                where=str(file),
                mend="Export it again.",
            ) from error

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:  # noqa: ARG002 -- over at once
        """Return one prediction per example, with the probability of each label."""
        ids = self._tokens([example.input for example in examples])
        logits = self._run("logits", ids)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return [
            Prediction(
                example.id,
                self.labels[int(row.argmax())],
                tuple(map(float, row)),
                prompt_tokens=len(read),
            )
            for example, row, read in zip(examples, shares, ids, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Return what the last layer reads of each text, at unit length, and its tokens."""
        ids = self._tokens(texts)
        found = self._run("embeddings", ids)
        return found / np.linalg.norm(found, axis=1, keepdims=True), [len(read) for read in ids]

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        read = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        return [list(ids) or [self._pad] for ids in read["input_ids"]]

    def _run(self, output: str, tokens: Sequence[Sequence[int]]) -> np.ndarray:
        """Return an output of the graph, float32 [texts, its width], in the texts' order."""
        parts: list[np.ndarray] = []
        order: list[int] = []
        for rows in length_batches([len(ids) for ids in tokens], TOKENS_TOGETHER):
            longest = max(len(tokens[row]) for row in rows)
            ids = np.full((len(rows), longest), self._pad, dtype=np.int64)
            mask = np.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(tokens[row])] = tokens[row]
                mask[place, : len(tokens[row])] = 1
            given = {"input_ids": ids, "attention_mask": mask}
            parts.append(self._session.run([output], given)[0])
            order += rows
        found = np.concatenate(parts)
        return found[np.argsort(order)]
