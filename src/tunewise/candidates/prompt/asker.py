"""An engine made ready for one task: rows and a way to prompt in, answers out.

Given an engine, the questions, and what finds examples and passages, asks and reads the replies.
Knows nothing of how a way is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunewise.candidates.prompt.passages import Library, looked_up
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.reading import (
    LabelReader,
    Read,
    answer_line,
    apart,
    json_answer,
    unread,
)
from tunewise.candidates.prompt.shots import Retriever, shots_for
from tunewise.candidates.prompt.showing import Way
from tunewise.candidates.prompt.votes import TEMPERATURE, voted
from tunewise.engines.asks import Ask, Engine, Reply
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
        retriever: of training examples; None where none are shown.
        library: of the user's documents; None where there are none.
        votes: replies to a question that is thought about.
    """

    engine: Engine
    name: str
    questions: Questions
    reader: LabelReader | None
    retriever: Retriever | None
    library: Library | None
    votes: int

    def asks(self, examples: Sequence[Example], way: Way) -> list[Ask]:
        """Return one ask for each example."""
        shots = shots_for(self.retriever, examples, way)
        passages = looked_up(self.library, examples, way)
        return [
            self.questions.ask(example, shown, found, think=way.think, instruction=way.instruction)
            for example, shown, found in zip(examples, shots, passages, strict=True)
        ]

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
        labels = self.reader.labels if self.reader else ()
        reads = [voted([self._read(r, way) for r in some], labels) for some in of_rows]
        return reads, of_rows

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
                prompt_tokens=_sum([reply.prompt_tokens for reply in replies]),
                completion_tokens=_sum([reply.completion_tokens for reply in replies]),
                cost=_dollars([reply.cost for reply in replies]),
                reasoning=read.reasoning,
            )
            for example, read, replies in rows
        ]
        return found, reads, of_rows

    def _read(self, reply: Reply, way: Way) -> Read:
        if self.reader is not None:
            return self.reader.read(reply)
        reasoning, said = apart(reply)
        if way.think or self.questions.answering == "constrained":
            said = json_answer(said) or answer_line(said) or said
        whole = bool(said) and reply.refused is None
        return Read(said if whole else unread(reply, said), whole, None, reasoning)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _dollars(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
