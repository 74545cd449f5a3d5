"""Rows with their embeddings in a folder: JSONL for people, safetensors for the vectors.

Given rows and vectors, writes both files; given a folder, reads back what belongs together. Knows
nothing of what the rows are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tunewise.errors import RunFolderError
from tunewise.files import read_records, write_jsonl, written_whole

KEY = "embeddings"
T = TypeVar("T")


def save_embedded(folder: Path, what: str, rows: Sequence[Any], embeddings: np.ndarray) -> None:
    """Write rows and their embeddings [rows, hidden] into a folder.

    Args:
        folder: that exists.
        what: the rows are, such as 'shots'; the files are named by it.
        rows: records.
        embeddings: in their order.
    """
    write_jsonl(folder / f"{what}.jsonl", rows)
    with written_whole(folder / f"{what}.safetensors") as temporary:
        save_file({KEY: np.ascontiguousarray(embeddings)}, temporary)


def load_embedded(folder: Path, what: str, kind: type[T]) -> tuple[list[T], np.ndarray]:
    """Return the rows, records of a kind, and the embeddings that `save_embedded` wrote.

    Raises:
        RunFolderError: they aren't as they were written.
    """
    rows, file = read_records(folder / f"{what}.jsonl", kind), folder / f"{what}.safetensors"
    try:
        embeddings = load_file(file)[KEY]
    except (OSError, SafetensorError, KeyError) as error:
        raise RunFolderError(
            f"the embeddings of the {what} can't be read ({error})",
            where=str(file),
            mend="Run the task again; it makes anew what is missing.",
        ) from error
    if len(embeddings) != len(rows):
        raise RunFolderError(
            f"{len(embeddings):,} embeddings for {len(rows):,} {what}", where=str(folder)
        )
    return rows, embeddings
