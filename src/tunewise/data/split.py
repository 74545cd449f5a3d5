"""Dataset -> Splits: who is learnt from, chosen on and judged on, by a hash of each or by date.

Rows that must stay together are one unit (units.py). Whether a unit is judged on follows from
hashes of its content and the seed alone, so rows that are added later never move a row from test to
train. With a column of dates, the newest are judged on instead. The user's own files are taken as
they are. Knows nothing of file formats.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tunewise.data.copies import compared
from tunewise.data.identity import lot
from tunewise.data.ties import Key
from tunewise.data.units import atom_of, units_of
from tunewise.errors import DataError
from tunewise.records import Dataset, Example, Splits
from tunewise.task.settings import DataSettings

LEAST_ROWS = 10  # fewer can't be cut into sides
Rows = list[Example]


def split(dataset: Dataset, settings: DataSettings, seed: int) -> Splits:
    """Return the rows on each side, in the dataset's order.

    Without dates, a unit is in test when its lot is below `test_share`, and validation is drawn
    from the rest in equal shares of every label. Of the texts of each label one is left to be
    learnt from; targets that are written texts are no labels.

    Args:
        dataset: all rows; those that come from a file of their own stay on its side.
        settings: shares, the column of dates, and how many training rows to use.
        seed: another seed draws another split.

    Raises:
        DataError: too few rows, or rows that belong together are more than half of all.
    """
    given = defaultdict(list)
    for row in dataset.examples:
        example = row if dataset.labels else replace(row, target="")
        given[example.given_split or "train"].append(example)
    test, validation, pool = given["test"], given["validation"], given["train"]
    parts: list[str] = [f"test: the {len(test):,} rows of {settings.test}"] if test else []
    units: dict[Key, Key] = {}
    if not test or not validation:
        _refuse_few(pool)
        units = units_of(pool)
        _refuse_dominant(pool, units)
    rest = pool
    if not test:
        if settings.time:
            test, rest, since = _newest(pool, units, settings.test_share, settings.time)
        else:
            test, rest, since = *_drawn(pool, units, settings.test_share, seed), ""
        parts.append(f"test: {_share(test, pool)} of the rows{since}{_unjudged(test, pool)}")
    kept = _kept(rest, settings.train_rows, seed)
    if validation:
        train = kept
        parts.append(f"validation: the {len(validation):,} rows of {settings.validation}")
    else:
        if settings.time:
            share = settings.validation_share
            validation, train, since = _newest(kept, units, share, settings.time)
        else:
            validation, train = _stratified(kept, units, settings.validation_share, seed)
            since = ""
        parts.append(f"validation: {_share(validation, kept)} of the training rows{since}")
    parts.append(_train_words(train, rest, settings.train_rows))
    _refuse_empty_sides(train, validation, test)
    if dataset.labels:
        _refuse_one_label(train)
    how = "; ".join(parts) + _rule_words(pool, settings)
    return Splits(_ids(train), _ids(validation), _ids(test), how)


def _drawn(
    rows: Sequence[Example], units: dict[Key, Key], share: float, seed: int
) -> tuple[Rows, Rows]:
    """Return the rows whose unit is drawn, and the others.

    An atom with a lot below `share` is drawn unless it has the largest lot among the atoms of
    each of its labels. A unit is drawn when one of its atoms is. Both can only become true when
    rows are added (maxima grow, units merge), which is why no row ever comes back.

    No rule that keeps this promise can fix a label's share as well: were one of any m of its rows
    sure to be drawn, at most m - 1 rows could ever stay undrawn, however many there are. So
    labels' shares vary as binomial counts do, and a rare label may have no row in test.
    """
    lots = {key: lot("side", seed, *key) for key in {atom_of(row) for row in rows}}
    largest: dict[str, float] = {}
    labels: dict[Key, set[str]] = defaultdict(set)
    for row in rows:
        key = atom_of(row)
        labels[key].add(row.target)
        largest[row.target] = max(largest.get(row.target, 0.0), lots[key])
    chosen = {
        units[key]
        for key, value in lots.items()
        if value < share and any(largest[label] > value for label in labels[key])
    }
    return _parted(rows, units, chosen)


def _stratified(
    rows: Sequence[Example], units: dict[Key, Key], share: float, seed: int
) -> tuple[Rows, Rows]:
    """Return a share of the rows that is nearly equal for every label, and the others.

    Unit after unit, in the order of their lots within each label, a debt of rows grows by the
    share; it is paid by drawing a unit that is at most twice as large. The last unit of each
    label isn't drawn.
    """
    members: dict[Key, Rows] = defaultdict(list)
    for row in rows:
        members[units[atom_of(row)]].append(row)
    lots = {
        unit: min(lot("validation", seed, *key) for key in {atom_of(row) for row in same})
        for unit, same in members.items()
    }
    strata: dict[str, list[Key]] = defaultdict(list)
    last: dict[str, Key] = {}
    for unit in sorted(members, key=lambda unit: lots[unit]):
        labels = Counter(row.target for row in members[unit])
        strata[min(labels, key=lambda label: (-labels[label], label))].append(unit)
        last.update(dict.fromkeys(labels, unit))
    kept, chosen, debt = set(last.values()), set(), 0.0
    for label in sorted(strata, key=lambda label: lot("label", seed, label)):
        for unit in strata[label]:
            size = len(members[unit])
            debt += share * size
            if 2 * debt >= size and unit not in kept:
                chosen.add(unit)
                debt -= size
    return _parted(rows, units, chosen)


def _newest(
    rows: Sequence[Example], units: dict[Key, Key], share: float, column: str
) -> tuple[Rows, Rows, str]:
    """Return about a share of the rows, the newest, and the others, and words on where the cut is.

    Rows of the same moment stay together, and so do units: each goes where its newest row goes.
    """
    times = sorted((str(row.time) for row in rows), reverse=True)
    wanted = max(1, round(share * len(rows)))
    cuts = sorted(set(times))[1:]  # at the oldest moment, nothing would be left
    if not cuts:
        raise DataError(
            f"all {len(rows):,} rows have the same date in column '{column}', {times[0]}",
            where=rows[0].source,
            mend="Name a column with the dates of the rows as data.time, or leave it out.",
        )
    counts = Counter(times)
    newer: dict[str, int] = {}
    for moment in reversed(cuts):
        newer[moment] = counts[moment] + (max(newer.values()) if newer else 0)
    cut = min(cuts, key=lambda moment: (abs(newer[moment] - wanted), moment))
    chosen = {units[atom_of(row)] for row in rows if str(row.time) >= cut}
    inside, outside = _parted(rows, units, chosen)
    if not outside:
        raise DataError(
            f"every row belongs with one from {cut} on, by its text or group",
            where=rows[0].source,
            mend="Leave out data.time, or data.group if there is one.",
        )
    older = len(inside) - newer[cut]
    pulled = f" and {older:,} older ones that belong with them" if older else ""
    return inside, outside, f", those from {cut} on{pulled}"


def _parted(rows: Sequence[Example], units: dict[Key, Key], chosen: set[Key]) -> tuple[Rows, Rows]:
    inside = [row for row in rows if units[atom_of(row)] in chosen]
    outside = [row for row in rows if units[atom_of(row)] not in chosen]
    return inside, outside


def _unjudged(test: Sequence[Example], pool: Sequence[Example]) -> str:
    """Return how many labels no test row has, in words."""
    labels = {row.target for row in pool}
    lacking = len(labels - {row.target for row in test})
    return f" ({lacking:,} of the {len(labels):,} labels have none)" if lacking and test else ""


def _refuse_few(pool: Sequence[Example]) -> None:
    if len(pool) < LEAST_ROWS:
        raise DataError(
            f"there are too few rows to split: {len(pool)}, at least {LEAST_ROWS} are needed",
            where=pool[0].source if pool else None,
            mend="Label more rows; below 100 of them a verdict is rarely possible.",
        )


def _refuse_dominant(pool: Sequence[Example], units: dict[Key, Key]) -> None:
    """Stop when one unit is more than half of the rows: no split could be honest."""
    unit, count = Counter(units[atom_of(row)] for row in pool).most_common(1)[0]
    if count <= len(pool) / 2:
        return
    first = next(row for row in pool if units[atom_of(row)] == unit)
    groups = Counter(row.group for row in pool if row.group and units[atom_of(row)] == unit)
    if len(groups) > 1:
        what = f"{len(groups):,} groups share texts, and together hold {count:,}"
        mend = "Delete the texts that many groups share, or leave out data.group."
    elif groups:
        what = f"the group '{next(iter(groups))}' holds {count:,}"
        mend = "Choose another column as data.group, or leave it out."
    else:
        texts = {compared(row) for row in pool if units[atom_of(row)] == unit}
        what = "the same text stands" if len(texts) == 1 else "nearly the same text stands"
        what += f" in {count:,}"
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
    together = f"identical and nearly identical texts{grouped} stay on one side"
    if settings.time:
        return f". What is taken from train is cut by date; {together}."
    stable = "" if settings.test else ", and rows added later move none from test to train"
    return (
        f". What is taken from train is drawn by a hash of each row's content: {together}{stable}."
    )


def _ids(rows: Iterable[Example]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
