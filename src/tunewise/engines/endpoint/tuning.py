"""A fine-tuning job at an endpoint, through the official SDK: files up, job made, followed, done.

Given files and a job's parameters, gives back the tuned model's name. Each step is entered in the
book before the next, and a job that an earlier process made is found again by its mark, so that no
job is made, and paid, twice. Knows nothing of rows or candidates.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tunewise.engines.endpoint.book import Book
from tunewise.engines.endpoint.sending import Refused, Sender, TurnedAway, unreachable
from tunewise.engines.endpoint.waiting import TRIES, back_off
from tunewise.errors import ModelError, one_line
from tunewise.progress import Progress, showing

if TYPE_CHECKING:
    import openai

POLL = 15.0  # seconds between two looks at a job
STEP = re.compile(r"[Ss]tep (\d+)\s*(?:/|of)\s*(\d+)")
MARK = "tunewise"  # key of a job's metadata that holds its mark
ENDED = ("failed", "cancelled")  # states of a job that gave no model
LISTED = 100  # jobs among which a lost one is looked for
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as far as it has come.

    Attributes:
        mark: hash of all that it depends on.
        files: ids of the training file and, if there is one, of the validation file.
        id: of the job; None before it is made.
        model: the tuned model's name; None before it is done.
        trained_tokens: that were charged, where the provider says so.
    """

    mark: str
    files: tuple[str, ...] = ()
    id: str | None = None
    model: str | None = None
    trained_tokens: int | None = None


def known_job(book: Book, mark: str) -> Job:
    """Return the job of a mark as far as it had come."""
    kept = book.answer(mark)
    if kept is None:
        return Job(mark)
    return Job(**kept.body | {"files": tuple(kept.body["files"])})


class Tuning:
    """Carries out jobs.

    Args:
        sender: that reaches the endpoint.
        book: where each step is kept.
    """

    def __init__(self, sender: Sender, book: Book) -> None:
        self._sender, self._book = sender, book
        self._chance = random.Random()  # noqa: S311 - jitter, no secret hangs on it

    def carried_out(
        self,
        job: Job,
        files: Sequence[tuple[str, bytes]],
        parameters: dict[str, Any],
        progress: Progress,
    ) -> Job:
        """Return the job when it is done, begun where it had stopped.

        Args:
            job: as `known_job` returns it.
            files: names and bytes of the training file and, if there is one, of the other.
            parameters: of the job, but for model and files.
            progress: gets lines and a bar.

        Raises:
            ModelError: the provider refuses a file or the job, or the job fails.
            Unreachable: it gives no answer.
        """
        made = None if job.id else self._made_before(job)
        if job.id is None and made is None and not job.files:
            ids = [self._uploaded(name, data, progress) for name, data in files]
            job = self._kept(Job(job.mark, tuple(ids)))
        if job.id is None:
            made = made or self._made(job, parameters)
            job = self._kept(Job(job.mark, job.files, made.id))
            progress.line(f"Fine-tuning job {made.id} is made; a run that is cut off finds it.")
        if job.model is None:
            job = self._kept(self._followed(job, progress))
        return job

    def _uploaded(self, name: str, data: bytes, progress: Progress) -> str:
        progress.line(f"Uploading {name}, {len(data) / 1e6:,.2f} MB.")
        found = self._tried(
            lambda client: client.files.create(file=(name, data), purpose="fine-tune"), name
        )
        return str(found.id)

    def _made(self, job: Job, parameters: dict[str, Any]) -> Any:
        others = {"validation_file": job.files[1]} if len(job.files) > 1 else {}

        def make(client: openai.OpenAI) -> Any:
            return self._found(client, job) or client.fine_tuning.jobs.create(
                model=self._sender.address.model,
                training_file=job.files[0],
                metadata={MARK: job.mark},
                extra_headers={"Idempotency-Key": job.mark},
                **others,
                **parameters,
            )

        return self._tried(make, "the job")

    def _made_before(self, job: Job) -> Any:
        """Return a job that was made of these files and never entered; None if there is none."""
        return self._tried(lambda client: self._found(client, job), "the list of jobs")

    def _found(self, client: openai.OpenAI, job: Job) -> Any:
        for made in client.fine_tuning.jobs.list(limit=LISTED):
            marked = (getattr(made, "metadata", None) or {}).get(MARK) == job.mark
            same = marked or made.training_file in job.files
            if same and made.status not in ENDED:
                return made
        return None

    def _followed(self, job: Job, progress: Progress) -> Job:
        """Return the job when it has ended; a line says each new state, a bar its steps."""
        assert job.id is not None, "the job is made"
        identity, state, done = job.id, "", 0
        with showing(progress, "Fine-tuning at the endpoint", 1, "job") as whole:
            while True:
                now = self._tried(lambda c: c.fine_tuning.jobs.retrieve(identity), identity)
                if now.status != state:
                    state = str(now.status)
                    progress.line(f"Fine-tuning job {identity}: {state.replace('_', ' ')}.")
                if state == "succeeded" and now.fine_tuned_model:
                    whole.advance()
                    model, tokens = str(now.fine_tuned_model), now.trained_tokens
                    return Job(job.mark, job.files, identity, model, tokens)
                if state in ENDED:
                    self._book.forget(job.mark)
                    raise self._ended(now)
                done = self._steps(identity, done, whole)
                time.sleep(POLL)

    def _steps(self, identity: str, done: int, bar: Any) -> int:
        """Note the newest step beside the bar; return its number."""
        events = self._tried(
            lambda client: client.fine_tuning.jobs.list_events(identity, limit=20).data, identity
        )
        steps = [found for event in events if (found := STEP.search(str(event.message)))]
        newest = max(steps, key=lambda found: int(found[1]), default=None)
        if newest is not None and int(newest[1]) > done:
            bar.note(f"step {newest[1]} of {newest[2]}")
            return int(newest[1])
        return done

    def _ended(self, job: Any) -> ModelError:
        error = getattr(job, "error", None)
        why = one_line(self._sender.address.without_key(str(getattr(error, "message", "") or "")))
        param = getattr(error, "param", None)
        named = f" ({param})" if param else ""
        return ModelError(
            f"the fine-tuning job {job.id} {job.status}{named}" + (f": {why}" if why else ""),
            where=self._sender.address.url,
            mend="Mend what the provider names and run again; a new job is made then.",
        )

    def _tried(self, work: Callable[[openai.OpenAI], T], what: str) -> T:
        """Return what some calls give, tried again where another try may mend it."""
        tries = 0
        while True:
            outcome = self._sender.carried_out(work)
            if isinstance(outcome, Refused):
                named = f" ({outcome.param})" if outcome.param else ""
                raise ModelError(
                    f"the provider refuses {what}{named}: {outcome.why}",
                    where=self._sender.address.url,
                    mend="See which models and files it tunes.",
                )
            if not isinstance(outcome, TurnedAway):
                return outcome
            tries += 1
            if tries >= TRIES:
                raise unreachable(self._sender.address, outcome.why)
            time.sleep((outcome.wait or 0.0) + back_off(tries, self._chance))

    def _kept(self, job: Job) -> Job:
        self._book.keep(job.mark, asdict(job))
        return job
