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
from pathlib import Path

import jinja2
import jinja2.sandbox

from tunewise.data.shapes.turns import last_answer
from tunewise.errors import BadInput
from tunewise.records import Example, Message
from tunewise.rendering.label_texts import label_texts
from tunewise.task.settings import Kind, Task

OWN = "prompts"  # folder beside task.yaml with the user's own templates
TEMPLATES = ("system.jinja", "user.jinja")  # of every prompt and every training row
SCORED_TEMPLATES = (*TEMPLATES, "passages.jinja")  # of prompts whose labels are scored
ASKED_TEMPLATES = (
    *SCORED_TEMPLATES,
    "schema.jinja",
    "think.jinja",
)  # of prompts that are asked in words alone


def template_texts(
    names: Sequence[str] = TEMPLATES, task_folder: Path | None = None
) -> dict[str, str]:
    """Return templates of prompts by name: the user's own where there are some, else the package's.

    Args:
        names: of the templates.
        task_folder: where task.yaml stands; the user's own lie in its folder 'prompts'.

    Raises:
        BadInput: one of the user's isn't UTF-8, or isn't Jinja.
    """
    package = resources.files(__package__) / "templates"
    found = {}
    for name in names:
        own = task_folder / OWN / name if task_folder is not None else None
        given = own is not None and own.is_file()
        found[name] = _own_text(own) if given and own else (package / name).read_text("utf-8")
    return found


def _own_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
        _compiled(text)
    except UnicodeDecodeError as error:
        raise BadInput("the template isn't UTF-8", where=str(path), mend="Save it so.") from error
    except jinja2.TemplateSyntaxError as error:
        raise BadInput(
            f"this isn't a Jinja template: {error.message}", where=f"{path}:{error.lineno}"
        ) from error
    return text


def system_text(templates: dict[str, str], instruction: str | None, labels: Sequence[str]) -> str:
    """Return the instruction with the labels to choose from."""
    return rendered(templates, "system.jinja", instruction=instruction, labels=labels).strip()


def user_text(templates: dict[str, str], text: str) -> str:
    """Return an input as the user says it."""
    return rendered(templates, "user.jinja", text=text)


def with_passages(templates: dict[str, str], said: str, passages: Sequence[str]) -> str:
    """Return what the user says with the passages that were looked up for it; as it is without."""
    if not passages:
        return said
    return rendered(templates, "passages.jinja", passages=passages, text=said)


def rendered(templates: dict[str, str], name: str, **words: object) -> str:
    """Return a template's text with words put in.

    Raises:
        BadInput: it asks for a word that there is none of, or can't be rendered.
    """
    try:
        return str(_compiled(templates[name]).render(**words))
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        raise BadInput(
            f"the template can't be rendered: {error}",
            where=f"{OWN}/{name}",
            mend=f"It is given: {', '.join(words)}.",
        ) from error


@functools.cache
def _compiled(template: str) -> jinja2.Template:
    # Templates also come with run folders, which people share: they can reach nothing outside.
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=False,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
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
