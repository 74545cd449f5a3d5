"""What a worker is asked, and what it sends back: records, and the mailbox between two threads.

A job belongs to one request. Its answers are put into its own mailbox, which nobody else reads, so
no answer can reach another request. Knows nothing of HTTP or of models.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tunewise.records import Example, Prediction


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the tokens of a written answer are chosen.

    Attributes:
        max_tokens: of the answer at most; None for what the candidate was judged with.
        temperature: 0 takes the most probable token, as the candidate was judged.
        top_p: share of probability from which is drawn.
        seed: of the draw; None for any.
        stop: texts before which an answer ends.
    """

    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Predict:
    """Answer these, all of them together."""

    examples: tuple[Example, ...]

    @property
    def texts(self) -> int:
        """How many texts it is about."""
        return len(self.examples)


@dataclass(frozen=True, slots=True)
class Embed:
    """Give these texts' vectors."""

    inputs: tuple[str, ...]

    @property
    def texts(self) -> int:
        """How many texts it is about."""
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class Write:
    """Write an answer.

    Attributes:
        example: what is asked.
        sampling: how tokens are chosen.
        in_pieces: whether somebody reads the pieces as they come; else the end alone counts.
    """

    example: Example
    sampling: Sampling
    in_pieces: bool = False

    @property
    def texts(self) -> int:
        """How many texts it is about."""
        return 1


@dataclass(frozen=True, slots=True)
class Predicted:
    """The answers to a Predict, in its order."""

    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of an Embed, float32 little-endian, and how many tokens were read."""

    vectors: tuple[bytes, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The next few characters of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Wrote:
    """The end of a Write.

    Attributes:
        answer: all of it.
        ended: whether the model ended it (or a stop text did), rather than the limit.
        prompt_tokens, completion_tokens: read, and written with the end token.
    """

    answer: str
    ended: bool
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class Failed:
    """It can't be answered."""

    error: Exception


Ask = Predict | Embed | Write
Event = Predicted | Embedded | Piece | Wrote | Failed


class Job:
    """One question on its way.

    Args:
        ask: what is asked.
        loop: that waits for the answer.

    Attributes:
        cancelled: whether nobody waits for the answer any more.
        asked, begun: seconds of the monotonic clock.
    """

    def __init__(self, ask: Ask, loop: asyncio.AbstractEventLoop) -> None:
        self.ask = ask
        self.loop = loop
        self.cancelled = False
        self.asked = time.monotonic()
        self.begun: float | None = None
        self._mailbox: asyncio.Queue[Event] = asyncio.Queue()

    async def event(self) -> Event:
        """Wait for the next event."""
        return await self._mailbox.get()

    def put(self, event: Event) -> None:
        """Put an event into the mailbox; in the loop's own thread alone."""
        self._mailbox.put_nowait(event)


def post(events: Iterable[tuple[Job, Event]]) -> None:
    """Send events to their jobs from the worker's thread, waking each loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Event]]] = {}
    for job, event in events:
        by_loop.setdefault(job.loop, []).append((job, event))
    for loop, some in by_loop.items():
        try:
            loop.call_soon_threadsafe(_put_all, some)
        except RuntimeError:
            if not loop.is_closed():  # then nobody waits for an answer any more
                raise


def _put_all(events: list[tuple[Job, Event]]) -> None:
    for job, event in events:
        job.put(event)
