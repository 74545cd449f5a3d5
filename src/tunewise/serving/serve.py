"""The whole of serving: take the port, load, answer until told to stop, say what was done.

Given a run folder and what the user wants, returns when the server has ended.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from tunewise.errors import BadInput
from tunewise.files import plain, write_json
from tunewise.progress import Progress
from tunewise.serving.app import application
from tunewise.serving.drift import Drift, known
from tunewise.serving.engine import Card
from tunewise.serving.front import Door, Front
from tunewise.serving.limits import Limits
from tunewise.serving.load import TRAINED, loaded
from tunewise.serving.logs import logging_to
from tunewise.serving.meters import Meters
from tunewise.serving.server import Server, bound
from tunewise.serving.service import Service
from tunewise.serving.shadow import NICENESS, WAITING, Shadow
from tunewise.serving.watch import Watch
from tunewise.serving.worker import Worker
from tunewise.workspace.folder import opened

LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")
LEAST_KEY = 16  # characters: shorter ones are guessed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants.

    Attributes:
        run: the run folder.
        candidate: that answers; None for the winner.
        runtime: that computes its answers, of tunewise.serving.load.RUNTIMES.
        threads: that compute an answer; None for all cores but one.
        host, port: to listen on.
        key_env: environment variable that holds the key clients must bear; None for no key.
        hosts: further names that requests may be addressed to.
        threshold: least probability of an answer, where a request names none.
        log_text: whether the log holds texts and answers.
        shadow: a second candidate that is asked the same; None for none.
        record_text: whether questions and written answers are kept with the second's answers.
        limits: of requests.
    """

    run: Path
    candidate: str | None = None
    runtime: str = TRAINED
    threads: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    key_env: str | None = None
    hosts: tuple[str, ...] = ()
    threshold: float = 0.0
    log_text: bool = False
    shadow: str | None = None
    record_text: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Ready:
    """A server that only has to be run.

    Attributes:
        server: to run with the socket.
        socket: that has taken the port.
        service: what it serves.
        address: to reach it by.
    """

    server: Server
    socket: socket.socket
    service: Service
    address: str


def serve(wanted: Wanted, progress: Progress) -> None:
    """Serve until a signal comes.

    Raises:
        BadInput: the port can't be taken, or the key isn't there.
        RunFolderError, ModelError: see tunewise.serving.load.
    """
    with ready(wanted, progress) as made:
        progress.line(f"Serving {made.service.card.candidate} on {made.address} (Ctrl-C stops it)")
        made.server.run(sockets=[made.socket])


@contextmanager
def ready(wanted: Wanted, progress: Progress, stream: IO[str] | None = None) -> Iterator[Ready]:
    """Give a server with its port taken and its model loaded; end the model's thread after it.

    Args:
        wanted: what the user wants.
        progress: where to say what goes on before it serves.
        stream: for the log; left out: standard error.

    Raises:
        BadInput, RunFolderError, ModelError: see `serve`.
    """
    door = Door(_key(wanted.key_env), _hosts(wanted))
    taken = bound(wanted.host, wanted.port)
    workers: list[Worker] = []
    try:
        meters, limits, log = Meters(), wanted.limits, logging_to(stream)
        worker = _worker(wanted, wanted.candidate, meters, progress)
        workers.append(worker)
        card = worker.start().card
        drift = Drift(known(opened(wanted.run)))
        shadow = None
        if wanted.shadow is not None:
            workers.append(_second(wanted, card, progress))
            second = workers[-1].start().card
            path = _pairs_file(wanted.run, second)
            shadow = Shadow(
                card, second, workers[-1], path,
                with_text=wanted.record_text, meters=meters, log=log,
            )  # fmt: skip
            progress.line(f"{second.candidate} is asked the same; both answers go to {path}.")
        watch = Watch(drift, shadow)
        service = Service(card, worker, meters, log, watch, wanted.threshold, wanted.log_text)
        front = Front(application(service), limits, door, meters, log)
        server = Server(
            front, limits, partial(_stopping, service), partial(watch.ended, limits.stop_seconds)
        )
        if wanted.host not in LOOPBACK and door.key is None:
            progress.warn("others on the network can use this server: give it a key by --key-env")
        yield Ready(server, taken, service, _address(taken))
        _tell(service, progress)
    finally:
        taken.close()
        for one in workers:
            one.stop(wanted.limits.stop_seconds)


def _worker(
    wanted: Wanted, candidate: str | None, meters: Meters | None, progress: Progress
) -> Worker:
    """Return the thread for a candidate; the second's has no meters and the lowest priority."""
    first = meters is not None
    runtime = wanted.runtime if first else TRAINED
    return Worker(
        partial(loaded, wanted.run, candidate, runtime, progress, wanted.threads),
        name="model" if first else "shadow",
        most_waiting=wanted.limits.waiting if first else WAITING,
        together=wanted.limits.together,
        niceness=0 if first else NICENESS,
        on_batch=meters.together.observe if meters is not None else int,
    )


def _second(wanted: Wanted, first: Card, progress: Progress) -> Worker:
    """Return the thread for the second candidate.

    Raises:
        BadInput: it is the first.
    """
    if wanted.shadow == first.candidate:
        raise BadInput(
            f"'{wanted.shadow}' is the candidate that answers",
            where="--shadow",
            mend="Name another one to compare it with.",
        )
    return _worker(wanted, wanted.shadow, None, progress)


def _pairs_file(run: Path, second: Card) -> Path:
    """Return the file for the pairs of this server, which no other writes to."""
    begun = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    return opened(run).shadow / second.candidate / f"{begun}-{os.getpid()}.jsonl"


def _tell(service: Service, progress: Progress) -> None:
    """Say what was seen; write it beside the pairs, where there are any."""
    summary = service.watch.summary()
    for sentence in summary.sentences():
        progress.line(sentence)
    fields = {"waiting": service.worker.waiting, "summary": plain(summary)}
    service.log.info("stopped", extra={"fields": fields})
    shadow = service.watch.shadow
    if shadow is not None and shadow.path.exists():
        write_json(shadow.path.with_suffix(".summary.json"), summary)


def _address(taken: socket.socket) -> str:
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
