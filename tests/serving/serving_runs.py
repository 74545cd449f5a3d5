"""Runs to serve (labels by a probe on real tickets, texts by a tiny tuned model), and servers."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from tiny_language_models import reversing, tiny_folder

import tunewise
from tunewise.progress import Silent
from tunewise.serving.limits import Limits
from tunewise.serving.serve import Ready, Wanted, ready

TICKETS = Path(__file__).parents[2] / "examples" / "support-tickets" / "data"
LABELS = ("card_arrival", "exchange_rate", "lost_or_stolen_card", "top_up_failed")
PROBE, WRITER = "probe-minilm-l6", "lora-tiny"


def label_run(folder: Path) -> Path:
    """Carry out a task of four intents of real tickets; return the run folder."""
    by_label = defaultdict(list)
    with (TICKETS / "train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row)
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category", "rules"])
        writer.writeheader()
        for label in LABELS:
            writer.writerows(row | {"rules": LABELS[0]} for row in by_label[label][:40])
    (folder / "task.yaml").write_text(
        "task: tickets\ndata: {train: tickets.csv, input: text, target: category}\n"
        "candidates: [majority, existing: {column: rules}, probe: {C: [10]}]\n"
    )
    return tunewise.run(folder / "task.yaml", quiet=True).folder


def writing_run(folder: Path) -> Path:
    """Tune a tiny random model to write the first letter three times; return the run folder."""
    tiny_folder("llama", folder / "tiny")
    return letters_run(folder, 160, epochs=12, max_new_tokens=40, others="  - majority\n")


def letters_run(
    folder: Path, rows: int, *, epochs: int, max_new_tokens: int, others: str = ""
) -> Path:
    """Tune the model in 'tiny' on so many rows beside other candidates; return the run folder."""
    said = [{"input": e.input, "output": e.target} for e in reversing(rows)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    (folder / "task.yaml").write_text(
        "task: letters\nkind: generation\n"
        "data: {train: rows.jsonl, input: input, target: output}\n"
        f"candidates:\n{others}"
        f"  - lora: {{name: {WRITER}, model: tiny, num_train_epochs: {epochs}, learning_rate: 0.01,"
        f" bf16: false, train_batch_size: 8, max_new_tokens: {max_new_tokens}}}\n"
    )
    return tunewise.run(folder / "task.yaml", quiet=True).folder


@dataclass
class Served:
    """A server that runs in a thread of this process."""

    ready: Ready
    log: io.StringIO

    @property
    def url(self) -> str:
        """Where it is."""
        return self.ready.address

    def post(self, path: str, body: object, **more: Any) -> httpx2.Response:
        """Send a body as JSON."""
        return httpx2.post(self.url + path, json=body, timeout=60, **more)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def served(run: Path, candidate: str | None = None, **more: Any) -> Iterator[Served]:
    """Serve a run on a free port for the length of a block; `more` are fields of Wanted."""
    log = io.StringIO()
    limits = more.pop("limits", Limits(seconds=60))
    wanted = Wanted(run, candidate, port=0, limits=limits, **more)
    with ready(wanted, Silent(), log) as made:
        thread = threading.Thread(target=made.server.run, args=([made.socket],))
        thread.start()
        try:
            yield Served(made, log)
        finally:
            made.server.should_exit = True
            thread.join()


def sent_raw(url: str, *parts: bytes, reads: int = 1 << 20) -> bytes:
    """Send bytes as they are; return all that comes back until the server closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        while len(found) < reads and (more := connection.recv(65536)):
            found += more
    return found
