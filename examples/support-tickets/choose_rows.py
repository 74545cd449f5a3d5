"""Makes data/train.csv and data/test.csv from BANKING77 as its authors publish it.

    python3 choose_rows.py FOLDER-WITH-BANKING77

Of the 10,003 training rows it keeps the 5,000 whose text and category, joined by a tab, have the
lowest SHA-256: a random draw that anyone can repeat. They stay in their order. The 3,080 test
rows are all kept. No text or label is changed.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

TRAIN_ROWS = 5_000
HERE = Path(__file__).parent / "data"


def rows_of(path: Path) -> list[list[str]]:
    """Return header and rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def lot(row: list[str]) -> str:
    """Return what decides whether a row is drawn."""
    return hashlib.sha256("\t".join(row).encode()).hexdigest()


def write(path: Path, rows: list[list[str]]) -> None:
    """Write header and rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    """Write both files."""
    source = Path(sys.argv[1])
    header, *train = rows_of(source / "train.csv")
    highest = sorted(map(lot, train))[TRAIN_ROWS - 1]
    HERE.mkdir(exist_ok=True)
    write(HERE / "train.csv", [header, *(row for row in train if lot(row) <= highest)])
    write(HERE / "test.csv", rows_of(source / "test.csv"))


if __name__ == "__main__":
    main()
