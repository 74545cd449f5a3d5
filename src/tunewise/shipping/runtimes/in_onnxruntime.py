"""An ONNX graph in onnxruntime, with the tokenizer that lies beside it.

Given texts, gives back their tokens and the logits of all labels. Knows nothing of what is
expected.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.errors import BadInput, ModelError, one_line
from tunewise.models.loading import load_tokenizer

ROWS_TOGETHER = 16


class OnnxRuntime:
    """A loaded graph.

    Args:
        file: the graph; its tokenizer lies beside it.
        max_length: tokens read of each text.

    Raises:
        BadInput: onnxruntime isn't installed.
        ModelError: it doesn't load the file.
    """

    def __init__(self, file: Path, max_length: int) -> None:
        if importlib.util.find_spec("onnxruntime") is None:
            raise BadInput(
                "onnxruntime isn't installed, and an ONNX file is proved in it",
                mend="Install it: pip install 'tunewise[onnx]'",
            )
        import onnxruntime

        self.name = f"onnxruntime {onnxruntime.__version__}, {file.stem}"
        self.tokenizer, self.max_length = load_tokenizer(file.parent), max_length
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors have no common parent but this
            raise ModelError(
                f"onnxruntime doesn't load the file ({one_line(str(error), 200)})",
                where=str(file),
                mend="Export it again.",
            ) from error

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids that are read of each text."""
        read = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        return [list(ids) or [self.tokenizer.pad_token_id or 0] for ids in read["input_ids"]]

    def logits(self, tokens: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the logits of texts given as ids, float32 [texts, labels], in their order."""
        found: list[np.ndarray | None] = [None] * len(tokens)
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        for start in range(0, len(order), ROWS_TOGETHER):
            rows = order[start : start + ROWS_TOGETHER]
            longest = max(len(tokens[row]) for row in rows)
            ids = np.full((len(rows), longest), self.tokenizer.pad_token_id or 0, dtype=np.int64)
            mask = np.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(tokens[row])] = tokens[row]
                mask[place, : len(tokens[row])] = 1
            given = {"input_ids": ids, "attention_mask": mask}
            for row, values in zip(rows, self._session.run(["logits"], given)[0], strict=True):
                found[row] = values
        return np.stack([values for values in found if values is not None])
