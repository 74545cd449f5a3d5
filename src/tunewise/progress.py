"""What the user sees while work goes on: bars on a terminal, lines in a log, events for --json.

One Progress is made by the CLI (or the Python API) and handed down; rooms only call its verbs.
Knows nothing of what the work is.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import TaskID

LOG_EVERY = 15.0  # seconds between two lines of one bar in a log
JSON_EVERY = 1.0  # seconds between two events of one bar


class Bar(Protocol):
    """One running piece of work with a known amount."""

    def advance(self, amount: float = 1) -> None:
        """Add `amount` to what is done."""

    def note(self, text: str) -> None:
        """Show a few words beside the bar, such as the loss."""

    def end(self) -> None:
        """Take the bar away; those of bigger work around it stay."""


class Progress(Protocol):
    """Where a room says what it is doing."""

    def line(self, text: str) -> None:
        """Say one line that stays."""

    def warn(self, text: str) -> None:
        """Say one line that the user should not miss."""

    def bar(self, title: str, total: float, unit: str = "rows") -> Bar:
        """Open a bar of `total` units."""

    def close(self) -> None:
        """End all bars."""


@contextmanager
def showing(progress: Progress, title: str, total: float, unit: str = "rows") -> Iterator[Bar]:
    """Open a bar for the length of a block; one inside another shows both."""
    bar = progress.bar(title, total, unit)
    try:
        yield bar
    finally:
        bar.end()


class _SilentBar:
    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self) -> None:
        pass


class Silent:
    """Says nothing: for tests and for library use."""

    def line(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def bar(self, title: str, total: float, unit: str = "rows") -> Bar:
        return _SilentBar()

    def close(self) -> None:
        pass


class _TimedBar:
    """Counts; calls `show` at most every `every` seconds and once at the end."""

    def __init__(self, total: float, every: float) -> None:
        self.total, self.every = total, every
        self.done = 0.0
        self.text = ""
        self.began = self.shown = time.monotonic()
        self.ended = False

    def advance(self, amount: float = 1) -> None:
        self.done += amount
        now = time.monotonic()
        last = self.done >= self.total
        if not self.ended and (last or now - self.shown >= self.every):
            self.shown, self.ended = now, last
            self.show(now - self.began)

    def note(self, text: str) -> None:
        self.text = text

    def end(self) -> None:
        pass

    def show(self, seconds: float) -> None:
        raise NotImplementedError

    def left(self, seconds: float) -> float | None:
        """Seconds left at the present rate, None before anything is done."""
        return seconds / self.done * (self.total - self.done) if self.done else None


class _LogBar(_TimedBar):
    def __init__(self, out: IO[str], title: str, total: float, unit: str) -> None:
        super().__init__(total, LOG_EVERY)
        self.out, self.title, self.unit = out, title, unit

    def show(self, seconds: float) -> None:
        left = self.left(seconds)
        rest = "" if not left else f", {clock(left)} left"
        extra = f", {self.text}" if self.text else ""
        print(
            f"{self.title}: {self.done:,.0f} of {self.total:,.0f} {self.unit}"
            f" in {clock(seconds)}{rest}{extra}",
            file=self.out,
            flush=True,
        )


class Log:
    """Plain lines, for a log file or a pipe."""

    def __init__(self, out: IO[str]) -> None:
        self.out = out

    def line(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def warn(self, text: str) -> None:
        print(f"warning: {text}", file=self.out, flush=True)

    def bar(self, title: str, total: float, unit: str = "rows") -> Bar:
        return _LogBar(self.out, title, total, unit)

    def close(self) -> None:
        pass


class _JsonBar(_TimedBar):
    def __init__(self, out: IO[str], title: str, total: float, unit: str) -> None:
        super().__init__(total, JSON_EVERY)
        self.out, self.title, self.unit = out, title, unit

    def show(self, seconds: float) -> None:
        event = {
            "event": "progress",
            "title": self.title,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "seconds": round(seconds, 3),
            "seconds_left": self.left(seconds),
            "note": self.text or None,
        }
        print(json.dumps(event, ensure_ascii=False), file=self.out, flush=True)


class JsonEvents:
    """One JSON object a line, for machines."""

    def __init__(self, out: IO[str]) -> None:
        self.out = out

    def line(self, text: str) -> None:
        print(
            json.dumps({"event": "line", "text": text}, ensure_ascii=False),
            file=self.out,
            flush=True,
        )

    def warn(self, text: str) -> None:
        print(
            json.dumps({"event": "warning", "text": text}, ensure_ascii=False),
            file=self.out,
            flush=True,
        )

    def bar(self, title: str, total: float, unit: str = "rows") -> Bar:
        return _JsonBar(self.out, title, total, unit)

    def close(self) -> None:
        pass


class Terminal:
    """Rich bars with the time left, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.console = Console(stderr=True, highlight=False)
        self.bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=self.console,
            transient=True,
        )
        self.running = False

    def line(self, text: str) -> None:
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        self.console.print(f"warning: {text}", style="yellow", markup=False)

    def bar(self, title: str, total: float, unit: str = "rows") -> Bar:
        if not self.running:
            self.bars.start()
            self.running = True
        task = self.bars.add_task(title, total=total, note="")
        return _RichBar(self, task)

    def end(self, task: TaskID) -> None:
        if task in self.bars.task_ids:
            if len(self.bars.task_ids) == 1:
                self.close()
            else:
                self.bars.remove_task(task)

    def close(self) -> None:
        if self.running:
            self.bars.stop()
            for task in list(self.bars.task_ids):
                self.bars.remove_task(task)
            self.running = False


class _RichBar:
    def __init__(self, terminal: Terminal, task: int) -> None:
        from rich.progress import TaskID

        self.terminal, self.task = terminal, TaskID(task)

    def advance(self, amount: float = 1) -> None:
        if self.task in self.terminal.bars.task_ids:
            self.terminal.bars.advance(self.task, amount)

    def note(self, text: str) -> None:
        if self.task in self.terminal.bars.task_ids:
            self.terminal.bars.update(self.task, note=text)

    def end(self) -> None:
        self.terminal.end(self.task)


def progress_for(json_events: bool) -> Progress:
    """Return what suits standard error: JSON events if asked, bars on a terminal, else lines."""
    if json_events:
        return JsonEvents(sys.stderr)
    return Terminal() if sys.stderr.isatty() else Log(sys.stderr)


def clock(seconds: float) -> str:
    """Return a duration in words short enough for a line: '7 s', '2 min 5 s', '1 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
