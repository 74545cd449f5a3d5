"""The training examples that can be shown, and which of them are nearest to a text.

Given examples and their embeddings (unit length), gives back a pool that can be written to a
folder, read back, and asked for neighbours. Knows nothing of templates or language models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tunewise.candidates.prompt.conversation import Shot
from tunewise.errors import RunFolderError
from tunewise.files import read_records, write_jsonl, written_whole
from tunewise.progress import Progress
from tunewise.records import Example

if TYPE_CHECKING:
    from tunewise.engines.embeddings import Embedder

ROWS, EMBEDDINGS = "shots.jsonl", "shots.safetensors"


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One training example of the pool."""

    id: str
    text: str
    label: str


@dataclass(frozen=True)
class ShotPool:
    """Training examples with their embeddings, [rows, hidden], each of unit length."""

    rows: tuple[PoolRow, ...]
    embeddings: np.ndarray

    def nearest(self, wanted: np.ndarray, ids: Sequence[str], count: int) -> list[list[PoolRow]]:
        """Return for each text its nearest rows by cosine, the most similar last.

        A row is never shown to itself. Equal similarities are ordered as the pool is.

        Args:
            wanted: embeddings of the texts, [texts, hidden].
            ids: of the texts, so that one that is in the pool doesn't see itself.
            count: rows per text, or all there are if fewer.
        """
        place = {row.id: number for number, row in enumerate(self.rows)}
        similar = wanted @ self.embeddings.T  # [texts, rows]
        found = []
        for of_text, text_id in zip(similar, ids, strict=True):
            order = np.argsort(-of_text, kind="stable")
            nearest = order[order != place.get(text_id, -1)][:count]
            found.append([self.rows[number] for number in nearest[::-1]])
        return found

    def save(self, folder: Path) -> None:
        """Write the pool into a folder: JSONL for people, safetensors for the embeddings."""
        write_jsonl(folder / ROWS, self.rows)
        with written_whole(folder / EMBEDDINGS) as temporary:
            save_file({"embeddings": np.ascontiguousarray(self.embeddings)}, temporary)


def pool_of(examples: Sequence[Example], embeddings: np.ndarray) -> ShotPool:
    """Return the pool of these examples, whose embeddings are given in their order."""
    rows = tuple(PoolRow(e.id, e.input, e.target) for e in examples)
    return ShotPool(rows, embeddings)


def load_pool(folder: Path) -> ShotPool:
    """Return the pool that `save` wrote into a folder.

    Raises:
        RunFolderError: it isn't as it was written.
    """
    rows = tuple(read_records(folder / ROWS, PoolRow))
    try:
        embeddings = load_file(folder / EMBEDDINGS)["embeddings"]
    except (OSError, SafetensorError, KeyError) as error:
        raise RunFolderError(
            f"the shots' embeddings can't be read ({error})",
            where=str(folder / EMBEDDINGS),
            mend="Run the task again; it makes anew what is missing.",
        ) from error
    if len(embeddings) != len(rows):
        raise RunFolderError(
            f"{len(embeddings):,} embeddings for {len(rows):,} shots", where=str(folder)
        )
    return ShotPool(rows, embeddings)


class Retriever:
    """Finds and words the shots of each example.

    Args:
        embedder: of the texts; the one that embedded the pool.
        pool: the training examples.
        label_texts: how each label is written in a prompt.
    """

    def __init__(self, embedder: Embedder, pool: ShotPool, label_texts: dict[str, str]) -> None:
        self.embedder = embedder
        self.pool = pool
        self.label_texts = label_texts

    def shots(self, examples: Sequence[Example], count: int) -> list[list[Shot]]:
        """Return each example's nearest `count` training examples, the most similar last."""
        wanted = self.embedder.embed([e.input for e in examples])
        nearest = self.pool.nearest(wanted, [e.id for e in examples], count)
        return [[Shot(row.text, self.label_texts[row.label]) for row in rows] for rows in nearest]


def retriever_over(
    train: Sequence[Example], encoder: Path, label_texts: dict[str, str], progress: Progress
) -> Retriever:
    """Return what finds shots among these examples, embedded by the encoder in a folder."""
    from tunewise.engines.embeddings import Embedder

    embedder = Embedder(encoder)
    pool = pool_of(train, embedder.embed([e.input for e in train], progress))
    return Retriever(embedder, pool, label_texts)


def shots_for(
    retriever: Retriever | None, examples: Sequence[Example], count: int
) -> list[list[Shot]]:
    """Return the shots of each example: none where none are wanted."""
    if count == 0 or not examples:
        return [[] for _ in examples]
    assert retriever is not None, "shots need a retriever"
    return retriever.shots(examples, count)
