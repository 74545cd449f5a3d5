"""Dataset -> Splits: who is learnt from, chosen on and judged on, decided per row by a hash.

Rows that must stay together (identical texts, equal groups) are one unit. A unit's side follows
from hashes of its content and the seed alone, so rows that are added later never move a row from
test to train. The user's own files are taken as they are. Knows nothing of file formats.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tunewise.data.identity import lot, normalised
from tunewise.errors import DataError
from tunewise.records import Dataset, Example, Splits
from tunewise.task.settings import DataSettings

LEAST_ROWS = 10  # fewer can't be cut into sides
Key = tuple[str, str]  # of an atom: ("group", its value) or ("text", normalised)


def split(dataset: Dataset, settings: DataSettings, seed: int) -> Splits:
    """Return the rows on each side, in the dataset's order.

    A unit is in test when its lot is below `test_share`, in validation when it is below
    `validation_share` of what is left, else in train. Of the texts of each label the one with
    the largest lot isn't drawn, so that every label can be learnt; targets that are written texts
    are no labels.

    Args:
        dataset: all rows; those that come from a file of their own stay on its side.
        settings: shares, and how many training rows to use.
        seed: another seed draws another split.

    Raises:
        DataError: too few rows, or rows that belong together are more than half of all.
    """
    given = defaultdict(list)
    for row in dataset.examples:
        example = row if dataset.labels else replace(row, target="")
        given[example.given_split or "train"].append(example)
    test, validation, pool = given["test"], given["validation"], given["train"]
    test_share = 0.0 if test else settings.test_share
    parts: list[str] = [f"test: the {len(test):,} rows of {settings.test}"] if test else []
    units = _units(pool)
    if not test or not validation:
        _refuse_few(pool)
        _refuse_dominant(pool, units)
    if not test:
        test, rest = _drawn(pool, units, 0.0, test_share, seed)
        parts.append(f"test: {_share(test, pool)} of the rows")
    else:
        rest = pool
    kept = _kept(rest, settings.train_rows, seed)
    if validation:
        train = kept
        parts.append(f"validation: the {len(validation):,} rows of {settings.validation}")
    else:
        high = test_share + (1 - test_share) * settings.validation_share
        validation, train = _drawn(kept, units, test_share, high, seed)
        parts.append(f"validation: {_share(validation, kept)} of the training rows")
    parts.append(_train_words(train, rest, settings.train_rows))
    _refuse_empty_sides(train, validation, test)
    if dataset.labels:
        _refuse_one_label(train)
    how = "; ".join(parts) + _rule_words(pool, settings)
    return Splits(_ids(train), _ids(validation), _ids(test), how)


def _atom_key(example: Example) -> Key:
    """Return what is drawn: one group, or one text of rows without a group."""
    if example.group is not None:
        return ("group", example.group)
    return ("text", normalised(example.input))


def _drawn(
    rows: Sequence[Example], units: dict[Key, Key], low: float, high: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Return the rows whose unit is drawn, and the others.

    An atom with low <= lot < high is drawn unless it has the largest lot among the atoms of
    each of its labels. A unit is drawn when one of its atoms is. Both can only become true when
    rows are added (maxima grow, units merge), which is why no row ever comes back.

    Args:
        rows: to choose from.
        units: of every atom, those of rows not to choose from included.
        low: lowest lot that is drawn.
        high: lowest lot above it that is not.
        seed: part of every lot.
    """
    lots = {key: lot("side", seed, *key) for key in {_atom_key(row) for row in rows}}
    largest: dict[str, float] = {}
    labels: dict[Key, set[str]] = defaultdict(set)
    for row in rows:
        key = _atom_key(row)
        labels[key].add(row.target)
        largest[row.target] = max(largest.get(row.target, 0.0), lots[key])
    drawn = {
        key
        for key, value in lots.items()
        if low <= value < high and any(largest[label] > value for label in labels[key])
    }
    chosen = {units[key] for key in drawn}
    inside = [row for row in rows if units[_atom_key(row)] in chosen]
    outside = [row for row in rows if units[_atom_key(row)] not in chosen]
    return inside, outside


def _units(rows: Iterable[Example]) -> dict[Key, Key]:
    """Return the unit of every atom: groups that share a text are one, and so on in a chain."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for row in rows:
        atom, text = root(_atom_key(row)), root(("text", normalised(row.input)))
        parent[atom] = text
    return {key: root(key) for key in list(parent)}


def _refuse_few(pool: Sequence[Example]) -> None:
    if len(pool) < LEAST_ROWS:
        raise DataError(
            f"there are too few rows to split: {len(pool)}, at least {LEAST_ROWS} are needed",
            where=pool[0].source if pool else None,
            mend="Label more rows; below 100 of them a verdict is rarely possible.",
        )


def _refuse_dominant(pool: Sequence[Example], units: dict[Key, Key]) -> None:
    """Stop when one unit is more than half of the rows: no split could be honest."""
    unit, count = Counter(units[_atom_key(row)] for row in pool).most_common(1)[0]
    if count <= len(pool) / 2:
        return
    first = next(row for row in pool if units[_atom_key(row)] == unit)
    groups = Counter(row.group for row in pool if row.group and units[_atom_key(row)] == unit)
    if len(groups) > 1:
        what = f"{len(groups):,} groups share texts, and together hold {count:,}"
        mend = "Delete the texts that many groups share, or leave out data.group."
    elif groups:
        what = f"the group '{next(iter(groups))}' holds {count:,}"
        mend = "Choose another column as data.group, or leave it out."
    else:
        what = f"the same text stands in {count:,}"
        mend = "Delete the copies, or check that data.input is the column with the text."
    raise DataError(
        f"{what} of the {len(pool):,} rows, more than half",
        where=f"{first.source}: row {first.row}",
        mend=mend,
    )


def _kept(rows: list[Example], most: int | None, seed: int) -> list[Example]:
    """Return the `most` rows with the lowest hashes, in order: fewer always lie among more."""
    if most is None or most >= len(rows):
        return rows
    kept = {row.id for row in sorted(rows, key=lambda r: lot("train_rows", seed, r.id))[:most]}
    return [row for row in rows if row.id in kept]


def _refuse_empty_sides(
    train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]
) -> None:
    for name, rows, share in (
        ("train", train, ""),
        ("validation", validation, ", or raise data.validation_share"),
        ("test", test, ", or raise data.test_share"),
    ):
        if not rows:
            total = len(train) + len(validation) + len(test)
            raise DataError(
                f"there are too few rows to split: {total:,} leave none for {name}",
                where=(train or validation or test)[0].source,
                mend=f"Label more rows{share}.",
            )


def _refuse_one_label(train: Sequence[Example]) -> None:
    if len({row.target for row in train}) < 2:
        raise DataError(
            f"there are too few rows to split: the {len(train):,} training rows have one label",
            where=train[0].source,
            mend="Label more rows, or raise data.train_rows.",
        )


def _share(part: Sequence[Example], whole: Sequence[Example]) -> str:
    return f"{len(part):,} ({len(part) / len(whole):.0%})"


def _train_words(train: Sequence[Example], rest: Sequence[Example], most: int | None) -> str:
    if most is not None and most < len(rest):
        return f"train: {len(train):,}, with validation {most:,} of {len(rest):,} drawn by hash"
    if most is not None and most > len(rest):
        return f"train: {len(train):,}, all there are (train_rows asks for {most:,})"
    return f"train: the other {len(train):,}"


def _rule_words(pool: Sequence[Example], settings: DataSettings) -> str:
    if settings.test is not None and settings.validation is not None:
        return ". The files are used as they were given."
    grouped = " and groups" if any(row.group for row in pool) else ""
    stable = "" if settings.test else ", and rows added later move none from test to train"
    return (
        ". What is taken from train is drawn by a hash of each row's content: identical"
        f" texts{grouped} stay on one side{stable}."
    )


def _ids(rows: Iterable[Example]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
