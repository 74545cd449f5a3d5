"""An engine made ready for one task: rows and a way to prompt in, answers out.

Given an engine, the questions, and what finds examples and passages, asks and reads the replies.
Knows nothing of how a way is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunewise.candidates.prompt.finding import Found
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
from tunewise.engines.asks import Ask, Engine, Reply, sum_or_none
from tunewise.progress import Progress
from tunewise.records import Example, Prediction


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
    """

    engine: Engine
    name: str
    questions: Questions
    reader: LabelReader | None
    found: Found
    votes: int

    def asks(self, examples: Sequence[Example], way: Way) -> list[Ask]:
        """Return one ask for each example."""
        return asks_of(self.questions, self.found, examples, way)

    def answers(
        self, examples: Sequence[Example], way: Way, progress: Progress
    ) -> tuple[list[Read], list[list[Reply]]]:
        """Return the answer to each example, and the replies that it was got from."""
        asks = self.asks(examples, way)
        votes = self.votes if way.think else 1
        several = asks
        if votes > 1:
            several = [
                replace(ask, temperature=TEMPERATURE, sample=n)
                for ask in asks
                for n in range(votes)
            ]
        replies = self.engine.generate(several, progress, f"Asking {self.name}")
        of_rows = [replies[n : n + votes] for n in range(0, len(replies), votes)]
        reads = self._reads(several, replies, way, progress)
        labels = self.reader.labels if self.reader else ()
        votes_of = [reads[n : n + votes] for n in range(0, len(reads), votes)]
        return [voted(some, labels) for some in votes_of], of_rows

    def predictions(
        self, examples: Sequence[Example], way: Way, progress: Progress
    ) -> tuple[list[Prediction], list[Read], list[list[Reply]]]:
        """Return one prediction per example, with what it was got from."""
        reads, of_rows = self.answers(examples, way, progress)
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

    def _reads(
        self, asks: Sequence[Ask], replies: Sequence[Reply], way: Way, progress: Progress
    ) -> list[Read]:
        """Return each reply as it is read; thoughts are brought to an answer where that can be."""
        concluder = self.engine.concluder if way.think else None
        if concluder is not None and self.reader is not None and concluder.scores_labels:
            logps = concluder.label_logps(asks, replies, self.reader.texts, progress)
            pairs = zip(replies, logps, strict=True)
            return [self.reader.concluded(reply, of_reply) for reply, of_reply in pairs]
        if concluder is not None:
            most = self.questions.max_new_tokens
            replies = concluder.concluded(asks, replies, most, progress)
        return [self._read(reply, way) for reply in replies]

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
