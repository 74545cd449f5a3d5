"""The training examples that can be shown, and those that are shown with a row.

Given examples and their embeddings (unit length), gives back a pool that can be written to a
folder and read back, and a retriever that words what showing.py picks of it. Knows nothing of
templates or language models.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tunewise.candidates.prompt.conversation import Shot
from tunewise.candidates.prompt.embedded import load_embedded, save_embedded
from tunewise.candidates.prompt.lexical import Lexical
from tunewise.candidates.prompt.showing import NEAR, Way, diverse, drawn, fixed, fused, nearest
from tunewise.progress import Progress
from tunewise.records import Example

SHOTS = "shots"  # what the files in a folder are named by


class Embeds(Protocol):
    """What turns texts into vectors."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return the texts' embeddings, float32 [texts, hidden], each of unit length."""


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

    def save(self, folder: Path) -> None:
        """Write the pool into a folder: JSONL for people, safetensors for the embeddings."""
        save_embedded(folder, SHOTS, self.rows, self.embeddings)


def pool_of(examples: Sequence[Example], embeddings: np.ndarray) -> ShotPool:
    """Return the pool of these examples, whose embeddings are given in their order."""
    rows = tuple(PoolRow(e.id, e.input, e.target) for e in examples)
    return ShotPool(rows, embeddings)


def load_pool(folder: Path) -> ShotPool:
    """Return the pool that `save` wrote into a folder.

    Raises:
        RunFolderError: it isn't as it was written.
    """
    rows, embeddings = load_embedded(folder, SHOTS, PoolRow)
    return ShotPool(tuple(rows), embeddings)


class Retriever:
    """Finds and words the shots of each example.

    Args:
        embedder: of the texts; the one that embedded the pool.
        pool: the training examples.
        label_texts: how each label is written in a prompt; where answers are texts, themselves.
        by_label: whether fixed shots take turns by label.
    """

    def __init__(
        self,
        embedder: Embeds,
        pool: ShotPool,
        label_texts: dict[str, str],
        *,
        by_label: bool = True,
    ) -> None:
        self.embedder, self.pool, self.label_texts = embedder, pool, label_texts
        self._by_label = by_label
        self._place = {row.id: number for number, row in enumerate(pool.rows)}
        self._fixed: dict[tuple[int, int], list[int]] = {}

    def shots(self, examples: Sequence[Example], way: Way) -> list[list[Shot]]:
        """Return the training examples that are shown with each example, in their order.

        A row is never shown to itself.
        """
        if way.select == "fixed":
            numbers = [self._fixed_for(example, way) for example in examples]
        else:
            wanted = self.embedder.embed([e.input for e in examples])
            similar = wanted @ self.pool.embeddings.T  # [examples, rows]
            for of_text, example in zip(similar, examples, strict=True):
                if example.id in self._place:
                    of_text[self._place[example.id]] = -np.inf
            pairs = zip(examples, similar, strict=True)
            numbers = [self._picked(example, row, way) for example, row in pairs]
        last = way.order == "nearest_last"
        return [[self._shot(n) for n in (of[::-1] if last else of)] for of in numbers]

    def _picked(self, example: Example, similar: np.ndarray, way: Way) -> list[int]:
        if way.select == "diverse":
            found = diverse(similar, self.pool.embeddings, way.shots)
        elif way.select == "fused":
            most = NEAR * way.shots
            words = self._lexical.ranking(example.input, most)
            found = fused([nearest(similar, most), words], way.shots + 1)
        else:
            found = nearest(similar, way.shots)
        return [n for n in found if similar[n] > -np.inf][: way.shots]

    @functools.cached_property
    def _lexical(self) -> Lexical:
        return Lexical([row.text for row in self.pool.rows])

    def _fixed_for(self, example: Example, way: Way) -> list[int]:
        key = way.shots, way.draw
        if key not in self._fixed:  # one to spare, for a row that would be shown to itself
            labels = [row.label if self._by_label else "" for row in self.pool.rows]
            self._fixed[key] = (
                drawn(labels, way.shots + 1, way.draw)
                if way.draw
                else fixed(labels, self.pool.embeddings, way.shots + 1)
            )
        own = self._place.get(example.id)
        return [n for n in self._fixed[key] if n != own][: way.shots]

    def _shot(self, number: int) -> Shot:
        row = self.pool.rows[number]
        return Shot(row.text, self.label_texts[row.label])


def shots_for(
    retriever: Retriever | None, examples: Sequence[Example], way: Way
) -> list[list[Shot]]:
    """Return the shots of each example: none where none are wanted."""
    if way.shots == 0 or not examples:
        return [[] for _ in examples]
    assert retriever is not None, "shots need a retriever"
    return retriever.shots(examples, way)
