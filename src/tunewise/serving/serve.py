"""The whole of serving: take the port, load, answer until told to stop, say what was done.

Given a run folder and what the user wants, returns when the server has ended.
"""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from tunewise.errors import BadInput
from tunewise.progress import Progress
from tunewise.serving.app import application
from tunewise.serving.front import Door, Front
from tunewise.serving.limits import Limits
from tunewise.serving.load import loaded
from tunewise.serving.logs import logging_to
from tunewise.serving.meters import Meters
from tunewise.serving.server import Server, bound
from tunewise.serving.service import Service
from tunewise.serving.watch import Watch
from tunewise.serving.worker import Worker

LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")
LEAST_KEY = 16  # characters: shorter ones are guessed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants.

    Attributes:
        run: the run folder.
        candidate: that answers; None for the winner.
        host, port: to listen on.
        key_env: environment variable that holds the key clients must bear; None for no key.
        hosts: further names that requests may be addressed to.
        threshold: least probability of an answer, where a request names none.
        log_text: whether the log holds texts and answers.
        limits: of requests.
    """

    run: Path
    candidate: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    key_env: str | None = None
    hosts: tuple[str, ...] = ()
    threshold: float = 0.0
    log_text: bool = False
    limits: Limits = field(default_factory=Limits)


def serve(wanted: Wanted, progress: Progress) -> None:
    """Serve until a signal comes.

    Raises:
        BadInput: the port can't be taken, or the key isn't there.
        RunFolderError, ModelError: see tunewise.serving.load.
    """
    key = _key(wanted.key_env)
    door = Door(key, _hosts(wanted))
    socket = bound(wanted.host, wanted.port)
    try:
        meters = Meters()
        worker = Worker(
            functools.partial(loaded, wanted.run, wanted.candidate, progress),
            name="model",
            most_waiting=wanted.limits.waiting,
            together=wanted.limits.together,
            on_batch=meters.together.observe,
        )
        card = worker.start().card
        log = logging_to()
        service = Service(card, worker, meters, log, Watch(), wanted.threshold, wanted.log_text)
        front = Front(application(service), wanted.limits, door, meters, log)
        server = Server(front, wanted.limits, functools.partial(_stopping, service))
        address = socket.getsockname()
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        progress.line(f"Serving {card.candidate} on http://{shown}:{address[1]} (Ctrl-C stops)")
        if wanted.host not in LOOPBACK and key is None:
            progress.warn("others on the network can use this server: give it a key by --key-env")
        server.run(sockets=[socket])
        finished = worker.stop(wanted.limits.stop_seconds)
        fields = {"finished": finished}
        log.log(logging.INFO if finished else logging.ERROR, "stopped", extra={"fields": fields})
    finally:
        socket.close()


def _stopping(service: Service) -> None:
    service.stopping = True
    service.log.info("stopping", extra={"fields": {"waiting": service.worker.waiting}})


def _key(variable: str | None) -> bytes | None:
    """Return the key in an environment variable.

    Raises:
        BadInput: it isn't set, or is none to rely on.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise BadInput(
            f"the environment variable {variable} is empty or isn't set",
            where="--key-env",
            mend=f"Put the key into it: export {variable}=$(openssl rand -hex 32)",
        )
    if len(key) < LEAST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(
            f"the key in {variable} isn't at least {LEAST_KEY} plain characters without spaces",
            where="--key-env",
            mend=f"Make one: export {variable}=$(openssl rand -hex 32)",
        )
    return key.encode("ascii")


def _hosts(wanted: Wanted) -> tuple[str, ...]:
    """Return the names that requests may be addressed to; none for any, beyond loopback."""
    if wanted.hosts or wanted.host in LOOPBACK:
        return (*LOOPBACK, wanted.host.lower(), *(host.lower() for host in wanted.hosts))
    return ()
