"""Answers written by a causal language model, many prompts at a time.

Given a loaded model and prompts as token ids, gives back the tokens it writes up to its end token.
Answers are written side by side: as some end, others begin. The result doesn't depend on which are
together, but for rounding. Knows nothing of templates or of what is done with an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tunewise.engines.attention import takes_masks
from tunewise.engines.decoding import Choice, Decoder, Row
from tunewise.engines.window import check_room, room_left
from tunewise.models.loading import cached_bytes, positions_of, quiet_transformers
from tunewise.progress import Progress, showing

CACHE_BYTES = 1e9  # of keys and values of all rows that are answered together
ROWS_TOGETHER = 32
TURNOVER = 0.25  # share of the rows that have ended before others take their places


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as it was written.

    Attributes:
        ids: its tokens, without the end token.
        ended: whether the model ended it, rather than the limit.
    """

    ids: tuple[int, ...]
    ended: bool


class Writer:
    """Writes answers.

    Args:
        model: a causal language model with a head, in evaluation mode.
        end_ids: tokens that end an answer.
        pad_id: what prompts are padded with; never seen by the model.
    """

    def __init__(self, model: Any, end_ids: Sequence[int], pad_id: int) -> None:
        self.model, self.end_ids, self.pad_id = model, list(end_ids), pad_id
        self._masked = takes_masks(model)
        self.most_tokens = positions_of(model.config)

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        progress: Progress,
        names: Sequence[str] | None = None,
        *,
        title: str = "Writing answers",
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Written]:
        """Return an answer to each prompt, in their order.

        Args:
            prompts: token ids, none of them empty.
            max_new_tokens: of each answer at most.
            progress: gets a bar of rows.
            names: of the prompts, for errors; left out: their numbers.
            title: of the bar.
            temperature: 0 for the likeliest token each time; else tokens are drawn.
            seed: of what is drawn.

        Raises:
            DataError: a prompt leaves no room for an answer.
        """
        for number, prompt in enumerate(prompts):
            name = names[number] if names else f"prompt {number + 1}"
            check_room(len(prompt), self.most_tokens, name)
        with showing(progress, title, len(prompts)) as bar:
            if not self._masked:
                return self._by_generate(prompts, max_new_tokens, temperature, seed, bar.advance)
            rows = [
                Row(
                    prompt,
                    room_left(max_new_tokens, len(prompt), self.most_tokens),
                    Choice(temperature, seed=of_row),
                )
                for prompt, of_row in zip(prompts, _seeds(seed, len(prompts)), strict=True)
            ]
            self._side_by_side(rows, bar.advance)
        return [self._written(row.written[: row.most]) for row in rows]

    def _side_by_side(self, rows: Sequence[Row], ended: Callable[[int], None]) -> None:
        """Write all rows to their ends, those that may become longest first."""
        cached = int(CACHE_BYTES / self._cached_bytes())
        decoder = Decoder(self.model, most_rows=ROWS_TOGETHER, cached_tokens=cached)
        waiting = deque(sorted(rows, key=lambda row: -(len(row.prompt) + row.most)))
        done: list[Row] = []
        while waiting or decoder.rows:
            joining: list[Row] = []
            while waiting and decoder.room_for(joining, waiting[0]):
                joining.append(waiting.popleft())
            if joining:
                decoder.join(joining)
            else:
                decoder.step()
            for row in joining or decoder.rows:
                if row not in done and (len(row.written) == row.most or self._ends(row)):
                    done.append(row)
            # When rows leave, what all others have is copied: so several leave at once. A row that
            # has its most tokens leaves at once: the model may have no place for a further one.
            full = any(len(row.written) >= row.most for row in done)
            if full or len(done) > TURNOVER * (len(decoder.rows) - 1):
                decoder.leave(done)
                ended(len(done))
                done = []

    def _ends(self, row: Row) -> bool:
        return row.written[-1] in self.end_ids

    def _by_generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        temperature: float,
        seed: int,
        ended: Callable[[int], None],
    ) -> list[Written]:
        """Have transformers write, a batch at a time: for attention that takes no mask of ours."""
        found: list[Written | None] = [None] * len(prompts)
        drawing = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
        plain = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        lengths = [len(prompt) + max_new_tokens for prompt in prompts]
        with drawn_from(seed, temperature):
            for rows in together(lengths, int(CACHE_BYTES / self._cached_bytes())):
                some = [prompts[row] for row in rows]
                answers = self._answers(some, max_new_tokens, drawing if temperature else plain)
                for row, answer in zip(rows, answers, strict=True):
                    found[row] = answer
                ended(len(rows))
        return [answer for answer in found if answer is not None]

    def _cached_bytes(self) -> int:
        return cached_bytes(self.model.config, self.model.dtype.itemsize)

    def _answers(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: int, how: dict[str, Any]
    ) -> list[Written]:
        longest = max(map(len, prompts))
        ids = torch.full((len(prompts), longest), self.pad_id)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        device = self.model.device
        with torch.inference_mode(), quiet_transformers():
            whole = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=room_left(max_new_tokens, longest, self.most_tokens),
                **how,
                num_beams=1,
                repetition_penalty=1.0,
                eos_token_id=self.end_ids,
                pad_token_id=self.pad_id,
            )
        return [self._written(row[longest:].tolist()) for row in whole.cpu()]

    def _written(self, ids: Sequence[int]) -> Written:
        ends = [place for place, token in enumerate(ids) if token in self.end_ids]
        return Written(tuple(ids[: ends[0]] if ends else ids), bool(ends))


@contextmanager
def drawn_from(seed: int, temperature: float) -> Iterator[None]:
    """Draw from a seed inside the block, and leave the state outside as it was; if it draws."""
    if not temperature:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def together(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return rows' numbers in batches of like length, the longest first.

    Args:
        lengths: tokens of each row, those it may write included.
        most: tokens of a batch, padding included; a row of more is alone.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        full = not batches or (
            len(batches[-1]) >= ROWS_TOGETHER
            or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > most
        )
        if full:
            batches.append([])
        batches[-1].append(row)
    return batches


def _seeds(seed: int, rows: int) -> list[int]:
    """Return a seed for each row, so that what is drawn for one doesn't depend on the others."""
    drawing = torch.Generator().manual_seed(seed)
    return [int(one) for one in torch.randint(2**62, (rows,), generator=drawing)]
