"""The whole audit over planted defects: how many of each kind it finds, and what else it accuses.

Clean rows of BANKING77, legal-summaries and MTS-Dialog (see planting.py), a fifth of them test rows
in a file of their own. Into the training file go, none of them on a row that has another defect:

- near copies of training rows, one kind of edit after the other (planting.EDITS);
- leaks: test rows, as they are and edited in each way;
- conflicts: training rows, as they are and edited, with another target;
- wrong labels: 10% of BANKING77's other training rows get another of the 77 labels;
- personal data: sentences with each kind of it, and as many with decoys (made_up.py);
- answers cut off in the middle of a sentence, in the two sets of written answers.

Then `tunewise audit` itself is carried out on the files, all checks. Recall is the share of planted
rows that a finding of the right kind lists. Precision is the share of listed rows that are planted
or the original of one that is; a wrong label on a row with a natural near copy is a conflict too.
Rows whose labels conflict count for neither in wrong labels: their label is wrong as well.

The facts of the original data are looked for too: BANKING77's exact copies and the test rows whose
text stands in train, and the junk references of legal-summaries ('hi.' and an e-mail address).

Goals: near copies and leaks 95% recall at 95% precision; conflicts and personal data 95% at 98%;
wrong labels 80% at 70%; 100,000 rows of 50 words in at most 90 s and 2 GB, at most 12 times the
time of 10,000. --check exits 1 when one is missed; --quick takes fewer rows and leaves out the
last.

    python benchmarks/audit.py [--data FOLDER] [--seed N] [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from made_up import DECOY, DRAWS
from personal_data import placed
from planting import DATA, EDITS, csv_rows, thinned
from side_by_side import commit, in_fresh_process, timed

from tunewise.audit.personal_data import found as personal_hits
from tunewise.auditing import audited
from tunewise.data.near import are_near
from tunewise.files import write_json
from tunewise.progress import Silent
from tunewise.report.inspected import Inspected
from tunewise.workspace.environment import environment

TEST_SHARE = 0.2
FLIPPED = 0.1
MOST_SECONDS, MOST_MEGABYTES, MOST_GROWTH = 90.0, 2_000.0, 12.0
GOALS = {  # recall, precision
    "near copies": (0.95, 0.95),
    "leaks": (0.95, 0.95),
    "conflicts": (0.95, 0.98),
    "personal data": (0.95, 0.98),
    "wrong labels": (0.80, 0.70),
}
CHECKS = {
    "near copies": {"duplicates", "near_duplicates"},
    "leaks": {"leakage", "near_leakage"},
    "conflicts": {"conflicts", "near_conflicts"},
    "personal data": {"personal"},
    "wrong labels": {"mislabelled"},
    "cut-off answers": {"cut_off"},
}
JUNK = {"hi.", "termsofservice nianticlabs com."}  # of 446 references, read one by one
KNOWN_COPIES, KNOWN_LEAKS = 4, 6


@dataclass
class Row:
    """A row as it is written: what was planted in it, and the origin that a copy shares."""

    text: str
    target: str
    origin: int
    defect: str | None = None
    detail: str = ""


@dataclass
class Planted:
    """Rows of the two files, in their order."""

    name: str
    labels: bool
    train: list[Row]
    test: list[Row]


@dataclass
class Figures:
    """Of one kind of defect in one data set."""

    data: str
    defect: str
    planted: int
    found: int
    listed: int
    right: int
    missed: dict[str, int] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        """Share of planted rows that are listed."""
        return self.found / self.planted if self.planted else float("nan")

    @property
    def precision(self) -> float:
        """Share of listed rows that are planted, or the original of one that is."""
        return self.right / self.listed if self.listed else float("nan")


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the three data sets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what is missed or accused")
    parser.add_argument("--scale", type=int, metavar="ROWS", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.scale:
        print(json.dumps(scaled(given.data, given.scale)))
        return
    sizes = [] if given.quick else [10_000, 100_000]
    scales = [in_fresh_process(__file__, given.data, size) for size in sizes]
    figures: list[Figures] = []
    for name, labels, rows in clean_rows(given.data, most=1_500 if given.quick else 5_000):
        one = planted(name, rows, random.Random(given.seed), labels=labels)
        figures += judged(one, given.show)
    facts = known_facts(given.data)
    table(figures, facts, scales)
    faults = missed(figures, facts, scales)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "quick": given.quick}
        measured = {"figures": figures, "facts": facts, "scales": scales, "missed": faults}
        write_json(given.json, about | measured)
    print(f"MISSED: {'; '.join(faults)}" if faults else "met: every goal")
    if given.check and faults:
        sys.exit(1)


def clean_rows(data: Path, most: int) -> Iterator[tuple[str, bool, list[tuple[str, str]]]]:
    """Yield each data set's name, whether its targets are labels, and its rows without defects."""
    banking = [(row["text"], row["category"]) for row in csv_rows(data / "banking77" / "train.csv")]
    random.Random(0).shuffle(banking)
    yield "banking77", True, apart(banking[:most])
    legal = json.loads((data / "legal-summaries" / "all_v1.json").read_text(encoding="utf-8"))
    summaries = [(row["original_text"], row["reference_summary"]) for row in legal.values()]
    yield "legal-summaries", False, apart([row for row in summaries if row[1] not in JUNK])
    talks = [
        (r["dialogue"], r["section_text"])
        for r in csv_rows(data / "mts-dialog" / "TrainingSet.csv")
    ]
    yield "mts-dialog", False, apart(talks)


def apart(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the rows whose texts are far from one another and hold no personal data."""
    targets = {text.strip(): target.strip() for text, target in rows}
    return [
        (text, targets[text])
        for text in thinned(list(targets))
        if targets[text] and not personal_hits(text) and not personal_hits(targets[text])
    ]


def planted(
    name: str, rows: list[tuple[str, str]], draw: random.Random, *, labels: bool
) -> Planted:
    """Return the rows on their sides with all defects planted."""
    made = [Row(text, target, n) for n, (text, target) in enumerate(rows)]
    draw.shuffle(made)
    cut = round(len(made) * TEST_SHARE)
    test, train = made[:cut], made[cut:]
    free = list(train)
    each = max(3, len(train) // 80)  # of each kind of edit
    targets = sorted({row.target for row in train})
    added: list[Row] = []

    def copied(row: Row, edit: str, defect: str, target: str) -> None:
        text = EDITS[edit](row.text, draw) if edit in EDITS else row.text
        if text and (edit not in EDITS or text != row.text):
            added.append(Row(text, target, row.origin, defect, edit))

    def other(target: str) -> str:
        return draw.choice([one for one in targets if one != target])

    judged_on = list(test)
    for edit in EDITS:
        for _ in range(each):
            row = free.pop()
            copied(row, edit, "near copies", row.target)
    for edit in ("none", *EDITS):
        for _ in range(min(max(1, each // 2), len(judged_on) // (len(EDITS) + 2))):
            row = judged_on.pop()
            copied(row, edit, "leaks", row.target)
        for _ in range(max(1, each // 2)):
            row = free.pop()
            copied(row, edit, "conflicts", other(row.target))
    for kind, draws in DRAWS.items():
        for _ in range(max(3, each // 2) * (len(DRAWS) - 1 if kind == DECOY else 1)):
            row = free.pop()
            sentence, value = draw.choice(draws)(draw)
            row.text, _, _ = placed(row.text, sentence, value, draw)
            row.detail = kind
            row.defect = None if kind == DECOY else "personal data"
    if labels:
        for row in draw.sample(free, round(FLIPPED * len(free))):
            row.target, row.defect = other(row.target), "wrong labels"
    else:
        long = [row for row in free if len(row.target.split()) >= 12]
        for row in draw.sample(long, min(len(long), each * 2)):
            words = row.target.split()
            row.target = " ".join(words[: draw.randint(5, len(words) - 4)]).rstrip(".,;:!?")
            row.defect = "cut-off answers"
    everything = train + added
    draw.shuffle(everything)
    return Planted(name, labels, everything, test)


def judged(one: Planted, show: bool) -> list[Figures]:
    """Return the figures of each kind, from an audit of files that hold the rows."""
    with tempfile.TemporaryDirectory() as folder:
        seen = audit_of(Path(folder), one)
    place = {f"{side}.csv:{n}": row for side, rows in (("train", one.train), ("test", one.test))
             for n, row in enumerate(rows, start=1)}  # fmt: skip
    assert all(seen.rows[at].input.strip() == row.text.strip() for at, row in place.items())
    related = {
        row.origin for row in one.train if row.defect in ("near copies", "leaks", "conflicts")
    }
    conflicting = {row.origin for row in one.train if row.defect == "conflicts"}
    figures = []
    for defect, checks in CHECKS.items():
        due = {at for at, row in place.items() if row.defect == defect}
        if not due:
            continue
        listed = {at for f in seen.findings if f.check in checks for at in f.rows}
        if defect == "wrong labels":
            listed = {at for at in listed if place[at].origin not in conflicting}
            right = listed & due
        elif defect in ("near copies", "leaks", "conflicts"):
            right = {at for at in listed if place[at].origin in related}
            if defect == "conflicts":  # a wrong label on a natural near copy is one as well
                wrong = [row.text for row in one.train if row.defect == "wrong labels"]
                right |= {
                    at for at in listed - right if any(are_near(place[at].text, t) for t in wrong)
                }
        else:
            right = listed & due
        lost = [place[at].detail for at in due - listed]
        figures.append(
            Figures(
                one.name,
                defect,
                len(due),
                len(due & listed),
                len(listed),
                len(right),
                {detail: lost.count(detail) for detail in sorted(set(lost)) if detail},
            )
        )
        if show:
            for word, places in (("missed", due - listed), ("accused", listed - right)):
                for at in sorted(places):
                    row = place[at]
                    print(f"  {word}: {defect} {row.detail} {row.text[:90]!r} {row.target[-50:]!r}")
    return figures


def audit_of(folder: Path, one: Planted) -> Inspected:
    for side, rows in (("train", one.train), ("test", one.test)):
        with (folder / f"{side}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "target"))
            writer.writerows((row.text, row.target) for row in rows)
    kind = "classification" if one.labels else "generation"
    return audit(folder, "{train: train.csv, test: test.csv, input: text, target: target}", kind)


def audit(folder: Path, data: str, kind: str) -> Inspected:
    task = folder / "task.yaml"
    task.write_text(f"task: planted\nkind: {kind}\ndata: {data}\n", encoding="utf-8")
    with audited(task, Silent()) as result:
        return result.seen


def known_facts(data: Path) -> dict[str, int]:
    """Return how much of what is known of the original files the audit finds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in ("train", "test"):
            text = (data / "banking77" / f"{side}.csv").read_text(encoding="utf-8")
            (folder / f"{side}.csv").write_text(text, encoding="utf-8")
        given = "{train: train.csv, test: test.csv, input: text, target: category}"
        banking = audit(folder, given, "classification")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = (data / "legal-summaries" / "all_v1.json").read_text(encoding="utf-8")
        (folder / "all_v1.json").write_text(text, encoding="utf-8")
        given = "{train: all_v1.json, input: original_text, target: reference_summary}"
        legal = audit(folder, given, "generation")
    copies = [at for f in banking.findings if f.check == "duplicates" for at in f.rows]
    leaks = [at for f in banking.findings if f.check == "leakage" for at in f.rows]
    junk = {at for f in legal.findings if f.check == "targets" for at in f.rows}
    return {
        "BANKING77: rows with an exact copy": len(copies),
        "BANKING77: test rows that stand in train": sum(at.startswith("test") for at in leaks),
        "legal-summaries: junk references": sum(legal.rows[at].target in JUNK for at in junk),
    }


def scaled(data: Path, count: int) -> dict[str, float]:
    """Return seconds and peak memory of an audit of rows of about 50 words, in 77 labels."""
    draw = random.Random(count)
    banking = csv_rows(data / "banking77" / "train.csv")
    pool = [row["text"] for row in banking]
    for row in csv_rows(data / "mts-dialog" / "TrainingSet.csv"):
        pool += row["dialogue"].splitlines()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "target"))
            for _ in range(count):
                first = draw.choice(banking)
                words = first["text"].split()
                while len(words) < 45:
                    words += draw.choice(pool).split()
                writer.writerow((" ".join(words), first["category"]))
        given = "{train: rows.csv, input: text, target: target}"
        seconds, seen = timed(lambda: audit(folder, given, "classification"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": count, "seconds": seconds, "peak_mb": peak} | {
        f"check {check}": round(took, 2) for check, took in seen.seconds.items()
    }


def missed(
    figures: Sequence[Figures], facts: dict[str, int], scales: Sequence[dict[str, float]]
) -> list[str]:
    """Return the goals that aren't reached, each with its figure."""
    faults = []
    for one in figures:
        if one.defect in GOALS:
            recall, precision = GOALS[one.defect]
            if one.recall < recall:
                faults.append(f"{one.data}, {one.defect}: recall {one.recall:.1%}")
            if one.precision < precision:
                faults.append(f"{one.data}, {one.defect}: precision {one.precision:.1%}")
    copies, leaks, junk = facts.values()
    if copies < KNOWN_COPIES or leaks < KNOWN_LEAKS or junk < len(JUNK):
        faults.append(f"known facts: {facts}")
    if scales:
        few, many = scales
        if many["seconds"] > MOST_SECONDS or many["peak_mb"] > MOST_MEGABYTES:
            faults.append(f"{many['seconds']:.0f} s and {many['peak_mb']:.0f} MB at 100,000 rows")
        if many["seconds"] > MOST_GROWTH * few["seconds"]:
            faults.append(f"{many['seconds'] / few['seconds']:.1f} times the time for 10 times")
    return faults


def table(
    figures: Sequence[Figures], facts: dict[str, int], scales: Sequence[dict[str, float]]
) -> None:
    """Print what was measured."""
    print(f"{'':17}{'':16}{'planted':>8}{'found':>7}{'listed':>7}{'recall':>9}{'precision':>10}")
    for one in figures:
        print(
            f"{one.data:17}{one.defect:16}{one.planted:>8}{one.found:>7}{one.listed:>7}"
            f"{one.recall:>9.1%}{one.precision:>10.1%}"
        )
        if one.missed:
            print(f"{'':17}missed: {', '.join(f'{n} {k}' for k, n in one.missed.items())}")
    for name, count in facts.items():
        print(f"{name}: {count}")
    for scale in scales:
        checks = sorted(
            ((took, name[6:]) for name, took in scale.items() if name.startswith("check ")),
            reverse=True,
        )
        slowest = ", ".join(f"{name} {took:.1f} s" for took, name in checks[:6])
        print(
            f"{scale['rows']:,} rows: {scale['seconds']:.1f} s, peak {scale['peak_mb']:.0f} MB;"
            f" slowest checks: {slowest}"
        )


if __name__ == "__main__":
    main()
