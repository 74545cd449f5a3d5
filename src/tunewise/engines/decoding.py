"""Answers written side by side, token by token: rows may join and leave between any two tokens.

Given a causal language model and prompts as token ids, gives each row one more token per step. The
rows share one cache of keys and values, padded on the left, and a mask keeps every row to its own
tokens, so that who else is writing changes nothing but rounding. Knows nothing of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from tunewise.engines import growing
from tunewise.engines.attention import layer_kinds, masks
from tunewise.models.loading import positions_of

if TYPE_CHECKING:
    from transformers import Cache

ROWS = 16  # that write side by side at most
CACHED_TOKENS = 65_536  # of all rows together, padding included
LIKE = 0.75  # share of the longest prompt's length that those read along with it have at least


@dataclass(frozen=True, slots=True)
class Choice:
    """How the next token is chosen.

    Attributes:
        temperature: 0 takes the most probable one.
        top_p: the smallest set of the most probable tokens with this share is drawn from.
        seed: of the draw; None for any.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(eq=False)
class Row:
    """One answer that is being written.

    Attributes:
        prompt: token ids.
        most: tokens that it may take, the end token included.
        choice: how they are chosen.
        written: token ids so far.
    """

    prompt: Sequence[int]
    most: int
    choice: Choice = Choice()
    written: list[int] = field(default_factory=list)
    _draw: torch.Generator | None = None

    def drawn(self, logits: torch.Tensor) -> int:
        """Draw the next token, given its logits [vocab]; the temperature is above 0."""
        if self._draw is None:
            self._draw = torch.Generator()
            if self.choice.seed is None:
                self._draw.seed()
            else:
                self._draw.manual_seed(self.choice.seed)
        # In float64, from the most probable one down: no temperature, however low, overflows.
        exact = logits.double().cpu()
        shares = ((exact - exact.max()) / self.choice.temperature).softmax(-1)
        if self.choice.top_p < 1:
            ordered, places = shares.sort(descending=True)
            before = ordered.cumsum(-1) - ordered
            shares = torch.zeros_like(shares).scatter(
                0, places, ordered.masked_fill(before >= self.choice.top_p, 0)
            )
        return int(torch.multinomial(shares, 1, generator=self._draw))


class Decoder:
    """Rows that are written, and the model's memory of them.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        most_rows: that write side by side.
        cached_tokens: of all rows together, padding included.

    Attributes:
        rows: in the order of the cache.

    Raises:
        ModelError: an architecture whose attention can't be masked row by row.
    """

    def __init__(
        self, model: Any, *, most_rows: int = ROWS, cached_tokens: int = CACHED_TOKENS
    ) -> None:
        layer_kinds(model)
        self._most_rows, self._cached_tokens = most_rows, cached_tokens
        self.model = model
        self.most_tokens = positions_of(model.config)
        self.rows: list[Row] = []
        self._cache: Cache | None = None
        self._real = torch.zeros((0, 0), dtype=torch.bool, device=model.device)  # [rows, width]

    def room_for(self, joining: Sequence[Row], row: Row) -> bool:
        """Whether a row can join beside those that write and those that join; one alone can."""
        beside = [*self.rows, *joining]
        if not beside:
            return True
        widest = max(len(one.prompt) + one.most for one in [*beside, row])
        tokens = (len(beside) + 1) * widest
        return len(beside) < self._most_rows and tokens <= self._cached_tokens

    def join(self, rows: Sequence[Row]) -> None:
        """Read the prompts of new rows and give each its first token."""
        read = [self._read(batch) for batch in _of_like_length(rows)]
        self._merge(read)
        for batch in read:
            self.rows += batch.rows
            self._pick(batch.rows, batch.logits)

    def _read(self, rows: Sequence[Row]) -> _Read:
        longest = max(len(row.prompt) for row in rows)
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        real = torch.zeros((len(rows), longest), dtype=torch.bool)
        for number, row in enumerate(rows):
            start = longest - len(row.prompt)
            ids[number, start:] = torch.tensor(row.prompt)
            real[number, start:] = True
        ids, real = ids.to(self.model.device), real.to(self.model.device)
        causal = torch.ones((longest, longest), dtype=torch.bool, device=ids.device).tril()
        own = torch.eye(longest, dtype=torch.bool, device=ids.device)  # padding sees itself alone
        sees = causal & real[:, None, :] | own
        cache = growing.empty()
        logits = self._passed(ids, sees, _positions(real), _positions(real), cache)
        return _Read(rows, logits, real, cache)

    def step(self) -> None:
        """Give every row one more token."""
        ids = torch.tensor([[row.written[-1]] for row in self.rows], device=self.model.device)
        self._real = torch.nn.functional.pad(self._real, (0, 1), value=True)
        keys = _positions(self._real)
        logits = self._passed(ids, self._real[:, None, :], keys[:, -1:], keys, self._cache)
        self._pick(self.rows, logits)

    def leave(self, rows: Sequence[Row]) -> None:
        """Forget rows."""
        kept = [number for number, row in enumerate(self.rows) if row not in rows]
        self.rows = [self.rows[number] for number in kept]
        if not kept:
            self._cache, self._real = None, self._real[:0, :0]
            return
        places = torch.tensor(kept, device=self._real.device)
        self._real = self._real[places]
        first = int(self._real.any(0).int().argmax())  # columns that are padding for all who stay
        self._real = self._real[:, first:]
        with torch.inference_mode():
            self._cache = growing.filled(
                [(k[places, :, first:], v[places, :, first:])] for k, v in _states(self._cache)
            )

    def _pick(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        best = logits.argmax(-1).tolist()
        for number, row in enumerate(rows):
            greedy = row.choice.temperature == 0
            row.written.append(best[number] if greedy else row.drawn(logits[number]))

    def _passed(
        self,
        ids: torch.Tensor,
        sees: torch.Tensor,
        queries: torch.Tensor,
        keys: torch.Tensor,
        cache: Cache | None,
    ) -> torch.Tensor:
        """Return the logits of the last tokens [rows, vocab]; their keys and values are cached."""
        with torch.inference_mode():
            # No layer of the cache forgets what is outside its window: the masks say what is seen.
            logits: torch.Tensor = self.model(
                input_ids=ids,
                attention_mask=masks(self.model, sees, queries, keys),
                position_ids=queries,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
        return logits[:, -1]

    def _merge(self, read: Sequence[_Read]) -> None:
        """Put new rows under those that are there, all padded on the left to one width."""
        parts = [(self._real, self._cache)] if self.rows else []
        parts += [(batch.real, batch.cache) for batch in read]
        if len(parts) == 1:
            self._real, self._cache = parts[0]
            return
        width = max(real.shape[1] for real, _ in parts)
        pad = torch.nn.functional.pad
        self._real = torch.cat([pad(real, (width - real.shape[1], 0)) for real, _ in parts])
        with torch.inference_mode():
            states = zip(*(_states(cache) for _, cache in parts), strict=True)
            self._cache = growing.filled(states)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Prompts that were read together: the logits of their last tokens, and what is cached."""

    rows: Sequence[Row]
    logits: torch.Tensor  # [rows, vocab]
    real: torch.Tensor  # [rows, width]
    cache: Cache


def _of_like_length(rows: Sequence[Row]) -> list[list[Row]]:
    """Return rows in batches that hold little padding, the longest first."""
    batches: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: -len(row.prompt)):
        if batches and len(row.prompt) >= LIKE * len(batches[-1][0].prompt):
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _states(cache: Cache | None) -> list[growing.States]:
    """Return each layer's keys and values, [rows, heads, width, size]."""
    return [(layer.keys, layer.values) for layer in cache.layers] if cache else []


def _positions(real: torch.Tensor) -> torch.Tensor:
    """Return each token's position in its own row, [rows, width]; padding's doesn't matter."""
    return (real.long().cumsum(-1) - 1).clamp(min=0)
