"""What one request, and all of them together, may take. Knows nothing of who keeps to it."""

from __future__ import annotations

from dataclasses import dataclass

CHARACTERS = 200_000  # of one text; a model's window is far shorter
TEXTS = 256  # of one request
TURNS = 256  # of one conversation


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, each with the status that going over it gives.

    Attributes:
        body_bytes: of a request; 413.
        header_bytes: of all its headers, the first line included; 431.
        header_seconds: until all headers are here; the connection is closed.
        seconds: for the whole request, reading it and waiting included; 408 while it is read, then
            504, and a stream that has begun is cut off.
        waiting: requests that wait while others are answered; 429.
        together: texts answered in one go, and answers written side by side.
        stop_seconds: for what was begun when the server is told to stop.
    """

    body_bytes: int = 1_000_000
    header_bytes: int = 32_768
    header_seconds: float = 10.0
    seconds: float = 120.0
    waiting: int = 256
    together: int = 64
    stop_seconds: float = 30.0
