"""Starting and stopping: a port is taken, the model loaded, requests answered until a signal comes.

After the signal nothing new is begun, what was begun is finished, and connections are told to
close. Knows nothing of what is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from tunewise.errors import BadInput
from tunewise.serving.limits import Limits
from tunewise.serving.protocol import guarded

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LAST_CALL = 0.5  # seconds in which connections that are open are still answered, then closed
BACKLOG = 2048
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that has taken the port; nothing is let in before the server listens.

    Raises:
        BadInput: the port is in use or not to be had, or there is no such host.
    """
    where = f"--host {host} --port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadInput(f"there is no such host ({error.strerror})", where=where) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(BACKLOG)  # else another could still take it; nothing is accepted yet
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                "the port is in use", where=where, mend="Stop what uses it, or name another --port."
            ) from error
        raise BadInput(
            f"the port can't be taken ({error.strerror})", where=where, mend="Name another --port."
        ) from error
    taken.setblocking(False)
    return taken


class Server(uvicorn.Server):
    """uvicorn's server, which ends in order.

    Args:
        app: the application.
        limits: of heads and of stopping.
        on_stop: called as soon as a signal has come.
        on_end: awaited when nothing is being answered any more.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        on_stop: Callable[[], None],
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded(limits),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=int(limits.stop_seconds),
            )
        )
        self._on_stop, self._on_end = on_stop, on_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, answer whoever is in once, telling them to close; then end."""
        self._on_stop()
        for one in sockets or ():
            await self._let_in(one)
        for server in self.servers:
            server.close()
        self._announce()
        await asyncio.sleep(LAST_CALL)
        await super().shutdown(sockets)
        await self._on_end()

    async def _let_in(self, listening: socket.socket) -> None:
        """Let in those who are connected already and only wait to be noticed."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while True:
                client, _ = listening.accept()
                client.setblocking(False)
                await loop.connect_accepted_socket(self._protocol, client)

    def _protocol(self) -> asyncio.Protocol:
        """Return what uvicorn speaks over one connection."""
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _announce(self) -> None:
        """Let every answer that hasn't begun say that its connection closes after it.

        A client that isn't told would send its next request into a closed connection.
        """
        close = (b"connection", b"close")
        told = [*self.server_state.default_headers, close]
        self.server_state.default_headers = told
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.default_headers = told

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal; unlike uvicorn's, don't send it to ourselves again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop; at once when it is the second signal."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
