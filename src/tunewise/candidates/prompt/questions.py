"""A row as messages for an engine: instruction, examples and question, in the templates' words.

Given a task's wording, gives back asks. Knows nothing of engines or of which examples are shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import Answering, AskedFit
from tunewise.candidates.prompt.conversation import Shot
from tunewise.candidates.prompt.reading import KEY, REASONING
from tunewise.engines.asks import Ask
from tunewise.records import Example, Message
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import Wording, rendered, system_text, user_text, with_passages

THOUGHTS = 1024  # tokens at most, before an answer that is thought about


class Questions:
    """Writes the asks of a task.

    Args:
        setup: the task's kind, its labels and the user's own words on it.
        templates: Jinja texts by name.
        answering: how answers are got.
        max_new_tokens: of a reply at most.
        instructions: that may be given, by number; left out, the user's own alone.
    """

    def __init__(
        self,
        setup: Setup,
        templates: dict[str, str],
        answering: Answering,
        max_new_tokens: int,
        instructions: Sequence[str | None] | None = None,
    ) -> None:
        self.label_texts, self.templates = label_texts(setup.labels), templates
        self.answering, self.max_new_tokens = answering, max_new_tokens
        self.instructions = tuple(instructions or [setup.instruction])
        self._wordings: dict[tuple[int, bool], Wording] = {}

    def ask(
        self,
        example: Example,
        shots: Sequence[Shot] = (),
        passages: Sequence[str] = (),
        *,
        think: bool = False,
        instruction: int = 0,
    ) -> Ask:
        """Return the ask of one row.

        Args:
            example: the row.
            shots: examples to show, the last stands next to the question.
            passages: to show with it, the best first.
            think: whether the model is to think before it answers.
            instruction: number of the instruction.
        """
        turns = self._wording(instruction, think=think).prompt(example)
        if passages:
            told = with_passages(self.templates, turns[-1].content, passages)
            turns = [*turns[:-1], Message("user", told)]
        first = 1 if turns and turns[0].role == "system" else 0
        shown = [turn for shot in shots for turn in self._shown(shot, think=think)]
        schema = self._schema(think=think) if self.answering == "constrained" else None
        return Ask(
            place=f"{example.source}:{example.row}",
            messages=(*turns[:first], *shown, *turns[first:]),
            max_new_tokens=self.max_new_tokens + (THOUGHTS if think else 0),
            schema=schema,
            alternatives=self.answering == "scored" and not think,
        )

    def _wording(self, instruction: int, *, think: bool) -> Wording:
        key = instruction, think
        if key not in self._wordings:
            system = self._system(self.instructions[instruction], think=think)
            self._wordings[key] = Wording(system or None, {}, self.templates)
        return self._wordings[key]

    def _system(self, instruction: str | None, *, think: bool) -> str:
        constrained = self.answering == "constrained"
        parts = [instruction]
        if self.label_texts:
            parts = [system_text(self.templates, instruction, self.label_texts)]
        if think:
            parts.append(rendered(self.templates, "think.jinja", schema=constrained))
        elif constrained:
            parts.append(rendered(self.templates, "schema.jinja"))
        return "\n\n".join(part.strip() for part in parts if part)

    def _shown(self, shot: Shot, *, think: bool) -> tuple[Message, Message]:
        answer = f"Answer: {shot.label}" if think else shot.label
        if self.answering == "constrained":
            answer = json.dumps({KEY: shot.label}, ensure_ascii=False)
        question = Message("user", user_text(self.templates, shot.text))
        return question, Message("assistant", answer)

    def _schema(self, *, think: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {"type": "string"}
        if self.label_texts:
            answer["enum"] = list(self.label_texts)
        fields = {REASONING: {"type": "string"}} if think else {}
        fields[KEY] = answer
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def questions_on_record(fit: AskedFit, setup: Setup) -> Questions:
    """Return the questions as a fitted prompt asks them."""
    return Questions(setup, fit.templates, fit.answering, fit.max_new_tokens, fit.instructions)


def replace_instructions(
    questions: Questions, setup: Setup, instructions: Sequence[str | None]
) -> Questions:
    """Return the same questions with other instructions to choose from."""
    return Questions(
        setup,
        questions.templates,
        questions.answering,
        questions.max_new_tokens,
        instructions,
    )
