"""Texts in pairs -> how near they are in meaning: the cosine of an encoder's embeddings.

Each text is embedded once in a process, as the same answers are scored and compared many times.
Knows nothing of which text is right.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewise.evaluation.answers import Floats

if TYPE_CHECKING:
    from tunewise.engines.embeddings import Embedder

MOST_KEPT = 200_000  # vectors kept between calls, about 300 MB of MiniLM's

_vectors: dict[tuple[str, str], Floats] = {}


def similarities(encoder: str, ones: Sequence[str], others: Sequence[str]) -> Floats:
    """Return the cosine of each pair of texts, [pairs], 0 where it is negative.

    Args:
        encoder: path of the model folder.
        ones: the one text of each pair.
        others: the other, in the same order.

    Raises:
        ModelError: the encoder can't be loaded.
    """
    from tunewise.progress import Silent

    texts = sorted({t for t in (*ones, *others) if (encoder, t) not in _vectors})
    if len(_vectors) + len(texts) > MOST_KEPT:
        _vectors.clear()
        texts = sorted({*ones, *others})
    if texts:
        found = _embedder(encoder).embed(texts, Silent())
        _vectors.update({(encoder, t): v for t, v in zip(texts, found, strict=True)})
    one, other = (np.stack([_vectors[encoder, t] for t in side]) for side in (ones, others))
    cosines: Floats = np.einsum("pd,pd->p", one, other).astype(np.float64)
    return np.clip(cosines, 0.0, 1.0)


@functools.cache
def _embedder(encoder: str) -> Embedder:
    from tunewise.engines.embeddings import Embedder

    return Embedder(Path(encoder))
