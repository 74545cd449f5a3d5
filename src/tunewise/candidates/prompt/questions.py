"""A row as messages for an engine: instruction, examples and question, in the templates' words.

Given a task's wording, gives back asks. Knows nothing of engines or of which examples are shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import Answering
from tunewise.candidates.prompt.conversation import Shot
from tunewise.candidates.prompt.reading import KEY
from tunewise.engines.asks import Ask
from tunewise.records import Example, Message
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import Wording, rendered, system_text, user_text


class Questions:
    """Writes the asks of a task.

    Args:
        setup: the task's kind, its labels and the user's own words on it.
        templates: Jinja texts by name.
        answering: how answers are got.
        max_new_tokens: of a reply at most.
    """

    def __init__(
        self, setup: Setup, templates: dict[str, str], answering: Answering, max_new_tokens: int
    ) -> None:
        self.label_texts, self.templates = label_texts(setup.labels), templates
        self.answering, self.max_new_tokens = answering, max_new_tokens
        said = setup.instruction
        if setup.labels:
            said = system_text(templates, setup.instruction, self.label_texts)
        parts = [said, rendered(templates["schema.jinja"]) if answering == "constrained" else None]
        system = "\n\n".join(part for part in parts if part)
        self._wording = Wording(system or None, {}, templates)

    def ask(self, example: Example, shots: Sequence[Shot]) -> Ask:
        """Return the ask of one row.

        Args:
            example: the row.
            shots: examples to show, the last stands next to the question.
        """
        turns = self._wording.prompt(example)
        first = 1 if turns and turns[0].role == "system" else 0
        shown = [turn for shot in shots for turn in self._shown(shot)]
        return Ask(
            place=f"{example.source}:{example.row}",
            messages=(*turns[:first], *shown, *turns[first:]),
            max_new_tokens=self.max_new_tokens,
            schema=self._schema() if self.answering == "constrained" else None,
            alternatives=self.answering == "scored",
        )

    def _shown(self, shot: Shot) -> tuple[Message, Message]:
        answer = shot.label
        if self.answering == "constrained":
            answer = one_line_json({KEY: shot.label})
        question = Message("user", user_text(self.templates, shot.text))
        return question, Message("assistant", answer)

    def _schema(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"type": "string"}
        if self.label_texts:
            answer["enum"] = list(self.label_texts)
        return {
            "type": "object",
            "properties": {KEY: answer},
            "required": [KEY],
            "additionalProperties": False,
        }


def one_line_json(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
