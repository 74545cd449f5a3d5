"""Every response and every cent, on disk before anything else happens: one SQLite file.

A response is kept under the hash of what was asked, so that it is never paid for again. An attempt
is entered with the most it can cost before it is sent, and with what it did cost once that is
known; so a process that is killed leaves at worst a few attempts that count in full. The cap is
checked in the transaction that enters the attempt, whichever processes write. Holds neither keys
nor prompts. Knows nothing of HTTP.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from tunewise.errors import RunFolderError
from tunewise.files import disk_errors

FILE = "answers.sqlite"
Limit = Literal["pico", "requests", "tokens"]
BUSY = 60.0  # seconds to wait for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    asked TEXT PRIMARY KEY, body TEXT NOT NULL, seconds REAL NOT NULL, made REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, asked TEXT NOT NULL, state TEXT NOT NULL,
    tokens INTEGER NOT NULL, pico INTEGER, made REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of_account ON attempts (account, state);
CREATE TABLE IF NOT EXISTS under_way (asked TEXT PRIMARY KEY, process TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens read and written, and their picodollars; None where no price is known."""

    tokens: int
    pico: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account has come to.

    Attributes:
        requests: answered and paid, or perhaps paid.
        tokens: of them.
        pico: picodollars of those whose price is known.
        perhaps: part of `pico` for attempts whose answer never came: paid or not, nobody knows.
        lost: how many these are.
        unpriced: answered requests without a known price.
    """

    requests: int
    tokens: int
    pico: int
    perhaps: int
    lost: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Cap:
    """What an account may come to at most; None where there is no limit.

    Attributes:
        pico: picodollars.
        requests: that may have been answered, or lost.
        tokens: read and written.
    """

    pico: int | None = None
    requests: int | None = None
    tokens: int | None = None

    def passed(self, spent: Spent, most: Amount) -> Limit | None:
        """Return the limit that one more attempt could pass, None if there is none.

        Args:
            spent: by the account.
            most: that the attempt can come to.
        """
        if self.pico is not None and spent.pico + (most.pico or 0) > self.pico:
            return "pico"
        if self.requests is not None and spent.requests + 1 > self.requests:
            return "requests"
        if self.tokens is not None and spent.tokens + most.tokens > self.tokens:
            return "tokens"
        return None


@dataclass(frozen=True, slots=True)
class Kept:
    """A response: its JSON and the seconds it took."""

    body: dict[str, Any]
    seconds: float


class UnderWay(Exception):
    """Another process is asking the same."""


class Book:
    """Responses and attempts, in a file that several processes may share.

    Args:
        folder: where answers.sqlite stands or will; only its owner can read the file.

    Raises:
        RunFolderError: the file isn't such a book.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.process = process_of(os.getpid())
        self._lock = threading.Lock()
        with disk_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self._base = sqlite3.connect(
            self.path, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        self.close = weakref.finalize(self, self._base.close)
        with self._readable():
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.executescript(SCHEMA)

    def answer(self, asked: str) -> Kept | None:
        """Return the response kept under a hash, None if there is none."""
        with self._lock, self._readable():
            row = self._base.execute(
                "SELECT body, seconds FROM answers WHERE asked = ?", (asked,)
            ).fetchone()
        return None if row is None else Kept(json.loads(row[0]), row[1])

    def enter(self, account: str, asked: str, most: Amount, cap: Cap) -> int | None:
        """Enter an attempt with the most it can come to; None if that would pass the cap.

        Args:
            account: whose cap it is.
            asked: hash of what is asked.
            most: tokens read and written at most, and what they cost.
            cap: of the account.

        Raises:
            UnderWay: a process that is alive has entered the same and not settled it.
        """
        with self._writing():
            asking = self._base.execute(
                "SELECT process FROM under_way WHERE asked = ?", (asked,)
            ).fetchone()
            if asking is not None and asking[0] != self.process and is_alive(asking[0]):
                raise UnderWay
            spent = self._spent(account)
            if cap.passed(spent, most) is not None:
                return None
            self._base.execute(
                "INSERT OR REPLACE INTO under_way VALUES (?, ?)", (asked, self.process)
            )
            return self._base.execute(
                "INSERT INTO attempts (account, asked, state, tokens, pico, made)"
                " VALUES (?, ?, 'open', ?, ?, ?)",
                (account, asked, most.tokens, most.pico, time.time()),
            ).lastrowid

    def free(self, attempt: int) -> None:
        """Note that an attempt was turned away and costs nothing."""
        with self._writing():
            self._let_go(attempt)
            self._base.execute("DELETE FROM attempts WHERE id = ?", (attempt,))

    def lost(self, attempt: int) -> None:
        """Note that an attempt's answer never came, so that it may have been paid or not."""
        with self._writing():
            self._let_go(attempt)
            self._base.execute("UPDATE attempts SET state = 'lost' WHERE id = ?", (attempt,))

    def paid(self, attempt: int, kept: Kept, now: Amount, most: Amount) -> None:
        """Keep an attempt's response and what it cost, in one transaction.

        Args:
            attempt: as `enter` named it.
            kept: the response.
            now: what it came to.
            most: what earlier attempts at the same, whose answers were lost, can have come to at
                most, now that it is known how many tokens the question has.
        """
        text = json.dumps(kept.body, ensure_ascii=False)
        with self._writing():
            self._let_go(attempt)
            self._base.execute(
                "UPDATE attempts SET state = 'paid', tokens = ?, pico = ? WHERE id = ?",
                (now.tokens, now.pico, attempt),
            )
            self._base.execute(
                "UPDATE attempts SET tokens = MIN(tokens, ?), pico = MIN(pico, COALESCE(?, pico))"
                " WHERE state = 'lost' AND asked = (SELECT asked FROM attempts WHERE id = ?)",
                (most.tokens, most.pico, attempt),
            )
            self._base.execute(
                "INSERT OR REPLACE INTO answers (asked, body, seconds, made)"
                " SELECT asked, ?, ?, ? FROM attempts WHERE id = ?",
                (text, kept.seconds, time.time(), attempt),
            )

    def keep(self, asked: str, body: dict[str, Any]) -> None:
        """Keep what is known of something that isn't a request, in place of what was known."""
        text = json.dumps(body, ensure_ascii=False)
        with self._writing():
            self._base.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, 0, ?)", (asked, text, time.time())
            )

    def forget(self, asked: str) -> None:
        """Keep nothing any more under a hash."""
        with self._writing():
            self._base.execute("DELETE FROM answers WHERE asked = ?", (asked,))

    def settle(self, attempt: int, now: Amount) -> None:
        """Note what an attempt came to."""
        with self._writing():
            self._base.execute(
                "UPDATE attempts SET state = 'paid', tokens = ?, pico = ? WHERE id = ?",
                (now.tokens, now.pico, attempt),
            )

    def entered(self, account: str, asked: str) -> int | None:
        """Return an attempt at something that an earlier process entered; None if there is none."""
        with self._lock, self._readable():
            row = self._base.execute(
                "SELECT id FROM attempts WHERE account = ? AND asked = ?", (account, asked)
            ).fetchone()
        return None if row is None else int(row[0])

    def spent(self, account: str) -> Spent:
        """Return what an account has come to."""
        with self._lock, self._readable():
            return self._spent(account)

    def _let_go(self, attempt: int) -> None:
        self._base.execute(
            "DELETE FROM under_way WHERE asked = (SELECT asked FROM attempts WHERE id = ?)",
            (attempt,),
        )

    def _spent(self, account: str) -> Spent:
        rows = self._base.execute(
            "SELECT state, COUNT(*), SUM(tokens), SUM(COALESCE(pico, 0)), SUM(pico IS NULL)"
            " FROM attempts WHERE account = ? GROUP BY state",
            (account,),
        ).fetchall()
        of = {state: counts for state, *counts in rows}
        unsure = [of[state] for state in ("open", "lost") if state in of]
        return Spent(
            requests=sum(counts[0] for counts in of.values()),
            tokens=sum(counts[1] for counts in of.values()),
            pico=sum(counts[2] for counts in of.values()),
            perhaps=sum(counts[2] for counts in unsure),
            lost=sum(counts[0] for counts in unsure),
            unpriced=sum(counts[3] for counts in of.values()),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file for a transaction; what it did is on disk when the block ends."""
        with self._lock, self._readable(), disk_errors(self.path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise RunFolderError(
                f"the book of paid answers can't be used ({error})",
                where=str(self.path),
                mend="If no other process holds it, move it away; the answers in it are then paid"
                " for again.",
            ) from error


def process_of(pid: int) -> str:
    """Return what tells a process from all others, on this machine and in time.

    On Linux by its start counted from the machine's: as a time of day the same start reads
    differently once the clock has been set.
    """
    began = psutil.Process(pid).create_time() - (psutil.boot_time() if psutil.LINUX else 0)
    return f"{platform.node()} {pid} {began:.2f}"


def is_alive(process: str) -> bool:
    """Whether a process of this machine still runs; of another machine nobody can tell."""
    try:
        return process == process_of(int(process.split()[-2]))
    except psutil.NoSuchProcess:
        return False
