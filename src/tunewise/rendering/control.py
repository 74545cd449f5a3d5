"""The tokens by which a model tells turns apart, kept out of the users' own words.

Given a tokenizer and what its chat template writes, says which strings are read as control
tokens, and gives back texts in which none of them stands. Knows nothing of conversations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BRACKETED = re.compile(r"[<\[].*\S.*[>\]]", re.DOTALL)  # <|end|>, [INST]; not '\n\n' or '▁▁'
PASSES = 3  # over a text; what is left after them is found by rows.py, which counts tokens


@dataclass(frozen=True)
class Control:
    """Strings that the tokenizer reads as one token each, whatever stands around them.

    Attributes:
        kept_out: of what users and systems say: all that are flagged as special, and those that
            the template writes.
        kept_out_of_answers: the special ones, and those that stand around turns. The rest an
            answer may have: a reasoning model writes <think> and </think> itself.
        ids: of all of them, by their strings.
        special_ids: of those that no text may hold.
    """

    kept_out: tuple[str, ...]
    kept_out_of_answers: tuple[str, ...]
    ids: dict[str, int]
    special_ids: frozenset[int]

    def inside(self, text: str, *, answer: bool) -> list[str]:
        """Return the control tokens that stand in a text and mustn't."""
        return [token for token in self._tokens(answer=answer) if token in text]

    def defused(self, text: str, *, answer: bool) -> str:
        """Return the text without them, see the function of that name."""
        return defused(text, self._tokens(answer=answer))

    def _tokens(self, *, answer: bool) -> tuple[str, ...]:
        return self.kept_out_of_answers if answer else self.kept_out

    def first_in(self, text: str) -> str | None:
        """Return the control token with which a text begins, white space aside."""
        bare = text.lstrip()
        return max((t for t in self.ids if bare.startswith(t)), key=len, default=None)


def defused(text: str, tokens: Sequence[str]) -> str:
    """Return a text with a space after the first character of each control token in it.

    Without it '<|im_end|>' in a text would end its own turn. One space is the smallest change that
    leaves the text readable.
    """
    for _ in range(PASSES):
        found = [token for token in tokens if token in text]
        if not found:
            break
        for token in found:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def control_tokens(tokenizer: PreTrainedTokenizerBase, source: str, around: str) -> Control:
    """Return the control tokens of a tokenizer.

    Args:
        tokenizer: of the model.
        source: of the chat template.
        around: what the template writes around what is said, rendered.
    """
    added = {str(token): token.special for token in tokenizer.added_tokens_decoder.values()}
    special = {token for token, flag in added.items() if flag} | {*tokenizer.all_special_tokens}
    marks = {token for token in added if BRACKETED.fullmatch(token)} - special
    turns = special | {token for token in marks if token in around}
    written = turns | {token for token in marks if token in source}
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in written}
    return Control(
        _longest_first(written),
        _longest_first(turns),
        ids,
        frozenset(ids[token] for token in turns),
    )


def _longest_first(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return tokens of two characters or more; a single one can't be split by a space."""
    usable = (token for token in tokens if len(token.strip()) > 1)
    return tuple(sorted(usable, key=lambda token: (-len(token), token)))
