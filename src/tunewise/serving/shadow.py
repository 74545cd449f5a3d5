"""A second candidate that gets every question too, after the first and never in its way.

Given a question with its first answer, asks the second in a thread of the lowest priority, with a
line of its own; what doesn't fit into the line is counted as left out. Both answers are written to
a file of the run, one line each question; texts and written answers only where they are asked for.
Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.evaluation.proportion import share
from tunewise.files import plain
from tunewise.overlap import rouge_l
from tunewise.records import Example, Interval, Prediction
from tunewise.serving.engine import Card
from tunewise.serving.jobs import Failed, Job, Predict, Predicted, Sampling, Write, Wrote
from tunewise.serving.meters import Meters
from tunewise.serving.worker import Busy, Stopping, Worker

NICENESS = 19  # of the thread: it computes when nobody else does
WAITING = 1000  # questions in its line


@dataclass(frozen=True, slots=True)
class Answered:
    """One candidate's answer.

    Attributes:
        answer: the label; of written answers, only where texts are asked for.
        probability: of the label; None where there is none.
        seconds: from the question to the answer, waiting included.
    """

    candidate: str
    answer: str | None
    probability: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A question answered by both.

    Attributes:
        time: of the second answer, in ISO 8601.
        request: its id, as in the log.
        same: whether the answers are equal.
        overlap: ROUGE-L of the two, where they are written.
        text: the question, where texts are asked for.
    """

    time: str
    request: str
    first: Answered
    second: Answered
    same: bool
    overlap: float | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How the two compare so far.

    Attributes:
        both: questions that both answered.
        same: share of equal answers among them, with its interval; None before there is any.
        failed: questions that the second couldn't answer.
        left_out: questions that the second wasn't asked, since it was too far behind.
        unwritten: pairs that couldn't be written to the file.
        first_seconds, second_seconds: mean of an answer.
    """

    first: str
    second: str
    both: int
    same: Interval | None
    failed: int
    left_out: int
    unwritten: int
    first_seconds: float | None
    second_seconds: float | None


class Shadow:
    """The second candidate.

    Args:
        first, second: what they are.
        worker: of the second.
        path: of the file of pairs.
        with_text: whether questions and written answers go into it.
        meters, log: where it is counted and told.
    """

    def __init__(
        self,
        first: Card,
        second: Card,
        worker: Worker,
        path: Path,
        *,
        with_text: bool,
        meters: Meters,
        log: logging.Logger,
    ) -> None:
        self.first, self.second, self.worker, self.path = first, second, worker, path
        self._with_text, self._meters, self._log = with_text, meters, log
        self._waits: set[asyncio.Task[None]] = set()
        self._same = self._other = self._failed = self._left_out = self._unwritten = 0
        self._seconds = [0.0, 0.0]

    def ask(self, examples: Sequence[Example], answers: Sequence[Prediction], took: float) -> None:
        """Ask the second what the first has answered; return at once.

        Args:
            examples: the questions.
            answers: the first's.
            took: seconds of the first, from the question to the answer.
        """
        loop = asyncio.get_running_loop()
        for example, answer in zip(examples, answers, strict=True):
            ask = Write(example, Sampling()) if self.second.streams else Predict((example,))
            job = Job(ask, loop)
            try:
                self.worker.submit(job)
            except (Busy, Stopping):
                self._left_out += 1
                self._meters.shadow.labels("left out").inc()
                continue
            wait = loop.create_task(self._wait(job, example, answer, took))
            self._waits.add(wait)
            wait.add_done_callback(self._waits.discard)

    async def ended(self, seconds: float) -> None:
        """Wait for answers that are on their way, for so long at most."""
        if self._waits:
            _, late = await asyncio.wait(self._waits, timeout=seconds)
            self._left_out += len(late)

    def tally(self) -> Tally:
        """Return how the two compare so far."""
        both = self._same + self._other
        means = [seconds / both if both else None for seconds in self._seconds]
        return Tally(
            self.first.candidate,
            self.second.candidate,
            both,
            share(self._same, both) if both else None,
            self._failed,
            self._left_out,
            self._unwritten,
            *means,
        )

    async def _wait(self, job: Job, example: Example, first: Prediction, took: float) -> None:
        event = await job.event()
        while not isinstance(event, Predicted | Wrote | Failed):
            event = await job.event()
        seconds = time.monotonic() - job.asked
        if isinstance(event, Failed):
            self._failed += 1
            self._meters.shadow.labels("failed").inc()
            fields = {"request_id": example.id, "candidate": self.second.candidate}
            self._log.warning("shadow failed: %s", event.error, extra={"fields": fields})
            return
        if isinstance(event, Wrote):
            second = Prediction(example.id, event.answer)
        else:
            (second,) = event.predictions
        self._meters.shadow_seconds.observe(seconds)
        self._seconds[0] += took
        self._seconds[1] += seconds
        pair = self._pair(example, (first, took), (second, seconds))
        self._same += pair.same
        self._other += not pair.same
        self._meters.shadow.labels("same" if pair.same else "other").inc()
        await asyncio.to_thread(self._write, pair)

    def _pair(
        self, example: Example, first: tuple[Prediction, float], second: tuple[Prediction, float]
    ) -> Pair:
        writes = self.first.task_kind == "generation"
        shown = self._with_text or not writes
        one, other = (
            Answered(
                card.candidate,
                answer.answer if shown else None,
                max(answer.scores) if answer.scores else None,
                round(seconds, 6),
            )
            for card, (answer, seconds) in ((self.first, first), (self.second, second))
        )
        return Pair(
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            example.id,
            one,
            other,
            first[0].answer == second[0].answer,
            rouge_l(first[0].answer, second[0].answer) if writes else None,
            example.input if self._with_text else None,
        )

    def _write(self, pair: Pair) -> None:
        """Add a line to the file, in one piece; a disk that is full doesn't stop the answering."""
        line = json.dumps(plain(pair), ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            self._unwritten += 1
            if self._unwritten == 1:
                fields = {"path": str(self.path)}
                self._log.error("pairs can't be written: %s", error, extra={"fields": fields})
