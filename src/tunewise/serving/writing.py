"""The engine for written answers: those that are written side by side, sent as they come.

Given a fitted candidate that writes, lets each question join as soon as there is room, sends its
answer in pieces, and lets it go when it ends, reaches its limit or isn't waited for any more. The
pieces put together are what the candidate's own `predict` answers. Knows nothing of HTTP.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tunewise.candidates.writing import Writes
from tunewise.engines.decoding import ROWS, Choice, Decoder, Row
from tunewise.engines.window import check_room, room_left
from tunewise.errors import BadInput
from tunewise.records import Example
from tunewise.serving.engine import Card
from tunewise.serving.jobs import Event, Failed, Job, Piece, Sampling, Write, Wrote, post

UNFINISHED = "\ufffd"  # what a character decodes to whose bytes aren't all here yet


@dataclass(eq=False)
class _Answer:
    """An answer on its way: what it is written for, and what was sent of it."""

    job: Job
    row: Row
    stops: tuple[str, ...]
    sent: str = ""


class WritingEngine:
    """Writes answers side by side.

    Args:
        card: what it is.
        fitted: gives prompts, tokens and their text.

    Raises:
        ModelError: an architecture whose answers can't be written side by side.
    """

    def __init__(self, card: Card, fitted: Writes) -> None:
        self.card = card
        self._fitted = fitted
        self._decoder = Decoder(fitted.answers.writer.model)
        self._ends = frozenset(fitted.answers.writer.end_ids)

    def warm_up(self, example: Example) -> None:
        """Write two tokens, so that the first request finds kernels chosen and memory taken."""
        row = self._row(Write(example, Sampling(max_tokens=2)))
        self._decoder.join([row])
        self._decoder.step()
        self._decoder.leave([row])

    def work(self, jobs: Sequence[Job], more: Callable[[int], list[Job]]) -> None:
        """Write until no answer is left; those that wait join as others leave."""
        waiting = collections.deque(self._begun(jobs))
        writing: dict[Row, _Answer] = {}
        try:
            while waiting or writing:
                fresh = self._joined(waiting, writing)
                if not fresh and writing:
                    self._decoder.step()
                self._send(fresh or list(writing.values()), writing)
                if not waiting and len(writing) < ROWS:
                    waiting.extend(self._begun(more(ROWS - len(writing))))
        except Exception as error:  # noqa: BLE001 - posted to all whose answers it broke off
            self._decoder.leave(self._decoder.rows)
            post((a.job, Failed(error)) for a in [*writing.values(), *waiting])

    def _begun(self, jobs: Iterable[Job]) -> list[_Answer]:
        """Return questions with their prompts as tokens; those that can't be asked are told so."""
        found = []
        for job in jobs:
            ask = job.ask
            if job.cancelled:
                continue
            try:
                if not isinstance(ask, Write):
                    raise BadInput("the candidate writes its answers: it has no others")
                found.append(_Answer(job, self._row(ask), ask.sampling.stop))
            except Exception as error:  # noqa: BLE001 - posted to its job, whose route tells it
                post([(job, Failed(error))])
        return found

    def _row(self, ask: Write) -> Row:
        prompt = self._fitted.answers.chat.ids(self._fitted.asked([ask.example]))[0]
        check_room(len(prompt), self._decoder.most_tokens, "the text")
        wanted = ask.sampling
        most = wanted.max_tokens or self._fitted.max_new_tokens
        most = room_left(most, len(prompt), self._decoder.most_tokens)
        return Row(prompt, most, Choice(wanted.temperature, wanted.top_p, wanted.seed))

    def _joined(
        self, waiting: collections.deque[_Answer], writing: dict[Row, _Answer]
    ) -> list[_Answer]:
        """Let those join for whom there is room; they then have their first token."""
        fresh: list[_Answer] = []
        while waiting and self._decoder.room_for([a.row for a in fresh], waiting[0].row):
            fresh.append(waiting.popleft())
        if fresh:
            writing.update({answer.row: answer for answer in fresh})
            self._decoder.join([answer.row for answer in fresh])
        return fresh

    def _send(self, answers: Sequence[_Answer], writing: dict[Row, _Answer]) -> None:
        """Send what the newest tokens add, and let go of answers that are done."""
        events: list[tuple[Job, Event]] = []
        done: list[Row] = []
        for answer in answers:
            wrote = self._news(answer, events)
            if wrote is not None:
                events.append((answer.job, wrote))
            if wrote is not None or answer.job.cancelled:
                done.append(answer.row)
        post(events)
        if done:
            self._decoder.leave(done)
            for row in done:
                del writing[row]

    def _news(self, answer: _Answer, events: list[tuple[Job, Event]]) -> Wrote | Failed | None:
        """Add what can be sent of an answer to `events`; return its end, if it has one."""
        row = answer.row
        ended = row.written[-1] in self._ends
        ids = row.written[:-1] if ended else row.written
        text = self._fitted.answers.text(ids)
        stop = min((at for s in answer.stops if (at := text.find(s)) >= 0), default=None)
        over = ended or stop is not None or len(row.written) >= row.most
        if stop is not None:
            text = text[:stop]
        elif not over:
            text = _certain(text, answer.stops)
        if not text.startswith(answer.sent):
            # A tokenizer that rewrites earlier characters: wait for the rest; at the end, say so.
            return Failed(RuntimeError("the answer's beginning changed")) if over else None
        if piece := text[len(answer.sent) :]:
            events.append((answer.job, Piece(piece)))
            answer.sent = text
        if not over:
            return None
        return Wrote(text, ended or stop is not None, len(row.prompt), len(ids) + ended)


def _certain(text: str, stops: Sequence[str]) -> str:
    """Return the part of an unfinished answer that no further token can take back."""
    text = text.rstrip(UNFINISHED)
    held = 0
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), held, -1):
            if text.endswith(stop[:length]):
                held = length
                break
    return text[: len(text) - held]
