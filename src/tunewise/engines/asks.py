"""What an engine is asked and what it replies: messages in, text with its tokens and price out.

An engine is anything that answers chat messages; `Engine` is all that a candidate needs of one.
Knows nothing of tasks, labels or how a reply came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from tunewise.progress import Progress
from tunewise.records import Message

N = TypeVar("N", int, float)
ALTERNATIVES = 20  # tokens whose log-probabilities are asked for at each place; APIs give no more


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a model; two that are alike are one question.

    Attributes:
        place: the row it is about, as 'file:row', for errors.
        messages: the whole conversation, the question last.
        max_new_tokens: of the reply at most, reasoning included.
        schema: JSON schema that the reply has to follow; None for free text.
        alternatives: whether log-probabilities are wanted, with those of other tokens.
        temperature: 0 for the likeliest reply.
        sample: number of the sample, where one question is asked several times.
    """

    place: str
    messages: tuple[Message, ...]
    max_new_tokens: int
    schema: dict[str, Any] | None = field(default=None, hash=False)
    alternatives: bool = False
    temperature: float = 0.0
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply, with the log-probabilities (nats) of it and of what might have been."""

    text: str
    logp: float
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote.

    Attributes:
        text: of the answer.
        reasoning: what it thought before, where the engine keeps that apart.
        ended: whether the model ended it, rather than the limit.
        refused: why the engine gave no answer, where it says so.
        tokens: of the text; empty where they weren't asked for or aren't given.
        prompt_tokens, completion_tokens: read and written, reasoning included; None if unknown.
        cost: US dollars; None where no price is known.
        seconds: that the request took when it was made; None where it isn't measured by itself.
    """

    text: str
    reasoning: str | None = None
    ended: bool = True
    refused: str | None = None
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None


def sum_or_none(counts: Sequence[N | None]) -> N | None:
    """Return the sum of some tokens or costs; None where one of them, or all, are unknown."""
    known = [count for count in counts if count is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(counts) else None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do beside writing text."""

    alternatives: bool
    schema: bool


@dataclass(frozen=True)
class LabelLogps:
    """How probable labels are after thoughts.

    Attributes:
        values: log P(label | prompt and thoughts) in nats, [asks, labels].
        lengths: tokens of each label, its end included, [labels].
    """

    values: np.ndarray
    lengths: np.ndarray


class Concludes(Protocol):
    """What brings the thoughts of a model to an answer.

    Attributes:
        scores_labels: whether labels can be scored after thoughts; else an answer is written.
    """

    scores_labels: bool

    def label_logps(
        self,
        asks: Sequence[Ask],
        replies: Sequence[Reply],
        labels: Sequence[str],
        progress: Progress,
    ) -> LabelLogps:
        """Return how probable each label is after the thoughts of each reply."""

    def concluded(
        self, asks: Sequence[Ask], replies: Sequence[Reply], most: int, progress: Progress
    ) -> list[Reply]:
        """Return the replies, with an answer written after those that have come to none."""


class Engine(Protocol):
    """A model that replies to messages."""

    @property
    def concluder(self) -> Concludes | None:
        """What carries a reply on; None where the engine gives whole replies alone."""

    @property
    def abilities(self) -> Abilities:
        """What the engine can do, as far as it is known."""

    @property
    def sent(self) -> int:
        """Questions of the last `generate` that had not been answered before."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, or has at most where nobody can count them."""

    def close(self) -> None:
        """Let go of what is held."""

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        """Return a reply to each ask, in their order; `title` is what the bar says."""
