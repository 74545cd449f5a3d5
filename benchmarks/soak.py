"""64 clients who behave and who don't, for minutes: is anything lost, mixed up or kept?

A run's candidate is served. Of 64 clients, 48 ask single texts with a number of their own, over
and over; 6 read their answers a few bytes at a time; 6 hang up in the middle of a request or before
its answer; 4 send bodies over the limit. The answer to each text is known beforehand (each text
was asked before), so that another's answer would be noticed.

Goals: memory of the server flat within 5% from the first fifth of the time to the last, no request
of those who behave lost, none answered with another's text, and on SIGTERM all that was begun is
answered and the status is 0; --check exits 1 when one is missed. Five minutes; --quick takes 30 s.

    python benchmarks/soak.py RUN [--candidate NAME] [--runtime NAME] [--seconds N] [--json FILE]
        [--check] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from side_by_side import commit

from tunewise.files import write_json
from tunewise.workspace.environment import environment

FLAT = 0.05  # memory may change by so much
GOOD, SLOW, BROKEN, LARGE = 48, 6, 6, 4
TEXTS = 400  # different ones
WORDS = (
    "my card has not arrived",
    "what is your exchange rate",
    "I lost my card",
    "my top up failed",
    "where do I see my balance",
    "the transfer is still pending",
)


@dataclass
class Told:
    """What happened."""

    answered: int = 0
    wrong: int = 0
    lost: int = 0
    refused: int = 0
    slow: int = 0
    broken: int = 0
    large: int = 0
    last_call: int = 0
    began: float = 0.0
    closing: bool = False
    how: list[str] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)


def main() -> None:
    """Serve, torment, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--candidate", metavar="NAME")
    parser.add_argument("--runtime", metavar="NAME")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    seconds = 30.0 if given.quick else given.seconds
    command = [sys.executable, "-c", "from tunewise.cli.main import main; main()", "serve",
               str(given.run), "--port", "0"]  # fmt: skip
    command += ["--candidate", given.candidate] if given.candidate else []
    command += ["--runtime", given.runtime] if given.runtime else []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = next(
            int(found[1])
            for line in process.stderr
            if (found := re.search(r" on http://127\.0\.0\.1:(\d+)", line))
        )
        log = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            told = asyncio.run(tormented(port, process, seconds))
            status = process.wait(60)
        finally:
            process.kill()
            log.wait()
    growth = grown(told, seconds)
    met = status == 0 and abs(growth) <= FLAT and told.wrong == told.lost == 0
    p50, p99 = np.percentile(told.spent, [50, 99])
    print(
        f"{seconds:g} s, {told.answered:,} answers ({told.answered / seconds:.0f} a second, p50"
        f" {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms), {told.slow:,} read slowly,"
        f" {told.broken:,} connections broken, {told.large:,} bodies over the limit;"
        f" {told.last_call:,} answered after SIGTERM, {told.refused:,} clients then not let in;"
        f" exit status {status}"
    )
    if given.json:
        figures = {"commit": commit(), "environment": environment(), "told": told}
        write_json(given.json, {**figures, "growth": growth, "status": status})
    for words in told.how[:10]:
        print(f"  lost: {words}")
    print(
        f"{'met' if met else 'MISSED'}: memory {100 * growth:+.1f}% (goal within {100 * FLAT:g}),"
        f" {told.lost} lost, {told.wrong} answered with another's (goal 0)"
    )
    if given.check and not met:
        sys.exit(1)


def grown(told: Told, seconds: float) -> float:
    """Return how memory changed from the first fifth (after its first half) to the last."""
    first = [size for at, size in told.memory if 0.1 * seconds < at <= 0.2 * seconds]
    last = [size for at, size in told.memory if at > 0.8 * seconds]
    return float(np.median(last) / np.median(first) - 1)


def request(text: str | list[str]) -> bytes:
    """Return a request as it is sent."""
    body = json.dumps({"input": text}).encode()
    return (
        b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


async def answer(
    reader: asyncio.StreamReader, at_a_time: int = 1 << 16, told: Told | None = None
) -> tuple[int, Any]:
    """Return status and body of an answer, read a few bytes at a time."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if told is not None:
        told.closing = "connection: close" in head.lower()
    length = re.search(r"content-length: (\d+)", head.lower())
    assert length is not None, head
    body = b""
    while len(body) < int(length[1]):
        more = await reader.read(min(at_a_time, int(length[1]) - len(body)))
        if not more:
            raise ConnectionError("cut off")
        body += more
        if at_a_time < 1000:
            await asyncio.sleep(0.02)
    return int(head.split()[1]), json.loads(body)


async def tormented(port: int, process: subprocess.Popen[str], seconds: float) -> Told:
    """Run all clients for so long, then stop the server under their load."""
    told = Told()
    texts = [f"{WORDS[n % len(WORDS)]} {n}" for n in range(TEXTS)]
    known: dict[str, dict[str, float]] = {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for first in range(0, TEXTS, 200):
        some = texts[first : first + 200]
        writer.write(request(some))
        _, body = await answer(reader)
        known |= {t: row["probabilities"] for t, row in zip(some, body["data"], strict=True)}
    writer.close()
    began = told.began = time.monotonic()
    until = began + seconds
    tasks = [asyncio.create_task(good(port, n, texts, known, told)) for n in range(GOOD)]
    tasks += [asyncio.create_task(slow(port, n, known, until, told)) for n in range(SLOW)]
    tasks += [asyncio.create_task(broken(port, n, texts, until, told)) for n in range(BROKEN)]
    tasks += [asyncio.create_task(large(port, until, told)) for _ in range(LARGE)]
    memory = psutil.Process(process.pid)
    while time.monotonic() < until:
        told.memory.append((time.monotonic() - began, memory.memory_info().rss))
        await asyncio.sleep(0.5)
    before = told.answered
    process.send_signal(signal.SIGTERM)
    await asyncio.gather(*tasks)
    told.last_call = told.answered - before
    return told


def shares(found: tuple[int, Any]) -> dict[str, float]:
    """Return the probabilities of an answer."""
    status, body = found
    assert status == 200, body
    given: dict[str, float] = body["data"][0]["probabilities"]
    return given


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two answers are to the same text, but for rounding."""
    return all(abs(one[label] - other[label]) < 0.01 for label in one)


async def good(
    port: int, number: int, texts: list[str], known: dict[str, dict[str, float]], told: Told
) -> None:
    """Ask one text after the other until the server lets nobody in any more."""
    place = number
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            told.refused += 1
            return
        with contextlib.closing(writer):
            for _ in range(50):
                text, place = texts[place % TEXTS], place + 7
                began = time.monotonic()
                writer.write(request(text))
                try:
                    status, body = await answer(reader, told=told)
                except (ConnectionError, asyncio.IncompleteReadError) as error:
                    if isinstance(error, asyncio.IncompleteReadError) and not error.partial:
                        break  # it closed the connection between two answers
                    told.lost += 1
                    told.how.append(f"{error!r} at {time.monotonic() - told.began:.1f} s")
                    break
                told.spent.append(time.monotonic() - began)
                told.answered += 1
                if status != 200:
                    told.lost += 1
                    told.how.append(f"{status} at {time.monotonic() - told.began:.1f} s")
                elif not same(shares((status, body)), known[text]):
                    told.wrong += 1
                if told.closing:
                    break  # the server said so in its answer: the next request needs another


async def slow(
    port: int, number: int, known: dict[str, dict[str, float]], until: float, told: Told
) -> None:
    """Read answers a hundred bytes at a time."""
    while time.monotonic() < until - 1:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        text = list(known)[(number + told.slow) % TEXTS]
        writer.write(request(text))
        found = await answer(reader, at_a_time=100)
        told.slow += 1
        told.wrong += not same(shares(found), known[text])
        writer.close()


async def broken(port: int, number: int, texts: list[str], until: float, told: Told) -> None:
    """Hang up in the middle of a request, or before its answer."""
    while time.monotonic() < until - 1:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        told.broken += 1
        whole = request(texts[(number + told.broken) % TEXTS])
        writer.write(whole if told.broken % 2 else whole[: 20 + told.broken % 150])
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()


async def large(port: int, until: float, told: Told) -> None:
    """Send bodies over the limit."""
    while time.monotonic() < until - 1:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("a" * 1_200_000))
        status, _ = await answer(reader)
        told.large += 1
        if status != 413:
            told.lost += 1
            told.how.append(f"{status} for a body over the limit")
        writer.close()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
