"""How many tokens an answer may take: what is usual, and what the prompt leaves of the window.

Given numbers of tokens, gives back the answer's, or says how much is too much and what would be
cut. Nothing is ever cut by itself: an answer to half a text looks like any other. Knows nothing of
models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewise.errors import DataError

LONG = 99.0  # percentile of the training answers' lengths that a long one has
ROOM = 1.25  # times a long answer: what an answer may take
LEAST_NEW_TOKENS = 32
MEND = (
    "Shorten the text, show fewer examples, or take a model that reads more; nothing is cut by"
    " itself."
)


def check_room(tokens: int, reads: int | None, place: str) -> None:
    """Refuse a prompt that leaves no room for an answer.

    Args:
        tokens: of the prompt.
        reads: tokens that the model reads at most; None where nobody knows.
        place: the prompt's row, for the error.

    Raises:
        DataError: it doesn't.
    """
    if reads is not None and tokens >= reads:
        raise DataError(
            f"the prompt has {tokens:,} tokens and the model reads {reads:,}; there is no room for"
            f" an answer, and at least the text's last {tokens - reads + 1:,} tokens would be cut",
            where=place,
            mend=MEND,
        )


def room_for(longest: float) -> int:
    """Return the tokens that an answer may take, where a long one has so many."""
    return max(LEAST_NEW_TOKENS, round(ROOM * longest))


def usual_room(lengths: Sequence[float] | np.ndarray[Any, Any]) -> int:
    """Return the tokens that an answer may take, where those learnt from have so many each."""
    return room_for(float(np.percentile(lengths, LONG)))


def room_left(wanted: int, tokens: int, reads: int | None) -> int:
    """Return the tokens that an answer may take: those wanted, or what the prompt leaves of them.

    Args:
        wanted: tokens of the answer at most.
        tokens: of the prompt.
        reads: tokens that the model reads at most; None where nobody knows.
    """
    return wanted if reads is None else min(wanted, reads - tokens)
