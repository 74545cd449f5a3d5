"""What the routes share: the model that answers, the one beside it, the figures and the log.

Turns questions into jobs of the worker and waits for their answers; a question whose client goes
away gives up its place. Knows nothing of how requests and answers are written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tunewise.errors import DataError, Unreachable, did_you_mean
from tunewise.records import Prediction
from tunewise.serving.engine import Card
from tunewise.serving.jobs import Ask, Event, Failed, Job, Predict, Predicted, Write, Wrote
from tunewise.serving.meters import Meters
from tunewise.serving.refusals import Refused
from tunewise.serving.watch import Watch
from tunewise.serving.worker import Busy, Stopping, Worker


@dataclass
class Service:
    """One served model.

    Attributes:
        card: what is served.
        worker: that answers.
        meters, log: where it is counted and told.
        watch: told of every question with its answer.
        threshold: least probability of an answer, where a request names none.
        log_text: whether the log holds texts and answers.
        stopping: whether the server was told to stop.
    """

    card: Card
    worker: Worker
    meters: Meters
    log: logging.Logger
    watch: Watch
    threshold: float = 0.0
    log_text: bool = False
    stopping: bool = False

    def check_model(self, name: str | None) -> None:
        """Refuse a model that isn't the one served.

        Raises:
            Refused: it isn't.
        """
        if name is not None and name not in self.card.names:
            raise Refused(
                404,
                f"there is no such model here. {did_you_mean(name, self.card.names)}",
                param="model",
                code="model_not_found",
            )

    @contextlib.asynccontextmanager
    async def asked(self, ask: Ask) -> AsyncIterator[Job]:
        """Put a question into the line for the length of a block; after it nobody waits for it.

        Raises:
            Refused: the line is full, or the server stops.
        """
        job = Job(ask, asyncio.get_running_loop())
        try:
            self.worker.submit(job)
        except Busy as busy:
            raise Refused(
                429,
                f"too many requests wait; try again in {busy.seconds} s",
                code="line_full",
                headers={"retry-after": str(busy.seconds)},
            ) from busy
        except Stopping as stopping:
            raise Refused(
                503, "the server stops", code="stopping", headers={"retry-after": "5"}
            ) from stopping
        try:
            yield job
        finally:
            self.worker.withdraw(job)
            if job.begun is not None:
                self.meters.line_seconds.observe(job.begun - job.asked)

    async def answered(self, ask: Ask) -> Event:
        """Return the one event that answers a question.

        Raises:
            Refused: it can't be answered.
        """
        began = time.monotonic()
        async with self.asked(ask) as job:
            found = self.checked(await job.event())
        if isinstance(ask, Predict) and isinstance(found, Predicted):
            self.watch.seen(ask.examples, found.predictions, time.monotonic() - began)
        return found

    async def predictions(self, ask: Predict) -> tuple[Prediction, ...]:
        """Return one prediction per text.

        Raises:
            Refused: they can't be answered.
        """
        found = await self.answered(ask)
        assert isinstance(found, Predicted)
        self.count_tokens(
            sum(p.prompt_tokens or 0 for p in found.predictions),
            sum(p.completion_tokens or 0 for p in found.predictions),
        )
        return found.predictions

    async def wrote(self, ask: Write) -> Wrote:
        """Return a whole written answer.

        Raises:
            Refused: it can't be answered.
        """
        async with self.asked(ask) as job:
            while not isinstance(found := self.checked(await job.event()), Wrote):
                pass
        self.written(ask, found, time.monotonic() - job.asked)
        return found

    def written(self, ask: Write, answer: Wrote, seconds: float) -> None:
        """Take note of an answer that was written in so many seconds."""
        self.count_tokens(answer.prompt_tokens or 0, answer.completion_tokens or 0)
        whole = Prediction(
            ask.example.id,
            answer.answer,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
        self.watch.seen((ask.example,), (whole,), seconds)

    def count_tokens(self, read: int, written: int) -> None:
        """Count tokens read and written."""
        self.meters.tokens.labels("read").inc(read)
        self.meters.tokens.labels("written").inc(written)

    def checked(self, event: Event) -> Event:
        """Return an event that isn't a failure.

        Raises:
            Refused: the question can't be answered, by the client's or an upstream's fault.
            Exception: what the engine raised, by our own fault.
        """
        if not isinstance(event, Failed):
            return event
        error = event.error
        if isinstance(error, DataError) and self.card.kind != "existing":
            message = f"{error.what}. {error.mend or ''}".strip()
            raise Refused(400, message, code="context_length_exceeded") from error
        if isinstance(error, Unreachable):
            raise Refused(503, "the model's own server gives no answer", code="upstream") from error
        raise error
