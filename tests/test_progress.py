"""Faults these catch: a bar without its end, floods of lines, JSON a machine can't read."""

from __future__ import annotations

import io
import json

import pytest

from tunewise.progress import JsonEvents, Log, Silent, Terminal, clock, showing


def test_a_log_gets_one_line_for_a_quick_bar() -> None:
    out = io.StringIO()
    with showing(Log(out), "answering", 1000) as bar:
        for _ in range(1000):
            bar.advance()
    assert out.getvalue() == "answering: 1,000 of 1,000 rows in 0 s\n"


def test_json_events_are_one_object_a_line() -> None:
    out = io.StringIO()
    progress = JsonEvents(out)
    progress.line("héllo\nworld")
    progress.warn("careful")
    bar = progress.bar("fitting", 2, "steps")
    bar.note("loss 1.0")
    bar.advance(2)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [e["event"] for e in events] == ["line", "warning", "progress"]
    assert events[2]["done"] == 2
    assert events[2]["note"] == "loss 1.0"


def test_a_terminal_bar_may_be_advanced_after_its_close() -> None:
    progress = Terminal()
    with showing(progress, "a [bold]title", 2) as bar:
        bar.advance()
    bar.advance()
    bar.note("late")
    progress.line("[red]not markup")
    Silent().bar("x", 1).advance()


def test_a_bar_inside_another_leaves_that_one_when_it_ends() -> None:
    progress = Terminal()
    with showing(progress, "checks", 2) as outer:
        with showing(progress, "rows", 5) as inner:
            inner.advance(5)
        assert [task.description for task in progress.bars.tasks] == ["checks"]
        outer.advance()
        assert progress.bars.tasks[0].completed == 1
    assert not progress.running


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (4200, "1 h 10 min")],
)
def test_clock(seconds: float, words: str) -> None:
    assert clock(seconds) == words
