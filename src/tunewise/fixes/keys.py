"""Single keys from a terminal, without Enter and without being shown.

Arrow and function keys come as several characters, some of them letters; they are passed over
whole, so that none is taken for an answer. Knows nothing of what the keys mean.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

ESCAPE = "\x1b"
END = "\x04"  # Ctrl-D


def has_terminal() -> bool:
    """Whether keys can be read and what is shown can be seen."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def keyboard() -> Iterator[Callable[[], str]]:
    """Give a function that waits for a key and returns it; '' when there will be no more.

    The terminal is put back as it was, whatever ends the block.
    """
    if os.name == "nt":
        import msvcrt

        pressed = plain_keys(iter(msvcrt.getwch, ""))  # type: ignore[attr-defined, unused-ignore]
        yield lambda: next(pressed, "")
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def chunks() -> Iterator[str]:
        while True:
            # Anew each time: a shell that stopped and continued us has set it to its own liking.
            tty.setcbreak(terminal, termios.TCSADRAIN)
            chunk = os.read(terminal, 1_024)
            if not chunk:
                return
            yield chunk.decode(errors="replace")

    pressed = plain_keys(chunks())
    try:
        yield lambda: next(pressed, "")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def plain_keys(chunks: Iterable[str]) -> Iterator[str]:
    """Give the characters of what a terminal sends, escape sequences left out (ECMA-48, 5.4)."""
    inside = ""  # of a sequence: what has come of it
    for character in (c for chunk in chunks for c in chunk):
        if character == END:
            return
        if character == ESCAPE:
            inside = ESCAPE
        elif inside == ESCAPE:
            inside = ESCAPE + character if character in "[O" else ""
        elif inside == ESCAPE + "O":
            inside = ""
        elif inside:
            inside = "" if "@" <= character <= "~" else inside
        else:
            yield character
