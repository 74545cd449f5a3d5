"""`tunewise serve` of an exported GGUF file beside llama.cpp's own server on the same file.

A run whose candidate writes, exported to GGUF, is served by `tunewise serve --runtime gguf-…`, and
the file by the llama.cpp that xllamacpp carries, with as many threads and places. Both are asked
the same test rows of the run by 1, 4 and 8 clients that keep their connections: ours gets the text
alone, the other the messages of task.json around it. The two take turns, and medians are compared.

Before speed, equality: both write the same answers. Goal: at least 95% of its requests per second,
with any number of clients; --check exits 1 when it is missed.

    python benchmarks/serving_chat.py RUN [--candidate NAME] [--runtime gguf-q8_0] [--turns N]
        [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from serving import clients, server
from side_by_side import commit

from tunewise.candidates.finished import chosen
from tunewise.data.store import load_dataset
from tunewise.files import read_record, write_json
from tunewise.records import Splits
from tunewise.serving.exported import proved_file
from tunewise.serving.llama_cpp import TOGETHER, TOKENS
from tunewise.serving.load import WARM_UP
from tunewise.shipping.asking import TASK, Asking
from tunewise.shipping.runtimes.in_llama_cpp import LlamaCppRuntime
from tunewise.workspace.environment import environment
from tunewise.workspace.folder import opened

GOAL = 0.95
CLIENTS = (1, 4, 8)
ROWS = 32
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Figure:
    """One server with so many clients: requests and tokens per second, seconds of a request."""

    server: str
    clients: int
    requests: int
    per_second: float
    tokens_per_second: float
    p50: float
    p99: float


def main() -> None:
    """Measure, print, and exit 1 when the goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--candidate", metavar="NAME")
    parser.add_argument("--runtime", default="gguf-q8_0")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    one = chosen(opened(given.run), given.candidate)
    file = proved_file(one, given.runtime)
    asking = read_record(file.parent / TASK, Asking)
    test = set(read_record(one.files.splits, Splits).test)
    rows = [e.input for e in load_dataset(one.files).examples if e.id in test][:ROWS]
    ours = [{"model": one.name, "messages": [{"role": "user", "content": row}]} for row in rows]
    theirs = [asked(asking, row) for row in rows]
    command = [sys.executable, "-c", "from tunewise.cli.main import main; main()", "serve",
               str(given.run), "--candidate", one.name, "--runtime", given.runtime,
               "--port", "0"]  # fmt: skip
    peer = LlamaCppRuntime(file, TOKENS, together=TOGETHER)
    try:
        port = int(peer.address.rpartition(":")[2])
        with server(command) as (own, _):
            # Ours is warm by now; what lies in llama.cpp's cache changes how it rounds.
            asyncio.run(written(port, [asked(asking, WARM_UP) | {"max_tokens": 2}]))
            both = {"llama.cpp": (port, theirs), "tunewise": (own, ours)}
            answers = {name: asyncio.run(written(*arm)) for name, arm in both.items()}
            found = [
                asyncio.run(load(name, *arm, count))
                for count in CLIENTS
                for _ in range(given.turns)
                for name, arm in both.items()
            ]
    finally:
        peer.close()
    same = sum(a == b for a, b in zip(*answers.values(), strict=True))
    ratios = {n: middle(found, "tunewise", n) / middle(found, "llama.cpp", n) for n in CLIENTS}
    met = same == len(rows) and min(ratios.values()) >= GOAL
    if given.json:
        figures = {"commit": commit(), "environment": environment(), "figures": found}
        write_json(given.json, {**figures, "ratios": ratios, "same": same})
    told = ", ".join(f"{ratio:.3f} with {n}" for n, ratio in ratios.items())
    print(
        f"{'met' if met else 'MISSED'}: tunewise answers {told} clients times the requests of"
        f" llama.cpp's server (goal {GOAL:g}); {same} of {len(rows)} answers are the same"
    )
    if given.check and not met:
        sys.exit(1)


def asked(asking: Asking, text: str) -> dict[str, Any]:
    """Return a question as an application sends it to llama.cpp's server, see docs/shipping.md."""
    messages = asking.asked(text)
    return {"messages": messages, "temperature": 0, "max_tokens": asking.max_new_tokens}


async def written(port: int, bodies: Sequence[dict[str, Any]]) -> list[str]:
    """Return the answers, asked one by one."""
    (client,) = await clients(port, 1)
    found = [json.loads(await client.send(CHAT, body)) for body in bodies]
    client.transport.close()
    return [reply["choices"][0]["message"]["content"].strip() for reply in found]


async def load(name: str, port: int, bodies: Sequence[dict[str, Any]], count: int) -> Figure:
    """Return figures of the same questions, taken up by so many clients as they get free."""
    spent: list[float] = []
    tokens = 0
    some = await clients(port, count)
    line = iter(bodies)

    async def work(client: Any) -> None:
        nonlocal tokens
        for body in line:
            began = time.perf_counter()
            reply = json.loads(await client.send(CHAT, body))
            spent.append(time.perf_counter() - began)
            tokens += reply["usage"]["completion_tokens"]

    began = time.perf_counter()
    await asyncio.gather(*(work(client) for client in some))
    took = time.perf_counter() - began
    for client in some:
        client.transport.close()
    p50, p99 = map(float, np.percentile(spent, [50, 99]))
    figure = Figure(name, count, len(spent), len(spent) / took, tokens / took, p50, p99)
    print(
        f"{name:12}{count:>4} clients{figure.per_second:>9.2f} requests/s"
        f"{figure.tokens_per_second:>9.1f} tokens/s  p50 {1000 * p50:.0f} ms  p99 {1000 * p99:.0f}"
        " ms",
        flush=True,
    )
    return figure


def middle(found: Sequence[Figure], name: str, count: int) -> float:
    """Return the median of a server's turns, in requests per second."""
    return median(f.per_second for f in found if (f.server, f.clients) == (name, count))


if __name__ == "__main__":
    main()
