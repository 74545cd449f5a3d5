"""How many tokens the rows of a task have for a model, whether its tokenizer is here or not.

Given examples and a described model, gives back rows to train on and the tokens of prompts and
answers. Where the model's own tokenizer isn't on this machine, another model's counts for it, or
characters do, and that is said. Knows nothing of memory or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewise.errors import ModelError
from tunewise.models.configs import Described, described
from tunewise.progress import Silent
from tunewise.records import Example, Message
from tunewise.rendering.chat import common_beginning
from tunewise.rendering.rows import Rendered
from tunewise.rendering.wording import Wording
from tunewise.task.settings import DEFAULT_ENCODER, DEFAULT_LANGUAGE_MODEL

if TYPE_CHECKING:
    from tunewise.training.fast.packed import Row

CHARACTERS = 4.0  # of a token of English, where no tokenizer is at hand
ENOUGH = 50  # prompts whose common beginning is that of all
FRAME = 12  # tokens that a chat template writes around a row, where none is at hand


@dataclass(frozen=True)
class Lengths:
    """Tokens of examples.

    Attributes:
        prompts, answers: of each example.
        note: whose tokens they are, if not the model's own.
        shared: tokens that all prompts begin with; where labels are scored, they are read once.
    """

    prompts: np.ndarray
    answers: np.ndarray
    note: str | None
    shared: int = 0

    def rows(self, longest: int) -> list[Row]:
        """Return rows to train on of these lengths, cut at `longest`; what they say is made up."""
        from tunewise.training.fast.packed import Row

        found = []
        for prompt, answer in zip(self.prompts, self.answers, strict=True):
            whole = min(int(prompt + answer), longest)
            learnt = max(1, min(int(answer), whole - 1))
            supervised = np.zeros(max(whole, 2), dtype=bool)
            supervised[-learnt:] = True
            found.append(Row(np.ones(max(whole, 2), dtype=np.int32), supervised))
        return found


def chat_lengths(examples: Sequence[Example], model: Described, wording: Wording) -> Lengths:
    """Return the tokens that a language model reads of each example, and those of its answer."""
    folder, note = _folder(model, DEFAULT_LANGUAGE_MODEL)
    if folder is None:
        return _by_characters(examples, wording)
    try:
        rendered = _rendered(folder, examples, wording)
    except ModelError:
        if model.folder is not None:
            raise
        return _by_characters(examples, wording)
    prompts = np.array([row.prompt_tokens for row in rendered], dtype=np.int64)
    answers = np.array([max(1, row.needed - row.prompt_tokens) for row in rendered], dtype=np.int64)
    some = [row.ids[: row.prompt_tokens].tolist() for row in rendered[:ENOUGH]]
    return Lengths(prompts, answers, note, len(common_beginning(some)) if some[1:] else 0)


def text_lengths(examples: Sequence[Example], model: Described) -> tuple[np.ndarray, str | None]:
    """Return the tokens of each example's input for an encoder, special ones included."""
    from tunewise.models.loading import load_tokenizer
    from tunewise.rendering.lengths import token_counts

    folder, note = _folder(model, DEFAULT_ENCODER)
    texts = [example.input for example in examples]
    if folder is None:
        return np.array([round(len(t) / CHARACTERS) + 2 for t in texts]), _GUESSED
    return token_counts(load_tokenizer(folder), texts, special=True), note


def label_tokens(labels: Sequence[str], model: Described) -> int:
    """Return the tokens that scoring all labels reads, those that several begin with once."""
    from tunewise.models.loading import load_tokenizer

    folder, _ = _folder(model, DEFAULT_LANGUAGE_MODEL)
    if folder is None:
        return round(sum(len(label) for label in labels) / CHARACTERS) + 2 * len(labels)
    ids = load_tokenizer(folder)(list(labels), add_special_tokens=False)["input_ids"]
    return len({tuple(one[:end]) for one in ids for end in range(1, len(one) + 1)})


_GUESSED = f"lengths are guessed at {CHARACTERS:g} characters a token: no tokenizer is here yet"


def _folder(model: Described, instead: str) -> tuple[Path | None, str | None]:
    if model.folder is not None:
        return model.folder, None
    other = described(instead)
    if other.folder is None:
        return None, _GUESSED
    return (
        other.folder,
        f"lengths are counted with {instead}'s tokenizer: {model.name}'s isn't here",
    )


def _by_characters(examples: Sequence[Example], wording: Wording) -> Lengths:
    def said(messages: Sequence[Message]) -> float:
        return sum(len(message.content) / CHARACTERS + FRAME for message in messages)

    asked = np.array([round(said(wording.prompt(e))) for e in examples], dtype=np.int64)
    told = [wording.answers.get(e.target, e.target) for e in examples]
    answers = np.array([max(1, round(len(t) / CHARACTERS)) + 1 for t in told], dtype=np.int64)
    system = len(wording.system) / CHARACTERS + FRAME if wording.system else 0
    return Lengths(asked, answers, _GUESSED, round(system))


def _rendered(folder: Path, examples: Sequence[Example], wording: Wording) -> list[Rendered]:
    from tunewise.models.loading import load_tokenizer
    from tunewise.rendering.chat import chat_to_train
    from tunewise.rendering.rows import Renderer

    return Renderer(chat_to_train(load_tokenizer(folder)), wording).rendered(examples, Silent())
