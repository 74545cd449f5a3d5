"""Ask a model in words at an endpoint: fit chooses the prompt on validation, predict asks.

Labels are scored by the reply's log-probabilities where the endpoint gives them, else the reply is
bound to a JSON schema, else read; a reply that is no label counts as wrong and is shown. For texts
the reply is the answer. Knows nothing of test rows or of other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.candidates.prompt.answering import settled_questions
from tunewise.candidates.prompt.asked_file import (
    AskedFit,
    Said,
    Spending,
    Way,
    WayTried,
)
from tunewise.candidates.prompt.choose import rows_to_try
from tunewise.candidates.prompt.conversation import Shot
from tunewise.candidates.prompt.outward import endpoint_of, what_is_sent
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.race import raced
from tunewise.candidates.prompt.reading import LabelReader, Read, apart, unread
from tunewise.candidates.prompt.settings_file import (
    MENDS,
    SETTINGS,
    found_model,
    same_model,
    used,
)
from tunewise.candidates.prompt.shots import Retriever, load_pool, retriever_over, shots_for
from tunewise.engines.asks import Reply
from tunewise.engines.endpoint.engine import Endpoint
from tunewise.engines.endpoint.prices import PICO
from tunewise.errors import DataError, RunFolderError
from tunewise.files import read_record, write_json
from tunewise.overlap import rouge_l
from tunewise.progress import Progress, Silent
from tunewise.records import Example, Prediction
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import ASKED_TEMPLATES, template_texts
from tunewise.task.settings import PromptSettings

LONG = 99.0  # percentile of the training answers' lengths that a long one has
JSON_TOKENS = 24  # at most, around an answer in JSON
BYTES = 2.0  # of a token at least, in any usual script


class AskedPrompt:
    """A prompted model at an endpoint, as a candidate.

    Args:
        settings: the candidate's own.
        setup: labels, seed, the user's instruction.
    """

    def __init__(self, settings: PromptSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedAsked:
        """Choose how to ask on validation rows; leave settings and shots in `folder`.

        Raises:
            DataError: no validation rows, or one that is longer than the model reads.
            TunewiseError: whatever keeps the endpoint from answering; see Endpoint.generate.
        """
        settings, setup = self.settings, self.setup
        rows = rows_to_try(validation, settings.validation_rows, setup.seed)
        if not rows:
            raise DataError("there are no validation rows to choose a prompt on")
        engine = endpoint_of(settings, setup)
        counts = sorted({min(count, len(train)) for count in settings.shots})
        sent = [(len(rows), "validation rows"), (settings.test_rows, "test rows")]
        engine.announce(what_is_sent(sent, counts[-1]), setup.outward.personal, progress)
        texts = label_texts(setup.labels)
        retriever, encoder = None, None
        if counts[-1]:
            encoder = found_model(settings.retriever, "encoder", progress, setup.task_folder)
            told = dict(zip(setup.labels, texts, strict=True)) or {
                e.target: e.target for e in train
            }
            retriever = retriever_over(train, encoder.path, told, progress)
        most = settings.max_new_tokens or _room(texts, train)
        templates = template_texts(ASKED_TEMPLATES)
        asking = settled_questions(
            engine, setup, rows, progress, wanted=settings.answer, templates=templates, most=most
        )
        asker = _Asker(engine, asking, LabelReader(setup.labels, texts) if texts else None)
        unread_in: dict[Way, int] = {}

        def scores_of(way: Way, first: int) -> np.ndarray:
            some = rows[:first]
            reads, _ = asker.reads(some, shots_for(retriever, some, way.shots), progress)
            unread_in[way] = sum(not read.is_label for read in reads)
            return _scores([row.target for row in some], reads, labels=bool(texts))

        best, tried = raced([Way(count) for count in counts], scores_of, len(rows))
        if best.way.shots and retriever:
            retriever.pool.save(folder)
        spent = engine.book.spent(setup.outward.account)
        example = asking.ask(rows[0], shots_for(retriever, rows[:1], best.way.shots)[0])
        fit = AskedFit(
            kind="prompt",
            endpoint=engine.address.url,
            model=engine.address.model,
            key_env=engine.address.key_env,
            dialect=engine.dialect,
            answering=asking.answering,
            retriever=used(encoder) if best.way.shots and encoder else None,
            instruction=setup.instruction,
            labels=setup.labels,
            label_texts=texts,
            templates=templates,
            example=tuple(Said(m.role, m.content) for m in example.messages),
            chosen=best.way,
            tried=tuple(WayTried(one.way, one.score, one.rows) for one in tried),
            unread=unread_in[best.way],
            max_new_tokens=asking.max_new_tokens,
            spent=Spending(
                spent.requests, spent.tokens, None if spent.unpriced else spent.pico / PICO
            ),
        )
        write_json(folder / SETTINGS, fit)
        measure = "accuracy" if texts else "ROUGE-L"
        progress.line(
            f"Prompt: {best.way.shots} shots, answers {asking.answering}, {measure}"
            f" {best.score:.1%} on {best.rows} validation rows."
        )
        _tell_unread(fit.unread, best.rows, progress)
        engine.close()
        return self.load(folder)

    def load(self, folder: Path) -> FittedAsked:
        """Return the fitted prompt that `fit` left in `folder`; nothing is asked by that.

        Raises:
            ModelError: the retriever isn't the one it was fitted with.
            RunFolderError: the folder isn't as it was written, or is for other labels.
        """
        fit = read_record(folder / SETTINGS, AskedFit)
        if fit.labels != self.setup.labels:
            raise RunFolderError(
                f"the prompt was fitted for {len(fit.labels)} labels that aren't those of the task",
                where=str(folder / SETTINGS),
                mend=MENDS,
            )
        return FittedAsked(folder, fit, self.settings, self.setup)


class FittedAsked:
    """A prompt that can be asked.

    Args:
        folder: that fit left.
        fit: its settings.json.
        settings: the candidate's own, for time limits and price.
        setup: tells where relative model folders start, and what may be spent.

    Attributes:
        from_memory: whether some of the last answers were paid for before and not asked again.
        request_seconds: that the last request took when it was made.
    """

    def __init__(self, folder: Path, fit: AskedFit, settings: PromptSettings, setup: Setup) -> None:
        self.fit, self.setup = fit, setup
        self._retriever: Retriever | None = None
        if fit.retriever is not None:
            from tunewise.engines.embeddings import Embedder

            encoder = same_model(fit.retriever, Silent(), setup.task_folder)
            pool = load_pool(folder)
            texts = dict(zip(fit.labels, fit.label_texts, strict=True))
            self._retriever = Retriever(
                Embedder(encoder.path), pool, texts or {row.label: row.label for row in pool.rows}
            )
        self._engine = endpoint_of(settings, setup, fit.dialect)
        told = replace(setup, instruction=fit.instruction)
        questions = Questions(told, fit.templates, fit.answering, fit.max_new_tokens)
        reader = LabelReader(fit.labels, fit.label_texts) if fit.labels else None
        self._asker = _Asker(self._engine, questions, reader)
        self.from_memory = False
        self.request_seconds: float | None = None

    def announce(self, rows: int, progress: Progress) -> None:
        """Say what will be sent, before the first of so many rows is."""
        sent = what_is_sent([(rows, "rows")], self.fit.chosen.shots)
        self._engine.announce(sent, self.setup.outward.personal, progress)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return what the model answers to each example, in their order.

        Raises:
            TunewiseError: whatever keeps the endpoint from answering; see Endpoint.generate.
        """
        self.announce(len(examples), progress)
        shots = shots_for(self._retriever, examples, self.fit.chosen.shots)
        reads, replies = self._asker.reads(examples, shots, progress)
        self.from_memory = self._engine.sent < len(examples)
        self.request_seconds = replies[-1].seconds if replies else None
        _tell_unread(sum(not read.is_label for read in reads), len(reads), progress)
        return [
            Prediction(
                id=example.id,
                answer=read.answer,
                scores=read.shares,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                cost=reply.cost,
            )
            for example, read, reply in zip(examples, reads, replies, strict=True)
        ]


@dataclass(frozen=True)
class _Asker:
    """An engine, what it is asked, and how its replies are read; texts are taken as said."""

    engine: Endpoint
    questions: Questions
    reader: LabelReader | None

    def reads(
        self, examples: Sequence[Example], shots: Sequence[Sequence[Shot]], progress: Progress
    ) -> tuple[list[Read], list[Reply]]:
        """Return the answer to each example, read, and as it was replied."""
        pairs = zip(examples, shots, strict=True)
        asks = [self.questions.ask(example, shown) for example, shown in pairs]
        replies = self.engine.generate(asks, progress, f"Asking {self.engine.address.model}")
        return [self._read(reply) for reply in replies], replies

    def _read(self, reply: Reply) -> Read:
        if self.reader is not None:
            return self.reader.read(reply)
        reasoning, said = apart(reply)
        whole = bool(said) and reply.refused is None
        return Read(said if whole else unread(reply, said), whole, None, reasoning)


def _room(texts: Sequence[str], train: Sequence[Example]) -> int:
    """Return the tokens that a reply may take: no text has more tokens than bytes."""
    if texts:
        return JSON_TOKENS + max(len(text.encode()) for text in texts)
    from tunewise.candidates.writing import room_for

    lengths = [len(row.target.encode()) / BYTES for row in train]
    return JSON_TOKENS + room_for(float(np.percentile(lengths, LONG)))


def _scores(targets: Sequence[str], reads: Sequence[Read], *, labels: bool) -> np.ndarray:
    """Return each row's score, [rows]: whether the label is right, or ROUGE-L of the text."""
    pairs = zip(targets, reads, strict=True)
    if labels:
        return np.array([float(read.is_label and read.answer == target) for target, read in pairs])
    return np.array([rouge_l(target, read.answer) for target, read in pairs])


def _tell_unread(unread: int, rows: int, progress: Progress) -> None:
    if unread:
        progress.warn(f"{unread:,} of {rows:,} replies are no answer and count as wrong.")
