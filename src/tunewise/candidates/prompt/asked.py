"""Ask a model in words: fit chooses the prompt on validation, predict asks.

The model is at an endpoint, or on this machine where it writes texts or thinks before it answers.
Labels are scored by the reply's log-probabilities where the engine gives them, else the reply is
bound to a JSON schema, else read; a reply that is no label counts as wrong and is shown. Knows
nothing of test rows or of other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunewise.candidates import Setup
from tunewise.candidates.prompt.answering import settled_questions
from tunewise.candidates.prompt.asked_file import AskedFit, Said, Spending
from tunewise.candidates.prompt.asker import Asker
from tunewise.candidates.prompt.choose import rows_to_try
from tunewise.candidates.prompt.finding import Found, found_for, found_on_record
from tunewise.candidates.prompt.instructions import instructions_of
from tunewise.candidates.prompt.judge import Judge
from tunewise.candidates.prompt.models import GGUF, VLLM, Model, model_of, model_on_record
from tunewise.candidates.prompt.outward import what_is_sent
from tunewise.candidates.prompt.questions import questions_on_record, replace_instructions
from tunewise.candidates.prompt.race import raced
from tunewise.candidates.prompt.reading import LabelReader
from tunewise.candidates.prompt.search import Search
from tunewise.candidates.prompt.settings_file import MENDS, SETTINGS
from tunewise.candidates.prompt.showing import Way, WayTried, ways_of
from tunewise.engines.endpoint.prices import PICO
from tunewise.engines.window import usual_room
from tunewise.errors import DataError, RunFolderError
from tunewise.files import read_record, write_json
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import ASKED_TEMPLATES, template_texts
from tunewise.task.settings import PromptSettings, SearchSettings

JSON_TOKENS = 24  # at most, around an answer in JSON


class AskedPrompt:
    """A prompted model that is asked in words, as a candidate.

    Args:
        settings: the candidate's own.
        setup: labels, seed, the user's instruction.
        answer: how answers are got, where that isn't the user's choice.
    """

    def __init__(
        self, settings: PromptSettings, setup: Setup, *, answer: str | None = None
    ) -> None:
        self.settings, self.setup = settings, setup
        self._answer = answer or settings.answer

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedAsked:
        """Choose how to ask on validation rows; leave settings, shots and passages in `folder`.

        Raises:
            DataError: no validation rows, one that is longer than the model reads, no documents.
            TunewiseError: whatever keeps an endpoint from answering; see Endpoint.generate.
        """
        settings, setup = self.settings, self.setup
        rows = rows_to_try(validation, settings.validation_rows, setup.seed)
        if not rows:
            raise DataError("there are no validation rows to choose a prompt on")
        ways = ways_of(settings, len(train))
        model = model_of(settings, setup, progress)
        fits, again = setup.outward.fits, setup.outward.again
        sent = [(fits * len(rows), "validation rows"), (settings.test_rows, "test rows")]
        if again:
            sent.append((again, "test rows that are asked again"))
        shown = max(way.shots for way in ways)
        model.announce(what_is_sent(sent, shown), setup.outward.personal, progress)
        found = found_for(settings, setup, train, ways, progress)
        texts = label_texts(setup.labels)
        questions = settled_questions(
            model.engine,
            setup,
            rows,
            progress,
            wanted=self._answer,
            templates=template_texts(ASKED_TEMPLATES, setup.task_folder),
            most=settings.max_new_tokens or _room(model, texts, train),
            thinks=all(way.think for way in ways),
        )
        reader = LabelReader(setup.labels, texts) if texts else None
        asker = Asker(model.engine, model.name, questions, reader, found, settings.votes)
        judge = Judge(asker, rows, progress)
        if settings.search is None:
            best, tried = raced(ways, judge, len(rows))
        else:
            with model.within(settings.search, setup.outward.account):
                judge, best, tried = self._searched(settings.search, judge, ways, train)
        self._leave(folder, judge, model, found, (best, tried))
        measure = "accuracy" if texts else "ROUGE-L"
        compared = judge.compared[best.way]
        how = f", scores by {compared.how}" if compared else ""
        progress.line(
            f"Prompt: {best.way.words}, answers {judge.asker.questions.answering}{how}, {measure}"
            f" {best.score:.1%} on {best.rows} validation rows."
        )
        _tell_unread(judge.unread[best.way], best.rows, progress)
        model.engine.close()
        return self.load(folder)

    def load(self, folder: Path) -> FittedAsked:
        """Return the fitted prompt that `fit` left in `folder`; nothing is asked by that.

        Raises:
            ModelError: a model isn't the one it was fitted with.
            RunFolderError: the folder isn't as it was written, or is for other labels.
        """
        fit = read_record(folder / SETTINGS, AskedFit)
        if fit.labels != self.setup.labels:
            raise RunFolderError(
                f"the prompt was fitted for {len(fit.labels)} labels that aren't those of the task",
                where=str(folder / SETTINGS),
                mend=MENDS,
            )
        here = fit.local is not None and fit.dtype not in (GGUF, VLLM)
        writes = here and not fit.labels and not fit.chosen.think
        kind = FittedWriter if writes else FittedAsked
        return kind(folder, fit, self.settings, self.setup)

    def _searched(
        self, search: SearchSettings, judge: Judge, ways: Sequence[Way], train: Sequence[Example]
    ) -> tuple[Judge, WayTried, tuple[WayTried, ...]]:
        """Return the judge of all instructions, the best way by search, and all that were tried."""
        asker, progress = judge.asker, judge.progress
        each = asker.votes if any(way.think for way in ways) else 1
        said = instructions_of(search, self.setup, train, asker.engine, progress)
        questions = replace_instructions(asker.questions, self.setup, said)
        judge = Judge(replace(asker, questions=questions), judge.rows, progress)
        searched = Search(search, len(said), self.setup.seed, progress, each)
        best, tried = searched(ways, judge, len(judge.rows))
        return judge, best, tried

    def _leave(
        self,
        folder: Path,
        judge: Judge,
        model: Model,
        found: Found,
        outcome: tuple[WayTried, tuple[WayTried, ...]],
    ) -> None:
        """Write what answering needs: shots, passages, and last the settings."""
        (best, tried), asker, row = outcome, judge.asker, judge.rows[0]
        way, questions = best.way, asker.questions
        found.save(folder, way)
        spent = model.spent(self.setup.outward.account)
        fit = AskedFit(
            kind=self.setup.kind or "prompt",
            model=model.name,
            local=model.used,
            dtype=model.dtype,
            endpoint=model.address.url if model.address else None,
            key_env=model.address.key_env if model.address else None,
            dialect=model.dialect,
            answering=questions.answering,
            retriever=found.encoder if way.shots or way.passages else None,
            instructions=questions.instructions,
            labels=self.setup.labels,
            label_texts=questions.label_texts,
            templates=questions.templates,
            example=tuple(Said(m.role, m.content) for m in asker.asks([row], way)[0].messages),
            chosen=best.way,
            tried=tried,
            unread=judge.unread[way],
            max_new_tokens=questions.max_new_tokens,
            votes=asker.votes,
            spent=None
            if spent is None
            else Spending(
                spent.requests, spent.tokens, None if spent.unpriced else spent.pico / PICO
            ),
            compared=judge.compared[way],
        )
        write_json(folder / SETTINGS, fit)


class FittedAsked:
    """A prompt that can be asked.

    Args:
        folder: that fit left.
        fit: its settings.json.
        settings: the candidate's own, for time limits and price.
        setup: tells where relative model folders start, and what may be spent.

    Attributes:
        from_memory: whether some of the last answers were paid for before and not asked again.
        request_seconds: that the last request took when it was made; None where that isn't known.
    """

    def __init__(self, folder: Path, fit: AskedFit, settings: PromptSettings, setup: Setup) -> None:
        self.fit, self.setup = fit, setup
        self._model = model_on_record(fit, settings, setup)
        found = found_on_record(folder, fit, setup)
        questions = questions_on_record(fit, setup)
        reader = LabelReader(fit.labels, fit.label_texts) if fit.labels else None
        self._asker = Asker(
            self._model.engine,
            self._model.name,
            questions,
            reader,
            found,
            fit.votes,
            fit.compared.normaliser if fit.compared else None,
        )
        self.from_memory = False
        self.request_seconds: float | None = None

    def announce(self, rows: int | None, progress: Progress) -> None:
        """Say what will be sent, before the first of so many rows is; None for all that come."""
        sent = what_is_sent([(rows, "rows")], self.fit.chosen.shots)
        self._model.announce(sent, self.setup.outward.personal, progress)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return what the model answers to each example, in their order.

        Raises:
            DataError: a text is longer than the model reads; the message names its row.
            TunewiseError: whatever keeps an endpoint from answering; see Endpoint.generate.
        """
        self.announce(len(examples), progress)
        found, reads, of_rows = self._asker.predictions(examples, self.fit.chosen, progress)
        self.from_memory = self._model.engine.sent < len({e.input for e in examples})
        seconds = [reply.seconds for reply in of_rows[-1]] if of_rows else []
        known = [took for took in seconds if took is not None]
        self.request_seconds = max(known) if known else None  # votes are asked at once
        _tell_unread(sum(not read.is_label for read in reads), len(reads), progress)
        return found


class FittedWriter(FittedAsked):
    """A prompt whose replies, written on this machine, are the answers: it can be streamed.

    Attributes:
        answers: that writes them.
        max_new_tokens: of an answer at most.
    """

    def __init__(self, folder: Path, fit: AskedFit, settings: PromptSettings, setup: Setup) -> None:
        from tunewise.candidates.prompt.local import Local

        super().__init__(folder, fit, settings, setup)
        assert isinstance(self._model.engine, Local), "it is on this machine"
        self._local = self._model.engine
        self.answers, self.max_new_tokens = self._local.answers, fit.max_new_tokens

    def asked(self, examples: Sequence[Example]) -> list[str]:
        """Return the prompt of each example, as the template writes it."""
        asks = self._asker.asks(examples, self.fit.chosen)
        return [self._local.prompt(ask) for ask in asks]


def _room(model: Model, texts: Sequence[str], train: Sequence[Example]) -> int:
    """Return the tokens that a reply may take, thoughts apart; no text has more than bytes."""
    if texts:
        return JSON_TOKENS + max(len(text.encode()) for text in texts)
    return usual_room(model.engine.lengths([row.target for row in train]))


def _tell_unread(unread: int, rows: int, progress: Progress) -> None:
    if unread:
        progress.warn(f"{unread:,} of {rows:,} replies are no answer and count as wrong.")
