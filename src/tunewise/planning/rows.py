"""A task's rows as a plan sees them: on their sides, and how many tokens each has for a model.

Tokens are counted once for each model and side, however often a plan asks (for other settings, and
for what would make a candidate fit). Knows nothing of what is done with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tunewise.data.identity import drawn
from tunewise.models.configs import Described
from tunewise.planning.lengths import Lengths, chat_lengths, label_tokens, text_lengths
from tunewise.records import Dataset, Example, Split, Splits
from tunewise.rendering.wording import Wording, wording
from tunewise.task.settings import Task


@dataclass(frozen=True)
class Rows:
    """A task and its rows on their sides."""

    task: Task
    folder: Path
    dataset: Dataset
    splits: Splits
    _counted: dict[tuple[object, ...], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def side(self, name: Split, most: int | None = None) -> list[Example]:
        """Return the examples of one side; at `most` so many, those that a run would take."""
        whole = [self._by_id[id_] for id_ in getattr(self.splits, name)]
        if most is None or most >= len(whole):
            return whole
        return drawn(whole, most, name, self.task.seed)

    def chats(self, name: Split, model: Described, most: int | None = None) -> Lengths:
        """Return the tokens of one side's prompts and answers for a language model."""
        key = ("chats", model.name, name, most)
        if key not in self._counted:
            self._counted[key] = chat_lengths(self.side(name, most), model, self.wording)
        found: Lengths = self._counted[key]
        return found

    def texts(self, name: Split, model: Described) -> tuple[np.ndarray, str | None]:
        """Return the tokens of one side's inputs for an encoder, and whose they are if not its."""
        key = ("texts", model.name, name)
        if key not in self._counted:
            self._counted[key] = text_lengths(self.side(name), model)
        found: tuple[np.ndarray, str | None] = self._counted[key]
        return found

    def labels(self, model: Described) -> int:
        """Return the tokens that scoring all labels reads; 0 where answers are written."""
        if self.task.kind == "generation":
            return 0
        key = ("labels", model.name)
        if key not in self._counted:
            self._counted[key] = label_tokens(self.dataset.labels, model)
        found: int = self._counted[key]
        return found

    @cached_property
    def wording(self) -> Wording:
        """How examples are said to a language model."""
        return wording(self.task, self.dataset.labels)

    @cached_property
    def _by_id(self) -> dict[str, Example]:
        return {example.id: example for example in self.dataset.examples}
