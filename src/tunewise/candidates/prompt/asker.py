"""An engine made ready for one task: rows and a way to prompt in, answers out.

Given an engine, the questions, and what finds examples and passages, asks and reads the replies.
Knows nothing of how a way is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tunewise.candidates.prompt.finding import Found
from tunewise.candidates.prompt.normalise import Normaliser
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.reading import (
    LabelReader,
    Read,
    answer_line,
    apart,
    json_answer,
    unread,
)
from tunewise.candidates.prompt.showing import Way
from tunewise.candidates.prompt.votes import TEMPERATURE, voted
from tunewise.engines.asks import Ask, Engine, LabelLogps, Reply, sum_or_none
from tunewise.progress import Progress
from tunewise.records import Example, Prediction

T = TypeVar("T")


@dataclass(frozen=True)
class Heard:
    """What came of asking.

    Attributes:
        replies: to all asks, those of one example next to each other.
        logps: of the labels after each reply, where they were scored.
    """

    replies: list[Reply]
    logps: LabelLogps | None


@dataclass(frozen=True)
class Asker:
    """What asks.

    Attributes:
        engine: that replies.
        name: of the model, for bars.
        questions: as they are written.
        reader: of labels; None where answers are texts.
        found: what finds examples and passages.
        votes: replies to a question that is thought about.
        normaliser: compares labels that are scored after thoughts; None as long as none is chosen.
    """

    engine: Engine
    name: str
    questions: Questions
    reader: LabelReader | None
    found: Found
    votes: int
    normaliser: Normaliser | None = None

    def asks(self, examples: Sequence[Example], way: Way) -> list[Ask]:
        """Return one ask for each example."""
        return asks_of(self.questions, self.found, examples, way)

    def heard(self, examples: Sequence[Example], way: Way, progress: Progress) -> Heard:
        """Ask about each example; thoughts are brought to an answer where the engine can."""
        asks = self.asks(examples, way)
        votes = self._votes(way)
        if votes > 1:
            asks = [
                replace(ask, temperature=TEMPERATURE, sample=n)
                for ask in asks
                for n in range(votes)
            ]
        replies = self.engine.generate(asks, progress, f"Asking {self.name}")
        concluder = self.engine.concluder if way.think else None
        if concluder is None:
            return Heard(replies, None)
        if self.reader is not None and self.questions.answering == "scored":
            return Heard(replies, concluder.label_logps(asks, replies, self.reader.texts, progress))
        most = self.questions.max_new_tokens
        return Heard(concluder.concluded(asks, replies, most, progress), None)

    def reads(self, heard: Heard, way: Way, normaliser: Normaliser | None) -> list[Read]:
        """Return the answer to each example; `normaliser` compares labels that were scored."""
        if heard.logps is None:
            each = [self._read(reply, way) for reply in heard.replies]
        else:
            assert self.reader is not None, "labels were scored"
            assert normaliser is not None, "labels that were scored are compared"
            shares = normaliser.probabilities(heard.logps.values)
            pairs = zip(heard.replies, shares, strict=True)
            each = [self.reader.concluded(reply, of_reply) for reply, of_reply in pairs]
        labels = self.reader.labels if self.reader else ()
        return [voted(some, labels) for some in self._by_example(each, way)]

    def predictions(
        self, examples: Sequence[Example], way: Way, progress: Progress
    ) -> tuple[list[Prediction], list[Read], list[list[Reply]]]:
        """Return one prediction per example, with what it was got from."""
        heard = self.heard(examples, way, progress)
        reads = self.reads(heard, way, self.normaliser)
        of_rows = self._by_example(heard.replies, way)
        rows = zip(examples, reads, of_rows, strict=True)
        found = [
            Prediction(
                id=example.id,
                answer=read.answer,
                scores=read.shares,
                prompt_tokens=sum_or_none([reply.prompt_tokens for reply in replies]),
                completion_tokens=sum_or_none([reply.completion_tokens for reply in replies]),
                cost=sum_or_none([reply.cost for reply in replies]),
                reasoning=read.reasoning,
            )
            for example, read, replies in rows
        ]
        return found, reads, of_rows

    def _votes(self, way: Way) -> int:
        return self.votes if way.think else 1

    def _by_example(self, each: list[T], way: Way) -> list[list[T]]:
        """Return what belongs to one example together."""
        votes = self._votes(way)
        return [each[n : n + votes] for n in range(0, len(each), votes)]

    def _read(self, reply: Reply, way: Way) -> Read:
        if self.reader is not None:
            return self.reader.read(reply)
        reasoning, said = apart(reply)
        if way.think or self.questions.answering == "constrained":
            said = json_answer(said) or answer_line(said) or said
        whole = bool(said) and reply.refused is None
        return Read(said if whole else unread(reply, said), whole, None, reasoning)


def asks_of(questions: Questions, found: Found, examples: Sequence[Example], way: Way) -> list[Ask]:
    """Return one ask for each example, as a way has it."""
    beside = zip(examples, found.beside(examples, way), strict=True)
    return [
        questions.ask(example, *shown, think=way.think, instruction=way.instruction)
        for example, shown in beside
    ]
