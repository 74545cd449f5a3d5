"""How many tokens many texts or rows have, counted fast.

Given a tokenizer and texts, gives back exact counts; given a renderer and examples, counts that
are right but for a few tokens, since rows are not rendered but added up. Knows nothing of what
the counts are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.progress import Silent
from tunewise.records import Example, Message
from tunewise.rendering.chat import ANSWER
from tunewise.rendering.rows import Rendered, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Counts = np.ndarray[Any, np.dtype[np.int64]]
CHUNK = 4096  # texts tokenised together
CHECKED = 64  # rows whose sum is compared with their rendering
MARGIN = 8  # tokens that a sum may be off; a template for which it isn't enough is rendered


def token_counts(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, special: bool
) -> Counts:
    """Return how many tokens each text has, uncut, [texts].

    Args:
        tokenizer: of the model. Only its settings for cutting and padding are touched, which every
            call of it sets anew.
        texts: to be counted.
        special: whether to count the special tokens that the tokenizer adds by itself.
    """
    counts = np.zeros(len(texts), dtype=np.int64)
    backend = getattr(tokenizer, "backend_tokenizer", None) if tokenizer.is_fast else None
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    for start in range(0, len(texts), CHUNK):
        some = list(texts[start : start + CHUNK])
        if backend is not None:
            found = backend.encode_batch_fast(some, add_special_tokens=special)
        else:
            found = tokenizer(some, add_special_tokens=special, verbose=False)["input_ids"]
        counts[start : start + len(some)] = [len(one) for one in found]
    return counts


def row_lengths(renderer: Renderer, examples: Sequence[Example]) -> Counts:
    """Return how many tokens each example's longest row has, off by MARGIN at most, [examples].

    The tokens of what is said are counted; what a template writes around it is the same for all
    conversations of one shape and is rendered once. Some rows, the longest among them, are
    rendered to see that the sums hold; where they don't, all are.
    """
    sums = _sums(renderer, examples)
    longest = np.argsort(-sums, kind="stable")[: CHECKED // 2]
    spread = np.linspace(0, len(sums) - 1, CHECKED // 2).astype(int) if len(sums) else longest
    some = sorted({*longest.tolist(), *spread.tolist()})
    if not some:
        return sums
    rendered = exact_lengths(renderer, [examples[place] for place in some])
    if np.abs(rendered - sums[some]).max() > MARGIN:
        return exact_lengths(renderer, examples)
    sums[some] = rendered
    return sums


def exact_lengths(renderer: Renderer, examples: Sequence[Example]) -> Counts:
    """Return how many tokens each example's longest row has, by rendering it, [examples]."""
    by_id: dict[tuple[str, str], int] = {}
    for row in renderer.rendered(examples, Silent()):
        key = _key(row)
        by_id[key] = max(by_id.get(key, 0), len(row.ids))
    return np.array([by_id[e.id, f"{e.source}:{e.row}"] for e in examples], dtype=np.int64)


def _key(row: Rendered) -> tuple[str, str]:
    return row.id, row.row


def _sums(renderer: Renderer, examples: Sequence[Example]) -> Counts:
    tokenizer, system = renderer.chat.tokenizer, renderer.wording.system
    said: dict[str, int] = {}
    turns: list[list[int]] = []
    shapes: dict[tuple[str, ...], list[Message]] = {}
    shape_of: list[tuple[str, ...]] = []
    for example in examples:
        messages = renderer.wording.messages(example)
        own = [m for m in messages if m.role != "system" or m.content != system]
        turns.append([said.setdefault(m.content, len(said)) for m in own])
        shape = tuple(m.role if m.content != system else "instruction" for m in messages)
        shapes.setdefault(shape, messages)
        shape_of.append(shape)
    counts = token_counts(tokenizer, list(said), special=False)
    around = {shape: _around(renderer, messages) for shape, messages in shapes.items()}
    return np.array(
        [
            around[shape] + int(counts[numbers].sum())
            for shape, numbers in zip(shape_of, turns, strict=True)
        ],
        dtype=np.int64,
    )


def _around(renderer: Renderer, messages: Sequence[Message]) -> int:
    """Return how many tokens a conversation of this shape has beside what is said in it."""
    chat, system = renderer.chat, renderer.wording.system
    if not messages:
        return 0
    fixed = [m.content == system and m.role == "system" for m in messages]
    stand_ins = [
        message if keep else replace(message, content=ANSWER)
        for message, keep in zip(messages, fixed, strict=True)
    ]
    example = Example("", "", ANSWER, 0, "", messages=tuple(stand_ins))
    rows = renderer.rendered([example], Silent())
    whole = max(len(row.ids) for row in rows)
    return whole - (len(fixed) - sum(fixed)) * len(chat.ids([ANSWER])[0])
