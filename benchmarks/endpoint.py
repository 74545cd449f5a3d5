"""1,000 requests to a local OpenAI-compatible server of which 20% of all attempts go wrong.

The server (tests/chat_server.py, a process of its own) answers by the published API and turns one
attempt in five into a 429, a 500, a time-out, a truncated or a malformed body. It keeps its own
books: every answer that it makes is charged, whether or not it arrives. Four cases:

- through: all requests, then all of them again;
- killed: kill -9 in the middle, then the same command again;
- capped: a cap of half of what all would cost, in dollars;
- forgetful: as 'through' and 'capped', but the server doesn't know Idempotency-Key, so that it
  charges again for an answer that was lost on the way. No client can prevent that; it must be
  counted, and the cap must hold all the same.

Goals: every request answered; each charged once where the server knows Idempotency-Key; nothing
asked by a second run; nothing charged twice after kill -9; never a picodollar over the cap. --check
exits 1 when one is missed. --quick (under a minute) makes 200 requests.

    python benchmarks/endpoint.py [--requests N] [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from side_by_side import commit

from tunewise.engines.asks import Ask
from tunewise.engines.endpoint.address import Address
from tunewise.engines.endpoint.book import Book, Cap
from tunewise.engines.endpoint.engine import Endpoint, Terms
from tunewise.engines.endpoint.prices import PICO, Price
from tunewise.errors import CapReached
from tunewise.files import write_json
from tunewise.progress import Silent
from tunewise.records import Message
from tunewise.workspace.environment import environment

SERVER = Path(__file__).parents[1] / "tests" / "chat_server.py"
FAULTS = 0.2  # of all attempts
HOLD = 3.0  # seconds for which the server holds a request that times out
TIMEOUT = 1.0  # seconds that the client allows an attempt
PRICE = Price(input=0.4, output=1.6)
SYSTEM = "Sort.\nLabels:\nred apple\nred pear\nblue plum"
KILL_AT = 0.4  # share of the requests that are charged when the process is killed


@dataclass
class Result:
    """What one case came to.

    Attributes:
        answered: requests that have an answer.
        attempts: that the server saw, those of the second run apart.
        twice: requests that the server charged more than once.
        again: attempts of a second run.
        seconds: of the first run; None where it was cut off.
        cap, charged: picodollars.
        perhaps: part of what the client counts for answers that never came.
    """

    case: str
    answered: int = 0
    attempts: int = 0
    twice: int = 0
    again: int = 0
    seconds: float | None = None
    cap: int | None = None
    charged: int = 0
    perhaps: int = 0
    most: int = 0
    missed: list[str] = field(default_factory=list)


def asks(count: int) -> list[Ask]:
    """Return so many questions, all different."""
    return [
        Ask(f"row {n}", (Message("system", SYSTEM), Message("user", f"What is number {n}?")), 16)
        for n in range(count)
    ]


def ask_all(url: str, folder: Path, count: int, cap: int | None) -> tuple[int, float]:
    """Return how many of the questions were answered, and the seconds that took."""
    terms = Terms(PRICE, "benchmark", Cap(pico=cap), timeout=TIMEOUT)
    engine = Endpoint(Address(url, "big-model", None), terms, Book(folder))
    began = time.perf_counter()
    try:
        answered = len(engine.generate(asks(count), Silent(), "Asking"))
    except CapReached:
        answered = sum(engine.book.answer(engine._request(a).name) is not None for a in asks(count))
    finally:
        engine.close()
    return answered, time.perf_counter() - began


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Run the server for the length of a block; give its address."""
    command = [sys.executable, str(SERVER), "--faults", str(FAULTS), "--hold", str(HOLD), *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def books(url: str) -> dict[str, Any]:
    """Return what the server has charged."""
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/books") as response:
        found: dict[str, Any] = json.load(response)
    return found


def through(folder: Path, count: int, *, knows_names: bool) -> Result:
    """Ask everything, then again."""
    found = Result("through" if knows_names else "forgetful, through")
    with serving(*(["--idempotent"] if knows_names else [])) as url:
        found.answered, found.seconds = ask_all(url, folder, count, None)
        before = books(url)
        ask_all(url, folder, count, None)
        after = books(url)
    told(found, before, folder)
    found.again = after["requests"] - before["requests"]
    if found.answered != count:
        found.missed.append(f"{count - found.answered} requests have no answer")
    if found.again:
        found.missed.append(f"the second run asked {found.again} times")
    if knows_names and found.twice:
        found.missed.append(f"{found.twice} requests were charged twice")
    return found


def killed(folder: Path, count: int) -> Result:
    """Kill the process in the middle, then ask again."""
    found = Result("killed")
    worker = [sys.executable, __file__, "--requests", str(count), "--worker", str(folder)]
    with serving("--idempotent") as url:
        run = subprocess.Popen([*worker, url])
        while books(url)["answers"] < KILL_AT * count:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        before = books(url)
        book = Book(folder)
        kept = book.spent("benchmark")
        book.close()
        found.answered, _ = ask_all(url, folder, count, None)
        after = books(url)
    told(found, after, folder)
    found.again = after["requests"] - before["requests"]
    lost = before["names"] - (kept.requests - kept.lost)
    if found.answered != count:
        found.missed.append(f"{count - found.answered} requests have no answer")
    if found.twice:
        found.missed.append(f"{found.twice} requests were charged twice")
    if not before["names"] < count:
        found.missed.append("the process was killed too late")
    if lost > 64:
        found.missed.append(f"{lost} answers were made and not kept, more than were under way")
    return found


def capped(folder: Path, count: int, whole: int, *, knows_names: bool) -> Result:
    """Ask under a cap of half of what all would cost."""
    found = Result("capped" if knows_names else "forgetful, capped", cap=whole // 2)
    with serving(*(["--idempotent"] if knows_names else [])) as url:
        found.answered, found.seconds = ask_all(url, folder, count, found.cap)
        after = books(url)
    told(found, after, folder)
    if found.charged > whole // 2:
        found.missed.append(f"the cap was passed by {found.charged - whole // 2} picodollars")
    if not 0 < found.answered < count:
        found.missed.append("the cap wasn't reached")
    return found


def told(found: Result, after: dict[str, Any], folder: Path) -> None:
    """Put the server's books, and the client's, into a result."""
    found.attempts, found.twice, found.most = after["requests"], after["twice"], after["most"]
    found.charged = PRICE.cost(*after["tokens"])
    book = Book(folder)
    found.perhaps = book.spent("benchmark").perhaps
    book.close()


def show(results: list[Result]) -> None:
    """Print the table."""
    print(
        f"{'case':<20}{'answered':>9}{'attempts':>9}{'twice':>6}{'again':>6}{'at once':>8}"
        f"{'seconds':>8}{'cap, $':>10}{'charged, $':>11}{'perhaps, $':>11}"
    )
    for one in results:
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        cap = "" if one.cap is None else f"{one.cap / PICO:.6f}"
        print(
            f"{one.case:<20}{one.answered:>9,}{one.attempts:>9,}{one.twice:>6}{one.again:>6}"
            f"{one.most:>8}{seconds:>8}{cap:>10}{one.charged / PICO:>11.6f}"
            f"{one.perhaps / PICO:>11.6f}"
        )


def main() -> None:
    """Measure, print, write, check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--worker", nargs=2, metavar=("FOLDER", "URL"))
    given = parser.parse_args()
    count = 200 if given.quick else given.requests
    if given.worker:
        ask_all(given.worker[1], Path(given.worker[0]), count, None)
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        first = through(home / "through", count, knows_names=True)
        whole = first.charged
        results = [
            first,
            killed(home / "killed", count),
            capped(home / "capped", count, whole, knows_names=True),
            through(home / "forgetful", count, knows_names=False),
            capped(home / "forgetful-capped", count, whole, knows_names=False),
        ]
    show(results)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "requests": count}
        write_json(given.json, about | {"faults": FAULTS, "results": results})
    missed = [f"{one.case}: {fault}" for one in results for fault in one.missed]
    print("; ".join(missed) if missed else "all goals reached")
    if given.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
