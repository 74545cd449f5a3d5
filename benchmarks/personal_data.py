"""Personal data planted in clean rows of three data sets: how much is found, and what else is.

Into each drawn row goes one sentence with one made-up e-mail address, phone number, payment card,
bank account, national identity number, secret or IP address, written as people write them; into
as many others one with a decoy: amounts, dates, order and tracking numbers, versions, hashes,
words about passwords and phones. made_up.py draws them, with their check digits; no pattern of
the package is used. Found means that a hit of the right kind covers all of it. False are hits
that cover nothing planted, or are of another kind.

Rows are those of BANKING77, legal-summaries and MTS-Dialog in which nothing is found before. Of
their 17,377 texts 3 hold natural hits, all of them real phone numbers of organisations (read one
by one); those rows are left out.

Goals: recall at least 95% and precision at least 98% of every kind; --check exits 1 when one is
missed. --quick plants 20 instead of 200 of each kind in each data set.

    python benchmarks/personal_data.py DATA [--seed N] [--json FILE] [--check] [--quick]

DATA is the folder with banking77/, legal-summaries/ and mts-dialog/.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from made_up import DECOY, DRAWS
from side_by_side import commit

from tunewise.audit.personal_data import found
from tunewise.files import write_json
from tunewise.workspace.environment import environment

RECALL, PRECISION = 0.95, 0.98
SLACK = 2  # characters beside what is planted that a hit may take: brackets, signs


@dataclass(frozen=True)
class Planted:
    """A text, what was planted in it and where; `kind` is 'decoy' for what is no personal data."""

    source: str
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Figures:
    """Of one kind: how many were planted and found, and how many hits of it were false."""

    kind: str
    planted: int
    found: int
    false: int

    @property
    def recall(self) -> float:
        """Share of what was planted that was found."""
        return self.found / max(1, self.planted)

    @property
    def precision(self) -> float:
        """Share of hits that are right."""
        return self.found / max(1, self.found + self.false)


def main() -> None:
    """Plant, look, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--missed", action="store_true", help="print what is missed or false")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    texts = {name: read(given.data) for name, read in READERS.items()}
    clean = {name: [text for text in rows if not found(text)] for name, rows in texts.items()}
    for name, rows in texts.items():
        print(f"{name}: {len(rows):,} texts, {len(rows) - len(clean[name])} with natural hits")
    planted = plant(clean, rng, each=20 if given.quick else 200)
    began = time.perf_counter()
    figures = judged(planted, show=given.missed)
    seconds = time.perf_counter() - began
    table(figures, seconds, planted)
    met = all(one.recall >= RECALL and one.precision >= PRECISION for one in figures)
    lowest = min(one.recall for one in figures), min(one.precision for one in figures)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "seed": given.seed}
        goal = {"recall": RECALL, "precision": PRECISION}
        write_json(given.json, {**about, "figures": figures, "seconds": seconds, "goal": goal})
    print(
        f"{'met' if met else 'MISSED'}: of each kind at least {lowest[0]:.1%} found (goal"
        f" {RECALL:.0%}), at least {lowest[1]:.1%} of hits right (goal {PRECISION:.0%})"
    )
    if given.check and not met:
        sys.exit(1)


def banking(folder: Path) -> list[str]:
    """Return the messages of BANKING77."""
    found: list[str] = []
    for name in ("train", "test"):
        with (folder / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found += [row["text"] for row in csv.DictReader(file)]
    return found


def legal(folder: Path) -> list[str]:
    """Return contracts and their summaries."""
    rows = json.loads((folder / "legal-summaries" / "all_v1.json").read_text("utf-8")).values()
    return [row[key] for row in rows for key in ("original_text", "reference_summary")]


def clinical(folder: Path) -> list[str]:
    """Return conversations and the notes made of them."""
    found: list[str] = []
    for path in sorted((folder / "mts-dialog").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [
                row[key] for row in csv.DictReader(file) for key in ("dialogue", "section_text")
            ]
    return found


READERS = {"banking77": banking, "legal-summaries": legal, "mts-dialog": clinical}


def plant(clean: dict[str, list[str]], rng: random.Random, each: int) -> list[Planted]:
    """Return texts with something planted, `each` of every kind in every data set."""
    made = []
    for source, texts in clean.items():
        for kind, draws in DRAWS.items():
            for number in range(each * (7 if kind == DECOY else 1)):
                sentence, value = draws[number % len(draws)](rng)
                whole, start, end = placed(rng.choice(texts), sentence, value, rng)
                made.append(Planted(source, kind, whole, start, end))
    return made


def placed(text: str, sentence: str, value: str, rng: random.Random) -> tuple[str, int, int]:
    """Put a sentence before the text, after it, or between two of its sentences.

    Returns the whole, and where the value begins and ends in it.
    """
    inside = [at + 2 for at in range(len(text) - 2) if text[at : at + 2] == ". "]
    at = rng.choice([0, len(text), *rng.sample(inside, min(2, len(inside)))])
    before = text[:at] + ("" if not at or text[at - 1].isspace() else " ")
    start = len(before) + sentence.index("@@")
    whole = before + sentence.replace("@@", value) + (" " if at < len(text) else "") + text[at:]
    return whole, start, start + len(value)


def judged(planted: list[Planted], *, show: bool) -> list[Figures]:
    """Return the figures of each kind over all planted texts."""
    right: dict[str, int] = dict.fromkeys(DRAWS, 0)
    wrong: dict[str, int] = dict.fromkeys(DRAWS, 0)
    for one in planted:
        hits = found(one.text)
        covers = [
            hit
            for hit in hits
            if hit.kind == one.kind
            and one.start - SLACK <= hit.start <= one.start
            and one.end <= hit.end <= one.end + SLACK
        ]
        right[one.kind] += bool(covers)
        if show and not covers and one.kind != DECOY:
            print(f"  missed {one.kind}: {one.text[max(0, one.start - 40) : one.end + 15]!r}")
        for hit in hits:
            if hit not in covers:
                wrong[hit.kind] += 1
                if show:
                    part = one.text[max(0, hit.start - 40) : hit.end + 15]
                    print(f"  false {hit.kind} in {one.kind}: {part!r}")
    count = {kind: sum(one.kind == kind for one in planted) for kind in DRAWS}
    return [Figures(k, count[k], right[k], wrong[k]) for k in DRAWS if k != DECOY]


def table(figures: list[Figures], seconds: float, planted: list[Planted]) -> None:
    """Print what was measured."""
    print(f"{'':18}{'planted':>8}{'found':>8}{'false':>7}{'recall':>9}{'precision':>11}")
    for one in figures:
        print(
            f"{one.kind:18}{one.planted:>8,}{one.found:>8,}{one.false:>7}{one.recall:>9.1%}"
            f"{one.precision:>11.1%}"
        )
    decoys = sum(one.kind == DECOY for one in planted)
    characters = sum(len(one.text) for one in planted)
    print(
        f"{decoys:,} decoys among {len(planted):,} texts; {seconds:.1f} s for"
        f" {characters / 1e6:.1f} million characters"
    )


if __name__ == "__main__":
    main()
