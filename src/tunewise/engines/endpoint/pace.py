"""How many requests run at once: more while the endpoint answers, half as many when it says stop.

Given what became of each request, lets threads through or holds them. Additive increase,
multiplicative decrease, as TCP does it (Chiu and Jain 1989), doubling at first until the endpoint
first objects. Knows nothing of what is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

START = 4  # requests at once before anything is known
CALM = 1.0  # seconds after a cut in which further objections are to what was sent before it


class Stopped(Exception):
    """No more requests are let through."""


class Pace:
    """Lets requests through.

    Args:
        most: requests at once at most.
        clock: gives seconds.

    Attributes:
        limit: requests at once now.
        cuts: how often the endpoint objected.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.limit, self.cuts = most, float(min(START, most)), 0
        self._clock = clock
        self._changed = threading.Condition()
        self._running, self._until, self._cut_at = 0, 0.0, float("-inf")
        self._stopped = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until one more request may run, and count it while the block lasts.

        Raises:
            Stopped: no more are to be sent.
        """
        with self._changed:
            while not self._stopped and not self.has_room():
                self._changed.wait(self._pause())
            if self._stopped:
                raise Stopped
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def has_room(self) -> bool:
        """Whether one more request may run now."""
        return self._running < int(self.limit) and self._clock() >= self._until

    def went_well(self) -> None:
        """Take note of an answer: one more at once for each, and for each full round later on."""
        with self._changed:
            step = 1.0 if self.cuts == 0 else 1.0 / self.limit
            self.limit = min(float(self.most), self.limit + step)
            self._changed.notify_all()

    def objected(self, pause: float = 0.0) -> None:
        """Take note of a rate limit: half as many at once, and none at all for `pause` seconds."""
        with self._changed:
            now = self._clock()
            self._until = max(self._until, now + pause)
            if now - self._cut_at >= CALM:
                self._cut_at, self.cuts = max(now, self._until), self.cuts + 1
                self.limit = max(1.0, self.limit / 2)

    def stop(self) -> None:
        """Let no more requests through; those that run are not touched."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Let requests through again."""
        with self._changed:
            self._stopped = False

    def rest(self, seconds: float) -> None:
        """Wait before another try, without holding a place.

        Raises:
            Stopped: no more are to be sent.
        """
        until = self._clock() + seconds
        with self._changed:
            while not self._stopped and (left := until - self._clock()) > 0:
                self._changed.wait(left)
            if self._stopped:
                raise Stopped

    def _pause(self) -> float | None:
        """Return how long to sleep at most; None until something changes."""
        left = self._until - self._clock()
        return left if left > 0 else None
