"""What makes the rows of a task unusable as a whole, told in one line with the rows.

Given rows that were read, raises DataError or returns. Knows nothing of formats or of how the
rows came to be.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewise.data.readers import Fault, Row, Table
from tunewise.errors import DataError, did_you_mean, one_line
from tunewise.records import Example, Split

SHOWN = 5  # rows named in an error
OWN_IDS = ("uid", "uuid", "guid", "row_id", "example_id", "sample_id", "record_id", "id")
FOR_ROWS = 0.5  # share of differing values above which a column with such a name is the rows' own


def listed(names: Iterable[str]) -> str:
    """Return the first few names with commas, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: in full, and short for when the file was named before."""

    full: str
    short: str


def place_of(table: Table, row: Row) -> Place:
    """Return where a row stands."""
    return Place(table.place(row), table.short(row))


def _shortly(places: Sequence[Place]) -> str:
    return listed(place.short for place in places)


def refuse_faulty(faults: Mapping[Fault, Sequence[Place]]) -> None:
    """Stop when rows of a file lack something or hold what can't be used.

    Args:
        faults: what is the matter, to the places of the rows.
    """
    if not faults:
        return
    (fault, places), *others = faults.items()
    also = f"; also {_shortly(places[1:])}" if len(places) > 1 else ""
    count = f"{len(places):,} rows have" if len(places) > 1 else "the row has"
    rest = "; ".join(f"{len(rows):,} with {other.what} ({rows[0].short})" for other, rows in others)
    raise DataError(
        f"{count} {fault.what}{also}",
        where=places[0].full,
        mend=fault.mend + (f" There are other faulty rows: {rest}." if rest else ""),
    )


def refuse_shapes(format_: str, shapes: Mapping[str, Sequence[Place]]) -> None:
    """Stop when some rows of a file have another shape than the rest.

    Args:
        format_: of the rest.
        shapes: name of the other shape, to the places of its rows.
    """
    if not shapes:
        return
    told = "; ".join(
        f"{len(places):,} {'have' if len(places) > 1 else 'has'} {name} ({_shortly(places)})"
        for name, places in shapes.items()
    )
    usual = "the columns of most" if format_ == "columns" else f"the format '{format_}'"
    raise DataError(
        f"the rows have different shapes: beside those that have {usual}, {told}",
        where=next(iter(shapes.values()))[0].full,
        mend="Write all in one shape, or put each into a file of its own.",
    )


def refuse_labels(
    examples: Sequence[Example], labels: Sequence[str], files: Mapping[Split, str]
) -> None:
    """Stop when the labels leave nothing to learn or to judge.

    Args:
        examples: all rows.
        labels: all that occur.
        files: the name of each side's file, as errors show it.
    """
    if len(labels) == 1:
        raise DataError(
            f"all rows have the same label, '{labels[0]}'",
            where=files["train"],
            mend="Add rows of at least one other label, or name another column as data.target.",
        )
    if len(files) > 1:
        _refuse_unlearnable(examples, files)
    counts = Counter(example.target for example in examples)
    single = [label for label in labels if counts[label] == 1]
    if single:
        alone = next(example for example in examples if example.target == single[0])
        quoted = [f"'{label}'" for label in single[1:]]
        others = f"; so have {listed(quoted)}" if quoted else ""
        raise DataError(
            f"the label '{single[0]}' has only one row (row {alone.row}){others}",
            where=files[alone.given_split or "train"],
            mend="Add rows of it, merge it into another label, or delete it; one row can't be both"
            " learnt from and judged on.",
        )


def _refuse_unlearnable(examples: Sequence[Example], files: Mapping[Split, str]) -> None:
    """Stop when a file to choose or judge on has a label that train doesn't have."""
    train = {example.target for example in examples if example.given_split == "train"}
    for example in examples:
        if example.target not in train:
            rows = sum(other.target == example.target for other in examples)
            near = did_you_mean(example.target, train)
            near = f" {near}" if near.startswith("Did you mean") else ""
            raise DataError(
                f"the label '{example.target}' (row {example.row}, {rows:,} in all) doesn't occur"
                f" in {files['train'].rpartition('/')[2]}",
                where=files[example.given_split or "train"],
                mend=f"Add rows of it to train, or correct its spelling.{near}",
            )


class OwnIds:
    """Watches the column in which a file gives each row an id of its own, if it has one.

    Only hashes are kept while rows go by; rows are looked at again when two are equal.
    """

    def __init__(self, table: Table, taken: Iterable[str | None]) -> None:
        lowered = {name.strip().lower(): name for name in table.columns if name not in set(taken)}
        self.table = table
        self.column = next((lowered[name] for name in OWN_IDS if name in lowered), None)
        self.at = table.columns.index(self.column) if self.column else -1
        self.hashes = array("q")

    def see(self, values: Sequence[object]) -> None:
        """Remember the id of a row."""
        if self.column and (text := _id_text(values[self.at])):
            self.hashes.append(hash(text))

    def refuse_shared(self) -> None:
        """Stop when two rows that differ claim one id.

        Whole copies of a row aren't refused: the audit finds those. Nor is anything when values
        repeat so often that they can't be meant for single rows.
        """
        distinct = len(set(self.hashes))
        if distinct == len(self.hashes) or distinct <= FOR_ROWS * len(self.hashes):
            return
        rows: dict[str, dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
        twice = {key for key, count in Counter(self.hashes).items() if count > 1}
        for row in self.table.rows():
            text = _id_text(row.values[self.at])
            if text and hash(text) in twice:
                rows[text][repr(row.values)].append(place_of(self.table, row))
        shared = {text: found for text, found in rows.items() if len(found) > 1}
        if not shared:
            return
        text, first = next(iter(shared.items()))
        where, *others = (place for places in first.values() for place in places)
        more = f"; so are {len(shared) - 1:,} other ids" if len(shared) > 1 else ""
        raise DataError(
            f"the id '{one_line(text, 60)}' in column '{self.column}' is claimed by"
            f" {len(others) + 1:,} rows that differ, also by {_shortly(others)}{more}",
            where=where.full,
            mend="Give each row an id of its own, or delete the wrong ones; if the column isn't"
            " meant for that, give it another name.",
        )


def _id_text(value: object) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value).strip()
