"""Have a model tuned by its provider: fit uploads rows and follows the job, predict asks it.

Rows are checked here, the price is told and consent asked for, before a byte is sent. The tuned
model is asked in the very messages it was tuned on, and judged like any other candidate. Knows
nothing of test rows.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.cache import cache_folder
from tunewise.candidates import Setup
from tunewise.candidates.api.rows import LEAST, about_tokens, check_enough, training_file
from tunewise.candidates.prompt.answering import AS_TRAINED
from tunewise.candidates.prompt.asked import AskedPrompt, FittedAsked
from tunewise.candidates.prompt.outward import BOOKS, cap_of
from tunewise.candidates.prompt.questions import Questions
from tunewise.engines.endpoint.address import address_of
from tunewise.engines.endpoint.book import Amount, Book
from tunewise.engines.endpoint.faults import unpriced, would_pass
from tunewise.engines.endpoint.prices import dollars, tokens_cost
from tunewise.engines.endpoint.sending import Sender
from tunewise.engines.endpoint.tuning import Job, Tuning, known_job
from tunewise.errors import BadInput
from tunewise.files import read_record, value_sha256, write_json
from tunewise.progress import Progress
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import ASKED_TEMPLATES, template_texts
from tunewise.task.settings import ApiSettings, PromptSettings

RECORD = "tuning.json"
NEW_LINE = b"\n"  # ends every row of a file
UPLOAD_SECONDS = 600.0  # for one call, of which a file may be one
USUAL_EPOCHS = 3  # that providers take where they choose; for the estimate alone
ROOM = 1.3  # times the estimated tokens: what is set aside under a cap until the bill is known


@dataclass(frozen=True, slots=True)
class TuningRecord:
    """How a model was tuned.

    Attributes:
        base, model: the model that was tuned, and what it became.
        job, files: ids at the provider.
        parameters: of the job, as far as they were given.
        rows, validation_rows: that it was given.
        trained_tokens: that were charged, where the provider says so.
        usd: what that cost; None where no price is known.
    """

    base: str
    model: str
    job: str
    files: tuple[str, ...]
    parameters: dict[str, Any]
    rows: int
    validation_rows: int
    trained_tokens: int | None
    usd: float | None


class Api:
    """A model tuned by its provider, as a candidate.

    Args:
        settings: the candidate's own.
        setup: labels, seed, the user's instruction.
    """

    def __init__(self, settings: ApiSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup
        self.address = address_of(settings.endpoint, settings.model, settings.key_env)

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedAsked:
        """Have the model tuned on `train`; leave the job's record and a prompt's in `folder`.

        Raises:
            DataError: rows that can't be trained on.
            BadInput: no consent.
            CapReached: the tuning could pass the spending cap.
            TunewiseError: whatever keeps the provider from tuning or answering.
        """
        check_enough(train)
        files = self._files(train, validation)
        parameters = self._parameters()
        digests = [hashlib.sha256(data).hexdigest() for _, data in files]
        mark = value_sha256([self.address.url, self.address.model, parameters, digests])
        book = Book(cache_folder() / BOOKS)
        try:
            job = self._tuned(mark, files, parameters, book, progress)
        finally:
            book.close()
        assert job.id is not None, "the job was made"
        assert job.model is not None, "the job is done"
        price = self.settings.price
        trained, usd = job.trained_tokens, None
        if price is not None and price.training is not None and trained is not None:
            usd = price.training * trained / 1e6
        write_json(
            folder / RECORD,
            TuningRecord(
                self.address.model,
                job.model,
                job.id,
                job.files,
                parameters,
                len(train),
                len(validation) if len(files) > 1 else 0,
                trained,
                usd,
            ),
        )
        return self._asked(job.model).fit(train, validation, folder, progress)

    def load(self, folder: Path) -> FittedAsked:
        """Return the tuned model's prompt that `fit` left in `folder`; nothing is asked by that.

        Raises:
            RunFolderError: the folder isn't as it was written, or is for other labels.
        """
        return self._asked(read_record(folder / RECORD, TuningRecord).model).load(folder)

    def _tuned(
        self,
        mark: str,
        files: list[tuple[str, bytes]],
        parameters: dict[str, Any],
        book: Book,
        progress: Progress,
    ) -> Job:
        """Return the finished job, begun with the user's consent unless it was begun before."""
        attempt = book.entered(self.setup.outward.account, mark)
        kept = book.answer(mark)
        if kept is not None and kept.body.get("model"):
            return known_job(book, mark)
        if attempt is None:
            epochs = self.settings.num_train_epochs or USUAL_EPOCHS
            tokens = about_tokens(files[0][1]) * epochs
            if kept is None:
                self._consent(files, tokens, progress)
            attempt = self._entered(book, mark, tokens)
        sender = Sender(self.address, max(self.settings.timeout, UPLOAD_SECONDS))
        try:
            tuning = Tuning(sender, book)
            job = tuning.carried_out(known_job(book, mark), files, parameters, progress)
        finally:
            sender.close()
        if job.trained_tokens is not None:
            book.settle(attempt, self._amount(job.trained_tokens))
        return job

    def _files(
        self, train: Sequence[Example], validation: Sequence[Example]
    ) -> list[tuple[str, bytes]]:
        texts = label_texts(self.setup.labels)
        answers = dict(zip(self.setup.labels, texts, strict=True))
        templates = template_texts(ASKED_TEMPLATES, self.setup.task_folder)
        questions = Questions(self.setup, templates, "parsed" if texts else "written", 1)
        found = [("train.jsonl", training_file(train, questions, answers, "training rows"))]
        if len(validation) >= LEAST:
            data = training_file(validation, questions, answers, "validation rows")
            found.append(("validation.jsonl", data))
        return found

    def _parameters(self) -> dict[str, Any]:
        """Return the job's parameters: those that the user set, and the seed."""
        settings = self.settings
        given = {
            "n_epochs": settings.num_train_epochs,
            "learning_rate_multiplier": settings.learning_rate_multiplier,
            "batch_size": settings.train_batch_size,
        }
        set_ = {key: value for key, value in given.items() if value is not None}
        method = {"type": "supervised", "supervised": {"hyperparameters": set_}} if set_ else None
        found: dict[str, Any] = {"seed": self.setup.seed % 2**31}
        return found | ({"method": method} if method else {})

    def _consent(self, files: list[tuple[str, bytes]], tokens: int, progress: Progress) -> None:
        """Say what is uploaded and what it may cost; go on only if the user agrees.

        Raises:
            BadInput: the user doesn't agree, or there is nobody to ask.
        """
        outward = self.setup.outward
        rows = " and ".join(f"{data.count(NEW_LINE):,} rows ({name})" for name, data in files)
        amount = self._amount(tokens).pico
        cost = "at a price that isn't known" if amount is None else f"for about {dollars(amount)}"
        held = "; ".join(outward.personal) or "none"
        progress.line(
            f"To {self.address.url}: {rows} to tune {self.address.model} on about {tokens:,} tokens"
            f" {cost}. Personal data in them, by the audit: {held}."
        )
        if outward.consents:
            return
        mend = "Agree with: tunewise run --yes."
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise BadInput(
                "tuning at a provider uploads rows and costs money, and nobody has agreed to it",
                where=self.address.url,
                mend=mend,
            )
        progress.close()
        print("Upload and tune? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise BadInput("not agreed: nothing was sent", where=self.address.url, mend=mend)

    def _entered(self, book: Book, mark: str, tokens: int) -> int:
        cap, account = cap_of(self.setup.outward), self.setup.outward.account
        most = self._amount(round(ROOM * tokens))
        if cap.pico is not None and most.pico is None:
            raise unpriced(self.address)
        attempt = book.enter(account, mark, most, cap)
        if attempt is None:
            raise would_pass(self.address, cap, book.spent(account), most)
        return attempt

    def _amount(self, tokens: int) -> Amount:
        price = self.settings.price
        known = price is not None and price.training is not None
        return Amount(tokens, tokens_cost(tokens, price.training) if known else None)  # type: ignore[union-attr,arg-type]

    def _asked(self, model: str) -> AskedPrompt:
        """Return the prompt candidate that asks the tuned model as it was tuned."""
        settings = self.settings
        price = None
        if settings.price is not None:
            price = settings.price.model_dump(exclude={"training"})
        told = {
            "endpoint": settings.endpoint,
            "model": model,
            "key_env": settings.key_env,
            "price": price,
            "shots": [0],
            "timeout": settings.timeout,
            "concurrency": settings.concurrency,
            "validation_rows": settings.validation_rows,
            "test_rows": settings.test_rows,
        }
        answer = AS_TRAINED if settings.answer == "auto" else settings.answer
        return AskedPrompt(PromptSettings.model_validate(told), self.setup, answer=answer)
