"""What was exported, asked in the program that it is meant for.

Each file has one runtime: transformers (adapter, merged), llama.cpp (GGUF), onnxruntime (ONNX).
The records and the protocol are here, so that asking for one runtime imports no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as a runtime makes it: its text and ids, or why it can't."""

    text: str
    ids: tuple[int, ...]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What a model would say along a given answer.

    Attributes:
        likeliest: at each position of the answer, the id of the most probable token.
        logps: log-probability, in nats, of the token that the answer has there; None where the
            runtime doesn't tell.
        tied: at each position, the ids that the model's number format doesn't tell from the most
            probable one, itself among them; empty where the runtime doesn't tell.
    """

    likeliest: tuple[int, ...]
    logps: tuple[float | None, ...]
    tied: tuple[frozenset[int], ...] = ()


@dataclass(frozen=True, slots=True)
class Wrote:
    """A greedy answer.

    Attributes:
        ids: its tokens, the end token included where the runtime says it.
        stopped: whether the runtime stopped by itself, rather than at the limit.
    """

    ids: tuple[int, ...]
    stopped: bool


class LanguageRuntime(Protocol):
    """A language model in some program.

    Attributes:
        name: program, version and number format.
        place: what holds its template, for sentences.
    """

    name: str
    place: str

    def rendered(self, messages: Sequence[dict[str, str]]) -> Rendered:
        """Return the prompt that the runtime makes of messages, as an application gets it."""

    def ids_of(self, text: str) -> list[int]:
        """Return a text's tokens, special tokens read as such and none added."""

    def along(self, prompt: Sequence[int], answer: Sequence[int]) -> Steps:
        """Return what the model would say at each position of an answer to a prompt."""

    def wrote(self, prompt: Sequence[int], max_new_tokens: int) -> Wrote:
        """Return the greedy answer to a prompt, stopped where the runtime stops by itself."""

    def best(self, prompt: Sequence[int], labels: Sequence[Sequence[int]]) -> int:
        """Return the number of the most probable of several answers, each given as tokens."""

    def close(self) -> None:
        """Let go of the model."""
