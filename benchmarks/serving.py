"""`tunewise serve` beside a plain transformers pipeline behind FastAPI: tickets, this machine.

An encoder (MiniLM-L6) is tuned on 1,500 tickets of BANKING77; its very weights are then served by
a pipeline behind FastAPI, written once as a plain `def` (a thread per request) and once as an
`async def` (one request after the other), and by `tunewise serve`: as trained, and where the run
has an export (tunewise export RUN --to onnx) as float32 and int8 graphs. Each server is asked
single test tickets by 1, 8 and 64 clients that keep their connections, from a process of its own
on the same machine; the better pipeline counts. With --shadow, the probe is asked everything in
the shadow too.

Before speed, equality: each server answers the same test tickets; ours must have the accuracy of
the pipeline within half a point.

Goals: with 1, 8 and 64 clients at least 3 times the better pipeline's requests per second; --check
exits 1 when one is missed. --quick takes under a minute: 300 rows, 2 s per figure. --only leaves
out servers; one pipeline and one of ours must be among them.

    python benchmarks/serving.py [--run FOLDER] [--seconds N] [--shadow] [--json FILE] [--check]
        [--quick] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from side_by_side import commit

import tunewise
from tunewise.files import write_json
from tunewise.workspace.environment import environment

GOAL = 3.0  # times the better pipeline's requests per second, with any number of clients
EQUAL = 0.005  # accuracies may differ by so much
CLIENTS = (1, 8, 64)
TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
ENCODER, PROBE = "encoder-minilm-l6", "probe-minilm-l6"
TASK = """
task: serving
data: {{train: {tickets}/train.csv, test: {tickets}/test.csv, input: text, target: category,
  train_rows: {rows}}}
candidates:
  - probe: {{C: [10]}}
  - encoder: {{num_train_epochs: {epochs}}}
"""


@dataclass(frozen=True)
class Figure:
    """One server with so many clients: requests per second, and seconds of one request.

    `processor` is what a request takes of the server's own processor time, user and system, which
    says more than the clock where others use the machine too.
    """

    clients: int
    requests: int
    per_second: float
    processor: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Arm:
    """One server: accuracy on the tickets asked, and its figures."""

    name: str
    accuracy: float
    figures: tuple[Figure, ...]

    def per_second(self, clients: int) -> float:
        """Return requests per second with so many clients."""
        return next(f.per_second for f in self.figures if f.clients == clients)


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, help="run folder with the encoder; made if left out")
    parser.add_argument("--seconds", type=float, default=6.0, help="per figure")
    parser.add_argument("--rows", type=int, default=1000, help="tickets that judge")
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="only these servers")
    parser.add_argument("--shadow", action="store_true", help="the probe in the shadow too")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plain", nargs=3, metavar=("RUN", "PORT", "HOW"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plain:
        plain(Path(given.plain[0]), int(given.plain[1]), given.plain[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or made(Path(folder), quick=given.quick)
        seconds = 2.0 if given.quick else given.seconds
        rows = tickets(200 if given.quick else given.rows)
        commands = servers(run.resolve(), shadow=given.shadow)
        if given.only:
            commands = {name: c for name, c in commands.items() if name in given.only}
        arms = measured(commands, rows, seconds)
    pipelines = [arm for arm in arms if arm.name.startswith("pipeline")]
    ours = max((arm for arm in arms if arm not in pipelines), key=most)
    ratios = {n: ours.per_second(n) / max(p.per_second(n) for p in pipelines) for n in CLIENTS}
    off = max(abs(arm.accuracy - pipelines[0].accuracy) for arm in arms)
    met = min(ratios.values()) >= GOAL and off <= EQUAL + 1e-9
    if given.json:
        figures = {"commit": commit(), "environment": environment(), "arms": arms}
        write_json(given.json, {**figures, "ratios": ratios, "goal": GOAL})
    told = ", ".join(f"{ratio:.2f} with {n}" for n, ratio in ratios.items())
    print(
        f"{'met' if met else 'MISSED'}: {ours.name} answers {told} clients times the requests of"
        f" the better pipeline (goal {GOAL:g}), accuracies within {100 * off:.2f} points (goal"
        f" {100 * EQUAL:g})"
    )
    if given.check and not met:
        sys.exit(1)


def most(arm: Arm) -> float:
    """Return an arm's requests per second with the most clients."""
    return arm.per_second(CLIENTS[-1])


def made(folder: Path, *, quick: bool) -> Path:
    """Tune the encoder; return the run folder."""
    rows, epochs = (300, 2) if quick else (1500, 5)
    task = TASK.format(tickets=TICKETS, rows=rows, epochs=epochs)
    (folder / "task.yaml").write_text(task)
    return tunewise.run(folder / "task.yaml", quiet=True).folder


def tickets(count: int) -> list[tuple[str, str]]:
    """Return test tickets with their labels, spread over the file."""
    with (TICKETS / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return rows[:: max(1, len(rows) // count)][:count]


def servers(run: Path, *, shadow: bool) -> dict[str, list[str]]:
    """Return the command of each server by its name."""
    serve = [sys.executable, "-c", "from tunewise.cli.main import main; main()", "serve", str(run)]
    ours = [*serve, "--candidate", ENCODER, "--port", "0"]
    script = [sys.executable, __file__, "--plain", str(run)]
    commands = {
        "pipeline, def": [*script, "0", "def"],
        "pipeline, async def": [*script, "0", "async"],
        "tunewise": ours,
    }
    if (run / "shipped" / "onnx" / "model-int8.onnx").exists():
        commands["tunewise, onnx"] = [*ours, "--runtime", "onnx"]
        commands["tunewise, onnx int8"] = [*ours, "--runtime", "onnx-int8"]
    if shadow:
        commands["tunewise, shadow"] = [*ours, "--shadow", PROBE]
    return commands


def measured(
    commands: dict[str, list[str]], rows: Sequence[tuple[str, str]], seconds: float
) -> list[Arm]:
    """Return all arms; one server after the other."""
    texts = [text for text, _ in rows]
    arms = []
    print(
        f"{'':24}{'accuracy':>9}{'clients':>9}{'requests/s':>12}"
        f"{'CPU ms':>9}{'p50 ms':>9}{'p99 ms':>9}"
    )
    for name, command in commands.items():
        with server(command) as (port, process):
            answers = asyncio.run(all_answers(port, texts))
            right = sum(a == label for a, (_, label) in zip(answers, rows, strict=True))
            figures = tuple(asyncio.run(load(port, process, texts, n, seconds)) for n in CLIENTS)
        arms.append(Arm(name, right / len(rows), figures))
        table(arms[-1])
    return arms


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server for the length of a block; give the port that it prints, and its process."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if found := re.search(r" on http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError(f"the server didn't start: {told}")
        log = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield int(found[1]), psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            log.wait()


class Client(asyncio.Protocol):
    """A client that keeps its connection and has one request on its way at a time."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] | None = None
        self.transport: Any = None
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or self.answer is None:
            return
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length is not None, head
        if len(body) >= int(length[1]):
            self.buffer = b""
            if head.startswith(b"HTTP/1.1 200"):
                self.answer.set_result(body)
            else:
                self.answer.set_exception(RuntimeError(head.decode() + body.decode()))

    async def ask(self, text: str) -> bytes:
        """Return the body of the answer to a text."""
        return await self.send("/v1/classify", {"input": text, "top": 1})

    async def send(self, path: str, value: object) -> bytes:
        """Return the body of the answer to a value sent as JSON."""
        body = json.dumps(value).encode()
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return await self.answer


async def clients(port: int, count: int) -> list[Client]:
    """Return so many clients, connected."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Client, "127.0.0.1", port) for _ in range(count)]
    return [client for _, client in made]


async def all_answers(port: int, texts: Sequence[str]) -> list[str]:
    """Return the label of each text, asked by 8 clients."""
    found = [""] * len(texts)
    places = iter(range(len(texts)))

    async def work(client: Client) -> None:
        for place in places:
            body = json.loads(await client.ask(texts[place]))
            found[place] = body["data"][0]["label"] if "data" in body else body["label"]

    await asyncio.gather(*(work(client) for client in await clients(port, 8)))
    return found


async def load(
    port: int, process: psutil.Process, texts: Sequence[str], count: int, seconds: float
) -> Figure:
    """Return figures with so many clients, each asking as soon as it is answered."""
    spent: list[float] = []
    some = await clients(port, count)
    until = time.perf_counter() + seconds

    async def work(client: Client, first: int) -> None:
        place = first
        while (began := time.perf_counter()) < until:
            await client.ask(texts[place % len(texts)])
            spent.append(time.perf_counter() - began)
            place += count

    before, began = process.cpu_times(), time.perf_counter()
    await asyncio.gather(*(work(client, number) for number, client in enumerate(some)))
    took, after = time.perf_counter() - began, process.cpu_times()
    for client in some:
        client.transport.close()
    p50, p99 = np.percentile(spent, [50, 99])
    processor = (after.user + after.system - before.user - before.system) / len(spent)
    return Figure(count, len(spent), len(spent) / took, processor, float(p50), float(p99))


def plain(run: Path, port: int, how: str) -> None:
    """Serve the encoder by a transformers pipeline behind FastAPI, as one writes it down first."""
    import socket

    import torch
    import uvicorn
    from fastapi import FastAPI
    from transformers import PreTrainedModel, TextClassificationPipeline

    fitted: Any = tunewise.load(run, ENCODER).fitted
    inner = fitted.model.float()

    class Classifier(PreTrainedModel):  # the very weights, as a model that pipelines take
        config_class = type(inner.encoder.config)
        _supports_sdpa = True

        def __init__(self) -> None:
            super().__init__(inner.encoder.config)
            self.inner = inner
            self.post_init()

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any
        ) -> dict[str, torch.Tensor]:
            found: dict[str, torch.Tensor] = self.inner(input_ids, attention_mask)
            return found

        def _init_weights(self, module: Any) -> None:  # noqa: ARG002 - they are what they are
            return

    answer = TextClassificationPipeline(model=Classifier().eval(), tokenizer=fitted.tokenizer)
    app = FastAPI()
    if how == "async":

        @app.post("/v1/classify")
        async def classify(body: dict[str, Any]) -> Any:
            return answer(body["input"], truncation=True)[0]
    else:

        @app.post("/v1/classify")
        def classify(body: dict[str, Any]) -> Any:
            return answer(body["input"], truncation=True)[0]

    taken = socket.create_server(("127.0.0.1", port))
    print(f"Serving on http://127.0.0.1:{taken.getsockname()[1]}", file=sys.stderr, flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[taken])
    os._exit(0)


def table(arm: Arm) -> None:
    """Print what was measured of a server."""
    for number, one in enumerate(arm.figures):
        name, accuracy = (arm.name, f"{arm.accuracy:.1%}") if number == 0 else ("", "")
        print(
            f"{name:24}{accuracy:>9}{one.clients:>9}{one.per_second:>12.1f}"
            f"{1000 * one.processor:>9.2f}{1000 * one.p50:>9.1f}{1000 * one.p99:>9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
