"""How a label is written in a prompt: card_arrival becomes 'card arrival', where none collide.

Given the labels, gives back their texts in the same order, each standing for one label. Knows
nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence

SPACED = str.maketrans("_-", "  ")


def label_texts(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels with underscores and hyphens as spaces, as they are when two would collide.

    A label that would be left without a letter, or begin or end with a space, keeps all of them
    as they are too, because chat templates trim what they are given.
    """
    texts = tuple(label.translate(SPACED) for label in labels)
    injective = len(set(texts)) == len(texts)
    whole = all(text.strip() == text and text for text in texts)
    return texts if injective and whole else tuple(labels)
