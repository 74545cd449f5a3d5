"""task.json of an exported folder: all that an application needs to ask as the task was trained.

Given a tuned language model or an encoder, says which messages stand around a text, which tokens
end an answer, how labels are written and how much is read. Knows nothing of runtimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tunewise.candidates.lora import FittedLora
from tunewise.records import Example
from tunewise.shipping.subject import Subject

TASK = "task.json"
PLACE = "{{ text }}"


@dataclass(frozen=True, slots=True)
class Asking:
    """How the task is asked.

    Attributes:
        task: its name.
        kind: 'classification' or 'generation'.
        labels: all legal labels, in the order of scores; empty for generation.
        answers: how each label is written by a language model.
        messages: role and content of each turn; '{{ text }}' stands for the row's text. Empty for
            encoders, which read the text as it is.
        system: the task's own words, for rows that are conversations; None where there are none.
        system_first: whether they are a message of their own; else they stand before the first
            question, because the model's template has no place for a system message.
        kept_out: control tokens; one that stands in a text gets a space after its first character.
        stop: tokens that end an answer.
        stop_ids: their ids.
        max_new_tokens: of an answer at most.
        max_length: tokens of a text that an encoder reads.
    """

    task: str
    kind: str
    labels: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    messages: tuple[dict[str, str], ...] = ()
    system: str | None = None
    system_first: bool = True
    kept_out: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    max_new_tokens: int | None = None
    max_length: int | None = None

    def asked(self, text: str) -> list[dict[str, str]]:
        """Return the turns with a text in its place."""
        return [turn | {"content": turn["content"].replace(PLACE, text)} for turn in self.messages]


def asking_of(subject: Subject, fitted: Any) -> Asking:
    """Return how a fitted candidate is asked."""
    task, kind = subject.task, subject.setup.task_kind
    if not isinstance(fitted, FittedLora):
        length = getattr(fitted, "max_length", None) or fitted.embedder.max_length
        return Asking(task, kind, labels=subject.setup.labels, max_length=length)
    chat = fitted.chat
    ends = sorted(fitted.ends)
    return Asking(
        task,
        kind,
        labels=subject.setup.labels,
        answers=fitted.wording.answers,
        messages=tuple(turns_of(fitted, Example("place", PLACE, "", 0, "place"))),
        system=fitted.wording.system,
        system_first=chat.system != "nowhere",
        kept_out=chat.control.kept_out,
        stop=tuple(chat.tokenizer.convert_ids_to_tokens(ends)),
        stop_ids=tuple(ends),
        max_new_tokens=longest_answer(fitted),
    )


def turns_of(fitted: FittedLora, example: Example) -> list[dict[str, str]]:
    """Return the messages that a row is asked with, as the model's template takes them."""
    if fitted.conversation is not None:
        return fitted.chat.spoken(fitted.conversation.messages(example.input))
    return fitted.chat.spoken(fitted.wording.prompt(example))


def longest_answer(fitted: FittedLora) -> int:
    """Return the tokens that an answer may have, its end token included."""
    if fitted.conversation is None:
        return fitted.max_new_tokens
    return max(map(len, fitted.conversation.label_ids)) + 1
