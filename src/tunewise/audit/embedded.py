"""Texts as vectors of the embedded encoder, each embedded once, however many checks ask for it.

Given rows, gives back their vectors; the model is loaded when the first check asks. Also the order
in which samples are drawn, so that the smaller of two samples lies in the larger. Knows nothing of
what is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.data.identity import lot
from tunewise.progress import Progress
from tunewise.records import Example

if TYPE_CHECKING:
    import numpy as np

    from tunewise.engines.embeddings import Embedder

READ_TOKENS = 64  # of each text


class Embedded:
    """The vectors of the texts that were asked for."""

    def __init__(self, task_folder: Path, progress: Progress) -> None:
        self._task_folder = task_folder
        self._progress = progress
        self._vectors: dict[str, np.ndarray] = {}

    def of(self, rows: Sequence[Example]) -> np.ndarray:
        """Return the vectors of the rows' inputs, float32 [rows, hidden], each of unit length.

        Args:
            rows: at least one.

        Raises:
            Unreachable: the encoder isn't here and can't be fetched.
        """
        import numpy as np

        new = list({row.input: None for row in rows if row.input not in self._vectors})
        if new:
            found = self._embedder.embed(new, self._progress)
            self._vectors.update(zip(new, found, strict=True))
        return np.stack([self._vectors[row.input] for row in rows])

    @cached_property
    def _embedder(self) -> Embedder:
        from tunewise.engines.embeddings import Embedder
        from tunewise.models.resolve import resolve
        from tunewise.task.settings import DEFAULT_ENCODER

        model = resolve(DEFAULT_ENCODER, self._progress, task_folder=self._task_folder)
        return Embedder(model.path, READ_TOKENS)


def drawn(rows: Iterable[Example]) -> list[Example]:
    """Return the rows in the order of their lots; the first of them are a random sample."""
    return sorted(rows, key=lambda row: lot("sample", row.id))
