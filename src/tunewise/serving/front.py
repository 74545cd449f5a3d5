"""What every request goes through first: who asks, how large and how long, and what is logged.

Wraps the application. Reads the body within its limits before anything else looks at it, ends the
work of a client that went away, cuts off what takes too long, gives each request an id, and logs
and counts how it ended. Knows nothing of routes.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunewise.serving.limits import Limits
from tunewise.serving.meters import Meters
from tunewise.serving.refusals import Refused, internal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/", "/healthz", "/readyz", "/favicon.ico")  # need no key: they tell nothing
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
CLIENT_GONE = 499  # as nginx writes it; nobody gets to see it but the log


@dataclass(frozen=True)
class Door:
    """Who is let in.

    Attributes:
        key: that clients must bear; None where none is asked for.
        hosts: names that requests may be addressed to; empty for any. Keeps web pages that point
            a name of their own at this machine from reaching a server that listens on loopback.
    """

    key: bytes | None = None
    hosts: Sequence[str] = ()

    def check(self, path: str, headers: dict[bytes, bytes]) -> None:
        """Refuse a request that isn't let in.

        Raises:
            Refused: it isn't.
        """
        host = headers.get(b"host", b"").decode("latin-1").rpartition("@")[2].lower()
        name = re.sub(r":\d*$", "", host)
        if self.hosts and name not in self.hosts:
            raise Refused(
                403,
                "the server isn't called by the name in the Host header; start it with"
                " --allow-host NAME if it should be",
                code="unknown_host",
            )
        if self.key is None or path in OPEN:
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self.key):
            raise Refused(
                401,
                "the key is missing or wrong: send 'Authorization: Bearer KEY'",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )


class Front:
    """The application with its limits.

    Args:
        app: the application.
        limits: to keep.
        door: who is let in.
        meters: to count in.
        log: to write to.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, door: Door, meters: Meters, log: logging.Logger
    ) -> None:
        self.app, self.limits, self.door = app, limits, door
        self.meters, self.log = meters, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Passage(self, scope, receive, send).through()


class _Passage:
    """One request on its way through."""

    def __init__(self, front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        self.front, self.scope, self.receive, self._send = front, scope, receive, send
        self.headers = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"")
        known = REQUEST_ID.fullmatch(given) is not None
        self.id = given.decode("ascii") if known else f"req-{secrets.token_hex(12)}"
        self.status: int | None = None
        self.read = False
        self.notes: dict[str, Any] = {}
        scope["state"] |= {"request_id": self.id, "notes": self.notes}

    async def through(self) -> None:
        """Answer the request, whatever happens, then log and count it."""
        front, began = self.front, time.monotonic()
        front.meters.in_flight.inc()
        try:
            async with asyncio.timeout(front.limits.seconds):
                front.door.check(self.scope["path"], self.headers)
                body = await self._body()
                self.read = True
                await self._watched(body)
        except TimeoutError:
            late = Refused(504, "the answer took too long; ask for less, or later", code="timeout")
            slow = Refused(408, "the request took too long to arrive", code="timeout")
            await self._refuse(late if self.read else slow)
        except Refused as refused:
            await self._refuse(refused)
        except Exception:
            front.log.exception("error", extra={"fields": {"request_id": self.id}})
            if self.status is None:
                await self._refuse(internal(self.id))
        finally:
            front.meters.in_flight.dec()
            self._count(time.monotonic() - began)

    def _count(self, seconds: float) -> None:
        meters, status = self.front.meters, self.status or CLIENT_GONE
        route = getattr(self.scope.get("route"), "path", "other")
        meters.requests.labels(route, str(status)).inc()
        meters.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": self.id,
            "method": self.scope["method"],
            "route": route,
            "status": status,
            "seconds": round(seconds, 6),
            **self.notes,
        }
        self.front.log.info("request", extra={"fields": fields})

    async def _body(self) -> bytes:
        """Return the whole body.

        Raises:
            Refused: it is too large, or no JSON.
        """
        most = self.front.limits.body_bytes
        told = self.headers.get(b"content-length", b"0")
        too_large = Refused(413, f"the body has more than {most:,} bytes", code="body_too_large")
        if told.isdigit() and int(told) > most:
            raise too_large
        parts, size = [], 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Refused(CLIENT_GONE, "the client went away")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise too_large
            if not message.get("more_body"):
                break
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if size and kind != b"application/json":
            raise Refused(415, "send JSON, with 'Content-Type: application/json'", code="not_json")
        return b"".join(parts)

    async def _watched(self, body: bytes) -> None:
        """Run the application; end it when the client goes away."""
        replayed = False

        async def receive() -> Message:
            nonlocal replayed
            if not replayed:
                replayed = True
                return {"type": "http.request", "body": body, "more_body": False}
            await asyncio.get_running_loop().create_future()  # the client's going: we watch for it
            raise AssertionError("nobody ends this wait")

        work = asyncio.ensure_future(self.front.app(self.scope, receive, self._sent))
        gone = asyncio.ensure_future(self.receive())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self.front.meters.cancelled.inc()
                self.notes["cancelled"] = True
                return
            await work
        finally:
            gone.cancel()
            work.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.id.encode("ascii")),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def _refuse(self, refused: Refused) -> None:
        """Send a refusal; where an answer has begun, uvicorn breaks the connection off instead."""
        if self.status is not None:
            self.notes["cut_off"] = True
            return
        if refused.status == CLIENT_GONE:
            return
        body = refused.body()
        headers = [(b"content-type", b"application/json"), *_encoded(refused)]
        headers.append((b"content-length", str(len(body)).encode("ascii")))
        start = {"type": "http.response.start", "status": refused.status, "headers": headers}
        await self._sent(start)
        await self._send({"type": "http.response.body", "body": body})


def _encoded(refused: Refused) -> list[tuple[bytes, bytes]]:
    return [(k.encode("ascii"), v.encode("ascii")) for k, v in refused.headers.items()]
