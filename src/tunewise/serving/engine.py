"""What a server asks of a model, and the engine for whatever a run folder holds.

An engine takes jobs, answers those that wait together in one go, and posts each answer to its own
job. `RunEngine` asks a fitted candidate; another runtime (such as onnxruntime) is plugged in by
giving `loaded` another engine for the same run. Knows nothing of HTTP or threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tunewise.errors import BadInput
from tunewise.progress import Silent
from tunewise.records import Example, Prediction
from tunewise.serving.jobs import Embed, Embedded, Event, Failed, Job, Predict, Predicted, post
from tunewise.task.settings import Format, Kind

if TYPE_CHECKING:
    import numpy as np

    from tunewise.candidates import Fitted


@dataclass(frozen=True, slots=True)
class Card:
    """What is served.

    Attributes:
        candidate: its name in the run.
        kind: of the candidate.
        task: name of the task.
        task_kind: whether it chooses a label or writes.
        labels: all legal labels, in the order of probabilities.
        format: of the rows that it learnt from.
        runtime: what computes its answers.
        streams: whether written answers come piece by piece.
        embedding: length of its vectors; None where it gives none.
        made: when its record was written, in seconds since 1970.
    """

    candidate: str
    kind: str
    task: str
    task_kind: Kind
    labels: tuple[str, ...]
    format: Format
    runtime: str
    streams: bool
    embedding: int | None
    made: int

    @property
    def names(self) -> tuple[str, ...]:
        """What a request may call it."""
        return (self.candidate, self.task)


class Engine(Protocol):
    """A loaded model, used from one thread."""

    card: Card

    def work(self, jobs: Sequence[Job], more: Callable[[int], list[Job]]) -> None:
        """Answer jobs, posting to each; return when none of them is left.

        Args:
            jobs: that waited together.
            more: takes jobs of so many texts that wait by now, for engines that can let them join.
        """


@runtime_checkable
class Closes(Protocol):
    """An engine that holds more than memory."""

    def close(self) -> None:
        """Let go of it."""


class Embeds(Protocol):
    """Gives vectors of texts."""

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Return vectors, float32 [texts, hidden] of unit length, and the tokens read of each."""


class RunEngine:
    """Asks a fitted candidate.

    Args:
        card: what it is.
        fitted: answers.
        embeds: gives vectors, where the candidate has them.
    """

    def __init__(self, card: Card, fitted: Fitted, embeds: Embeds | None = None) -> None:
        self.card = card
        self._fitted, self._embeds = fitted, embeds

    def work(self, jobs: Sequence[Job], more: Callable[[int], list[Job]]) -> None:  # noqa: ARG002 -- what waits by now is the next batch
        """Answer all predictions together, and all embeddings together."""
        asked = [job for job in jobs if isinstance(job.ask, Predict)]
        embedded = [job for job in jobs if isinstance(job.ask, Embed)]
        if asked:
            answer_together(asked, self._predicted)
        if embedded:
            answer_together(embedded, self._embedded)

    def predict(self, examples: Sequence[Example]) -> list[Prediction]:
        """Return one prediction per example, in order."""
        return self._fitted.predict(examples, Silent())

    def _predicted(self, jobs: Sequence[Job]) -> list[Event]:
        asks = [job.ask for job in jobs if isinstance(job.ask, Predict)]
        examples = [example for ask in asks for example in ask.examples]
        answers = iter(self.predict(examples))
        found: list[Event] = []
        for ask in asks:
            own = tuple(next(answers) for _ in ask.examples)
            assert [p.id for p in own] == [e.id for e in ask.examples], "answers are in order"
            found.append(Predicted(own))
        return found

    def _embedded(self, jobs: Sequence[Job]) -> list[Event]:
        if self._embeds is None:
            raise BadInput("the candidate has no embeddings")
        found: list[Event] = []
        asks = [job.ask for job in jobs if isinstance(job.ask, Embed)]
        vectors, tokens = self._embeds([text for ask in asks for text in ask.inputs])
        rows = iter(zip(vectors.astype("<f4"), tokens, strict=True))
        for ask in asks:
            own = [next(rows) for _ in ask.inputs]
            found.append(Embedded(tuple(v.tobytes() for v, _ in own), sum(n for _, n in own)))
        return found


def answer_together(
    jobs: Sequence[Job], answers: Callable[[Sequence[Job]], Sequence[Event]]
) -> None:
    """Answer jobs in one go and post to each; where that fails, each alone, so one fault is one's.

    Args:
        jobs: to be answered.
        answers: returns one event per job, in order.
    """
    live = [job for job in jobs if not job.cancelled]
    if not live:
        return
    try:
        found = answers(live)
    except Exception as error:  # noqa: BLE001 - posted to the job, whose route tells and logs it
        if len(live) == 1:
            post([(live[0], Failed(error))])
            return
        for job in live:
            answer_together([job], answers)
        return
    post(zip(live, found, strict=True))
