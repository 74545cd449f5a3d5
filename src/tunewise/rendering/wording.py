"""An example in words: which messages a language model is given, and what it should answer.

Given a task's kind, instruction and labels, gives back the messages of each example, the answer
last. A prompted model is asked in the same words as a tuned one is trained on. Knows nothing of
chat templates or tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from tunewise.data.shapes.turns import last_answer
from tunewise.records import Example, Message
from tunewise.rendering.label_texts import label_texts
from tunewise.task.settings import Kind, Task

TEMPLATES = ("system.jinja", "user.jinja")  # of every prompt and every training row
ASKED_TEMPLATES = (*TEMPLATES, "schema.jinja")  # of prompts that are asked in words alone


def template_texts(names: Sequence[str] = TEMPLATES) -> dict[str, str]:
    """Return the package's templates of prompts by name."""
    folder = resources.files(__package__) / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def system_text(templates: dict[str, str], instruction: str | None, labels: Sequence[str]) -> str:
    """Return the instruction with the labels to choose from."""
    written = _compiled(templates["system.jinja"]).render(instruction=instruction, labels=labels)
    return str(written).strip()


def user_text(templates: dict[str, str], text: str) -> str:
    """Return an input as the user says it."""
    return str(_compiled(templates["user.jinja"]).render(text=text))


def rendered(template: str, **words: object) -> str:
    """Return a template's text with words put in."""
    return str(_compiled(template).render(**words)).strip()


@functools.cache
def _compiled(template: str) -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=False,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the result is a prompt, not a page
    )
    return environment.from_string(template)


@dataclass(frozen=True)
class Wording:
    """How a task's examples are said.

    Attributes:
        system: what stands before the question; None where nothing is to be said.
        answers: how each label is written; empty where answers are free text.
        templates: of prompts, by name.
    """

    system: str | None
    answers: dict[str, str]
    templates: dict[str, str]

    def messages(self, example: Example) -> list[Message]:
        """Return the turns of an example, its answer last.

        A conversation is taken as it is, up to its last answer; the instruction is put before one
        that brings no system message of its own.
        """
        if not example.messages:
            turns = [
                Message("user", user_text(self.templates, example.input)),
                Message("assistant", self.answers.get(example.target, example.target)),
            ]
        else:
            last = last_answer(example.messages)
            turns = [] if last is None else list(example.messages[: last + 1])
        return self._instructed(turns)

    def prompt(self, example: Example) -> list[Message]:
        """Return the turns that an example is asked with: all before its answer."""
        if not example.messages:
            return self._instructed([Message("user", user_text(self.templates, example.input))])
        turns = list(example.messages)
        while turns and turns[-1].role == "assistant":
            turns.pop()
        return self._instructed(turns)

    def _instructed(self, turns: list[Message]) -> list[Message]:
        if self.system is None or any(turn.role == "system" for turn in turns):
            return turns
        return [Message("system", self.system), *turns]


def wording(task: Task, labels: Sequence[str]) -> Wording:
    """Return how the examples of a task are said.

    Args:
        task: its kind and instruction.
        labels: of the dataset; none for generation, where the instruction alone is said before.
    """
    return wording_of(task.kind, task.instruction, labels)


def wording_of(kind: Kind, instruction: str | None, labels: Sequence[str]) -> Wording:
    """Return how the examples of a task of this kind are said; see `wording`."""
    templates = template_texts()
    if kind == "generation" or not labels:
        return Wording(instruction, {}, templates)
    texts = label_texts(labels)
    system = system_text(templates, instruction, texts)
    return Wording(system, dict(zip(labels, texts, strict=True)), templates)
