"""HTTP as uvicorn reads it, with bounds on the head of a request and OpenAI's shape for its errors.

uvicorn's fast parser takes headers of any size and waits for them for ever; here a head that is too
large, too slow or no HTTP is refused before anything is kept of it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tunewise.serving.limits import Limits
from tunewise.serving.refusals import Refused

HEADERS = 100  # of one request
THROWN_AWAY = 4_000_000  # bytes that a client may still send after it was refused
LINGER = 1.0  # seconds that it has for them


class TooLarge(Exception):
    """The head of a request is too large."""


def guarded(limits: Limits) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with these limits."""

    class Guarded(HttpToolsProtocol):
        """One connection."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._in_head, self._head, self._too_large = True, 0, False
            self._deadline: asyncio.TimerHandle | None = None
            self._refused: int | None = None  # bytes still to be thrown away after a refusal

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._waited()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused is not None:
                self._refused -= len(data)
                if self._refused < 0:
                    self.transport.close()
                return
            super().data_received(data)
            if self._in_head and self._refused is None and not self.transport.is_closing():
                self._head += len(data)  # all of it: a head that had ended isn't read any more
                if self._head > limits.header_bytes:
                    self._too_large = True
                    self.send_400_response("")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head, self._head, self._too_large = True, 0, False
            self._wait()

        def on_url(self, url: bytes) -> None:
            super().on_url(url)
            self._count(len(url))

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            super().on_header(name, value)
            if len(self.headers) > HEADERS:
                self._too_large = True
                raise TooLarge

        def on_headers_complete(self) -> None:
            self._in_head, self._head = False, 0
            self._waited()
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's words
            """Write the refusal of a request that never became one, and close."""
            if self._refused is not None or self.transport.is_closing():
                return
            self._waited()
            refused = (
                Refused(
                    431,
                    f"the request's headers are more than {limits.header_bytes:,} bytes or"
                    f" {HEADERS} in number",
                    code="headers_too_large",
                )
                if self._too_large
                else Refused(400, "this isn't HTTP/1.1", code="invalid_http")
            )
            body = refused.body()
            self.transport.write(
                STATUS_LINE[refused.status]
                + b"content-type: application/json\r\nconnection: close\r\ncontent-length: "
                + str(len(body)).encode("ascii")
                + b"\r\n\r\n"
                + body
            )
            # Closing with bytes unread resets the connection, and the refusal may never arrive.
            self._refused = THROWN_AWAY
            self._deadline = self.loop.call_later(LINGER, self._too_late)
            if self.transport.can_write_eof():
                self.transport.write_eof()

        def _count(self, size: int) -> None:
            self._head += size
            if self._head > limits.header_bytes:
                self._too_large = True
                raise TooLarge

        def _wait(self) -> None:
            self._waited()
            self._deadline = self.loop.call_later(limits.header_seconds, self._too_late)

        def _waited(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _too_late(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

    return Guarded
