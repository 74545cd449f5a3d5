"""Answers that a language model writes, as predictions: what prompts and tuned models share.

Given a loaded model with its chat, and prompts as text, gives back one Prediction per prompt.
Knows nothing of how a prompt came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from tunewise.engines.generation import Writer
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.rendering.chat import Chat


@runtime_checkable
class Writes(Protocol):
    """A fitted candidate whose answers are written token by token.

    Attributes:
        answers: that writes them.
        max_new_tokens: of an answer at most.
    """

    answers: AnswerWriter
    max_new_tokens: int

    def asked(self, examples: Sequence[Example]) -> list[str]:
        """Return the prompt of each example, as the template writes it."""


class AnswerWriter:
    """Writes answers to prompts.

    Args:
        model: a causal language model, in evaluation mode.
        chat: of the model.
        stops: tokens at which the model stops, beside the template's own end token.

    Attributes:
        ends: all tokens that end an answer.
    """

    def __init__(self, model: Any, chat: Chat, stops: Iterable[int]) -> None:
        self.chat = chat
        self.ends = {*stops} | ({chat.end_id} if chat.end_id is not None else set())
        pad = chat.tokenizer.pad_token_id
        self.writer = Writer(model, sorted(self.ends), min(self.ends) if pad is None else pad)

    def predictions(
        self,
        examples: Sequence[Example],
        texts: Sequence[str],
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        """Return one prediction per example.

        Args:
            examples: that are answered.
            texts: their prompts, as the template writes them.
            max_new_tokens: of each answer at most.
            progress: gets a bar of rows.

        Raises:
            DataError: a prompt leaves no room for an answer; the message names its row.
        """
        prompts = self.chat.ids(texts)
        names = [f"{example.source}:{example.row}" for example in examples]
        written = self.writer.write(prompts, max_new_tokens, progress, names)
        return [
            Prediction(
                id=example.id,
                answer=self.text(answer.ids),
                prompt_tokens=len(prompt),
                completion_tokens=len(answer.ids) + answer.ended,
            )
            for example, prompt, answer in zip(examples, prompts, written, strict=True)
        ]

    def text(self, ids: Sequence[int]) -> str:
        """Return an answer's tokens as text."""
        return str(self.chat.tokenizer.decode(ids, skip_special_tokens=True)).strip()
