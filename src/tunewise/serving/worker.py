"""One thread that owns one model; requests wait for it in a line of bounded length.

Requests that wait together are answered together. The thread loads the model, answers, and ends
when it is told to and nothing waits any more. Knows nothing of HTTP or of what a model does.
"""

from __future__ import annotations

import collections
import math
import os
import threading
import time
from collections.abc import Callable

from tunewise.serving.engine import Closes, Engine
from tunewise.serving.jobs import Failed, Job, post

SMOOTHED = 0.1  # weight of the newest batch in the mean seconds of a text


class Busy(Exception):
    """The line is full.

    Args:
        seconds: after which it is worth asking again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class Stopping(Exception):
    """Nothing new is begun any more."""


class Worker:
    """The thread and its line.

    Args:
        load: returns the model; called in the thread.
        name: of the thread.
        most_waiting: jobs that may wait.
        together: texts that are answered in one go.
        niceness: of the thread and those that it starts, from 0 to 19; on Linux alone.
        on_batch: told of the number of texts answered together.

    Attributes:
        engine: the model, once it is loaded.
    """

    def __init__(
        self,
        load: Callable[[], Engine],
        *,
        name: str,
        most_waiting: int,
        together: int,
        niceness: int = 0,
        on_batch: Callable[[int], object] = int,
    ) -> None:
        self.engine: Engine | None = None
        self.most_waiting, self.together = most_waiting, together
        self._load, self._niceness = load, niceness
        self._on_batch = on_batch
        self._line: collections.deque[Job] = collections.deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._loaded = threading.Event()
        self._failure: BaseException | None = None
        self._seconds_per_text = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Engine:
        """Start the thread and wait until the model is loaded.

        Raises:
            TunewiseError: what loading raises.
        """
        self._thread.start()
        self._loaded.wait()
        if self._failure is not None:
            raise self._failure
        assert self.engine is not None
        return self.engine

    @property
    def waiting(self) -> int:
        """Jobs in the line."""
        return len(self._line)

    def submit(self, job: Job) -> None:
        """Put a job into the line.

        Raises:
            Busy: it is full.
            Stopping: the worker ends.
        """
        with self._changed:
            if self._stopping:
                raise Stopping
            if len(self._line) >= self.most_waiting:
                raise Busy(self._seconds_until_free())
            self._line.append(job)
            self._changed.notify()

    def withdraw(self, job: Job) -> None:
        """Give up a job: its place in the line is free at once; what is begun ends early."""
        job.cancelled = True
        with self._changed:
            if job in self._line:
                self._line.remove(job)

    def stop(self, seconds: float) -> bool:
        """Answer what waits, then end; return whether that was done in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _seconds_until_free(self) -> int:
        texts = sum(job.ask.texts for job in self._line)
        return max(1, math.ceil(texts * self._seconds_per_text))

    def _run(self) -> None:
        try:
            if self._niceness and hasattr(os, "setpriority"):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
            self.engine = self._load()
        except BaseException as error:  # noqa: BLE001 - raised again by start(), in its thread
            self._failure = error
            return
        finally:
            self._loaded.set()
        while jobs := self._next():
            began = time.monotonic()
            try:
                self.engine.work(jobs, self._more)
            except Exception as error:  # noqa: BLE001 - a bug in the engine: told, and the rest lives
                post((job, Failed(error)) for job in jobs if not job.cancelled)
            self._measure(jobs, time.monotonic() - began)
        if isinstance(self.engine, Closes):
            self.engine.close()

    def _measure(self, jobs: list[Job], seconds: float) -> None:
        each = seconds / sum(job.ask.texts for job in jobs)
        known = self._seconds_per_text or each
        self._seconds_per_text = known + SMOOTHED * (each - known)

    def _next(self) -> list[Job]:
        """Wait for jobs and take as many as are answered together; none when it is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._stopping)
            return self._taken(self.together)

    def _more(self, texts: int) -> list[Job]:
        """Take jobs of so many texts that wait by now, without waiting for any."""
        with self._changed:
            return self._taken(texts)

    def _taken(self, texts: int) -> list[Job]:
        taken: list[Job] = []
        room = texts
        while self._line and room > 0 and (not taken or self._line[0].ask.texts <= room):
            job = self._line.popleft()
            job.begun = time.monotonic()
            room -= job.ask.texts
            taken.append(job)
        if taken:
            self._on_batch(sum(job.ask.texts for job in taken))
        return taken
