"""Token ids cut up for display: which characters each token stands for, and what becomes of it.

Given a tokenizer and a row, gives back pieces whose texts, joined, are the text again. Knows
nothing of colours or terminals.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tunewise.rendering.chat import Chat
from tunewise.rendering.rows import Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Mark = Literal["trained", "read", "cut"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One token, or several that share one character.

    Attributes:
        text: that it stands for; the name of a control token.
        ids: of its tokens.
        mark: whether the model learns to write it, only reads it, or doesn't get to see it.
        control: whether it is a control token and no text.
    """

    text: str
    ids: tuple[int, ...]
    mark: Mark
    control: bool


def pieces_of(chat: Chat, row: Rendered, max_length: int) -> list[Piece]:
    """Return a training row in pieces.

    Args:
        chat: that rendered it.
        row: as it was rendered, uncut.
        max_length: tokens that are read of it; what comes after them is marked as cut.
    """
    marks: list[Mark] = [
        "cut" if place >= max_length else "trained" if supervised else "read"
        for place, supervised in enumerate(row.supervised.tolist())
    ]
    control = set(chat.control.ids.values())
    texts = _texts(chat.tokenizer, row.text, row.ids.tolist(), special=False)
    return _joined(texts, row.ids.tolist(), marks, control)


def prompt_pieces(chat: Chat, text: str, ids: Sequence[int]) -> list[Piece]:
    """Return a prompt in pieces, all of them only read.

    Args:
        chat: that rendered it.
        text: of the whole prompt.
        ids: of it, or of its first part.
    """
    texts = _texts(chat.tokenizer, text, ids, special=False)
    return _joined(texts, ids, ["read"] * len(ids), set(chat.control.ids.values()))


def encoder_pieces(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> list[Piece]:
    """Return the tokens an encoder reads of a text, then those that are cut off.

    Tokens of a vocabulary of words are shown as they stand in it, so that what was lowered, lost
    its accents or is unknown to the model shows.
    """
    whole = tokenizer(
        text, truncation=False, padding=False, return_special_tokens_mask=True, verbose=False
    )
    ids, special = list(whole["input_ids"]), list(whole["special_tokens_mask"])
    if keeps_words(tokenizer):
        texts = _words(tokenizer, ids)
    else:
        texts = _texts(tokenizer, text, ids, special=True)
    own = {tokenizer.unk_token_id} | {i for i, flag in zip(ids, special, strict=True) if flag}
    names = {number: str(tokenizer.convert_ids_to_tokens(number)) for number in own if number}
    texts = [names.get(number, shown) for number, shown in zip(ids, texts, strict=True)]
    over = max(0, len(ids) - max_length)
    content = [place for place, flag in enumerate(special) if not flag]
    cut = set(content[len(content) - over :]) if over else set[int]()
    order = [p for p in range(len(ids)) if p not in cut] + sorted(cut)
    marks: list[Mark] = ["cut" if place in cut else "read" for place in order]
    return _joined([texts[p] for p in order], [ids[p] for p in order], marks, own)


def _texts(
    tokenizer: PreTrainedTokenizerBase, text: str, ids: Sequence[int], *, special: bool
) -> list[str]:
    """Return what each token stands for in `text`; what lies between two is the second's."""
    if not tokenizer.is_fast:
        return [str(tokenizer.decode([number])) for number in ids]
    offsets = tokenizer(
        text,
        add_special_tokens=special,
        truncation=False,
        padding=False,
        return_offsets_mapping=True,
        verbose=False,
    )["offset_mapping"][: len(ids)]
    found, reached = [], 0
    for _, end in offsets:
        found.append(text[reached:end])
        reached = max(reached, end)
    return found


def _joined(
    texts: Sequence[str], ids: Sequence[int], marks: Sequence[Mark], control: Collection[Any]
) -> list[Piece]:
    """Return pieces; a token that adds no character belongs to the one before it."""
    found: list[Piece] = []
    for text, number, mark in zip(texts, ids, marks, strict=True):
        last = found[-1] if found else None
        if not text and last and last.mark == mark and not last.control:
            found[-1] = Piece(last.text, (*last.ids, number), mark, control=False)
        else:
            found.append(Piece(text, (number,), mark, number in control))
    return found


def keeps_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer writes words that go on with '##', as BERT's does."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    return type(decoder).__name__ == "WordPiece"


def _words(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """Return words as the vocabulary has them, a space before each that begins one."""
    words = [str(tokenizer.convert_ids_to_tokens(number)) for number in ids]
    return [word[2:] if word.startswith("##") else f" {word}" for word in words]
