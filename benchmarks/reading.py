"""Memory and time of reading rows of about 50 words from every format, this machine.

Each format is read in a process of its own: first 200 rows, so that libraries are loaded, then all.
What counts is how far the peak of the process's memory rises beyond that, beside the bytes of the
rows' own text (input and target). The rows that come back must be equal in all formats.

Goal: at most twice the rows' own text for CSV, JSONL and Parquet; --check exits 1 when it, or
equality, is missed. --quick (under a minute) reads 20,000 rows instead of 200,000; small files
weigh more per row.

    python benchmarks/reading.py [--rows N] [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
from side_by_side import commit, timed

from tunewise.data.read import read_dataset
from tunewise.files import value_sha256, write_json
from tunewise.task.settings import DataSettings
from tunewise.workspace.environment import environment

GOAL = 2.0  # times the rows' own text
HELD_TO_IT = ("csv", "jsonl", "parquet")
WARM_UP = 200  # rows read before memory is looked at
TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data" / "train.csv"


@dataclass(frozen=True)
class Result:
    """What one format took: megabytes of the file and of the rows' text, peak growth, seconds."""

    format: str
    rows: int
    file_mb: float
    text_mb: float
    growth_mb: float
    seconds: float
    sha256: str

    @property
    def ratio(self) -> float:
        """Peak growth beside the rows' own text."""
        return self.growth_mb / self.text_mb


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("SMALL", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(asdict(measured(*map(Path, given.measure)))))
        return
    results = all_measured(20_000 if given.quick else given.rows)
    table(results)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "results": results}
        write_json(given.json, {**about, "goal": GOAL, "quick": given.quick})
    equal = len({result.sha256 for result in results if result.format != "messages"}) == 1
    worst = max((r for r in results if r.format in HELD_TO_IT), key=lambda r: r.ratio)
    met = equal and worst.ratio <= GOAL
    print(
        f"{'met' if met else 'MISSED'}: at most {worst.ratio:.2f} times the rows' own text"
        f" ({worst.format}; goal {GOAL:g}), rows {'equal' if equal else 'NOT equal'}"
    )
    if given.check and not met:
        sys.exit(1)


def all_measured(rows: int) -> list[Result]:
    """Return what each format took, each in a process of its own."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("csv", "jsonl", "parquet", "xlsx", "messages"):
            small, large = Path(folder) / f"small-{name}", Path(folder) / f"large-{name}"
            suffix = ".jsonl" if name == "messages" else f".{name}"
            small, large = small.with_suffix(suffix), large.with_suffix(suffix)
            write(name, WARM_UP, small)
            write(name, rows, large)
            ended = subprocess.run(
                [sys.executable, __file__, "--measure", str(small), str(large)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            results.append(Result(**{**json.loads(ended.stdout), "format": name}))
            large.unlink()
    return results


def measured(small: Path, large: Path) -> Result:
    """Return what reading a file takes in this process."""
    read(small)
    before = memory("VmRSS")
    seconds, dataset = timed(lambda: read(large))
    growth = memory("VmHWM") - before
    text = sum(len(e.input.encode()) + len(e.target.encode()) for e in dataset.examples)
    rows = value_sha256([[e.input, e.target, e.row] for e in dataset.examples])
    size = large.stat().st_size
    return Result("", len(dataset.examples), size / 1e6, text / 1e6, growth, seconds, rows)


def read(path: Path):  # type: ignore[no-untyped-def]
    """Return the rows of a file."""
    return read_dataset(DataSettings(train=path.name), path.parent)


def memory(what: str) -> float:
    """Return megabytes of this process: VmRSS for now, VmHWM for the peak. Linux only."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"/proc/self/status has no {what}")


def made(count: int) -> Iterator[tuple[str, str]]:
    """Give rows of 45 to 55 words of real tickets, with one of ten labels."""
    with TICKETS.open(encoding="utf-8", newline="") as file:
        tickets = list(csv.DictReader(file))
    words = [word for row in tickets for word in row["text"].split()]
    labels = sorted({row["category"] for row in tickets})[::8]
    draw = random.Random(0)
    for _ in range(count):
        start, length = draw.randrange(len(words) - 60), draw.randint(45, 55)
        yield " ".join(words[start : start + length]), draw.choice(labels)


def write(name: str, count: int, path: Path) -> None:
    """Write rows in a format."""
    rows = made(count)
    if name == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    elif name == "parquet":
        texts, labels = zip(*rows, strict=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path)
    elif name == "xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("rows")
        for row in [("text", "label"), *rows]:
            sheet.append(row)
        book.save(path)
    else:
        with path.open("w", encoding="utf-8") as file:
            for text, label in rows:
                item: dict[str, object] = {"text": text, "label": label}
                if name == "messages":
                    turns = [("user", text), ("assistant", label)]
                    item = {"messages": [{"role": r, "content": c} for r, c in turns]}
                file.write(json.dumps(item) + "\n")


def table(results: list[Result]) -> None:
    """Print what was measured."""
    first = results[0]
    print(f"{first.rows:,} rows, {first.text_mb:.0f} MB of text")
    print(f"{'':10}{'file MB':>9}{'growth MB':>11}{'times text':>12}{'seconds':>9}{'rows/s':>10}")
    for one in results:
        print(
            f"{one.format:10}{one.file_mb:9.0f}{one.growth_mb:11.0f}{one.ratio:12.2f}"
            f"{one.seconds:9.1f}{one.rows / one.seconds:10,.0f}"
        )


if __name__ == "__main__":
    main()
