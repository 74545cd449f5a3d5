"""An ONNX graph in onnxruntime, with the tokenizer that lies beside it.

Given texts, gives back their tokens and what the graph makes of them. The proof and the server ask
through this one class. Knows nothing of labels or of what is expected.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewise.errors import BadInput, ModelError, one_line
from tunewise.models.loading import load_tokenizer

TOGETHER = 128  # tokens of a batch, padding included: more leave a core's cache and gain nothing
PADDING = 16  # tokens of a batch that may be padding: about what a batch of its own costs
# onnxruntime 1.32 computes the sum and the norm that this step joins 7 times slower than apart.
SLOW = ["SkipLayerNormFusion"]


class OnnxRuntime:
    """A loaded graph.

    Args:
        file: the graph; its tokenizer lies beside it.
        max_length: tokens read of each text.
        threads: that compute; left out, onnxruntime's own choice.

    Raises:
        BadInput: onnxruntime isn't installed.
        ModelError: it doesn't load the file.
    """

    def __init__(self, file: Path, max_length: int, threads: int | None = None) -> None:
        if importlib.util.find_spec("onnxruntime") is None:
            raise BadInput(
                "onnxruntime isn't installed, and an ONNX file is answered by it",
                mend="Install it: pip install 'tunewise[onnx]'",
            )
        import onnxruntime

        self.name = f"onnxruntime {onnxruntime.__version__}, {file.stem}"
        tokenizer = load_tokenizer(file.parent)
        self._pad = int(tokenizer.pad_token_id or 0)
        # The tokenizer itself: transformers' call around it takes several times as long for a text.
        self._tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        # int8 scales the activations of all rows by the largest of them: beside others, a text's
        # probabilities would differ by what the others say.
        self._alone = "int8" in file.name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW
            )
        except Exception as error:  # onnxruntime's own errors have no common parent but this
            raise ModelError(
                f"onnxruntime doesn't load the file ({one_line(str(error), 200)})",
                where=str(file),
                mend="Export it again.",
            ) from error

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids that are read of each text."""
        return [read.ids or [self._pad] for read in self._tokenizer.encode_batch_fast(list(texts))]

    def run(self, output: str, tokens: Sequence[Sequence[int]]) -> np.ndarray:
        """Return 'logits' or 'embeddings' of texts given as ids: float32 [texts, width]."""
        parts: list[np.ndarray] = []
        order: list[int] = []
        alone = [[row] for row in range(len(tokens))]
        for rows in alone if self._alone else batches([len(ids) for ids in tokens]):
            longest = len(tokens[rows[0]])
            ids = np.full((len(rows), longest), self._pad, dtype=np.int64)
            mask = np.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(tokens[row])] = tokens[row]
                mask[place, : len(tokens[row])] = 1
            given = {"input_ids": ids, "attention_mask": mask}
            parts.append(self._session.run([output], given)[0])
            order += rows
        found: np.ndarray = np.concatenate(parts)[np.argsort(order)]
        return found


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return rows of similar length that are computed together, the longest of each first.

    Args:
        lengths: tokens of each row; one that is longer than a batch may be has its own.
    """
    found: list[list[int]] = []
    longest = padding = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        wasted = padding + longest - lengths[row]
        if found and (len(found[-1]) + 1) * longest <= TOGETHER and wasted <= PADDING:
            found[-1].append(row)
            padding = wasted
        else:
            found.append([row])
            longest, padding = lengths[row], 0
    return found
