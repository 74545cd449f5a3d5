"""Rows that have the same text, or nearly the same. The checks on copies share this."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from tunewise.audit.masking import excerpt
from tunewise.data.copies import asked, compared, told
from tunewise.data.near import near_copies, words_of
from tunewise.errors import one_line
from tunewise.records import Example

QUOTED = 60  # characters of a text in a reason
SHOWN = 3  # clusters or pairs named in a reason
MOST_COMPARED = 200  # rows of one cluster among which a row's near copy is looked for

Pair = tuple[Example, Example]


def clusters(rows: Iterable[Example], *, told_alike: bool = False) -> list[list[Example]]:
    """Return the rows that ask the same, two or more each, in the order of the first.

    Args:
        rows: of any side.
        told_alike: whether only rows with the same system prompt belong together.
    """
    found: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for row in rows:
        found[compared(row), told(row) if told_alike else ""].append(row)
    return [same for same in found.values() if len(same) > 1]


def near_pairs(
    cluster: Sequence[Example],
    others: Sequence[Example],
    fit: Callable[[Example, Example], bool],
) -> Iterator[Pair]:
    """Yield each row of a near cluster with the first other that is its near copy and fits.

    Rows of a cluster may be near by a chain alone; here they are so themselves, and their texts
    aren't the same.
    """
    words = {row.id: words_of(asked(row)) for row in (*cluster, *others[:MOST_COMPARED])}
    texts = {row.id: compared(row) for row in (*cluster, *others[:MOST_COMPARED])}
    for row in cluster:
        for other in others[:MOST_COMPARED]:
            if (
                texts[row.id] != texts[other.id]
                and fit(row, other)
                and near_copies(words[row.id], words[other.id])
            ):
                yield row, other
                break


def place(row: Example) -> str:
    """Return 'file:row'."""
    return f"{row.source}:{row.row}"


def places(found: Iterable[Sequence[Example]]) -> tuple[str, ...]:
    """Return 'file:row' of all rows, cluster after cluster, each once."""
    return tuple(dict.fromkeys(place(row) for same in found for row in same))


def quoted(found: Sequence[Sequence[Example]], *, with_labels: bool = False) -> str:
    """Return the first clusters' texts in words: "'text' (a.csv:3, a.csv:9)"."""
    words = []
    for same in found[:SHOWN]:
        rows = ", ".join(
            place(row) + (f" as {_text(row.target)}" if with_labels else "") for row in same[:SHOWN]
        )
        more = f" and {len(same) - SHOWN:,} more" if len(same) > SHOWN else ""
        words.append(f"{_text(asked(same[0]))} ({rows}{more})")
    return _listed(words, len(found))


def quoted_pairs(found: Sequence[Pair], *, with_labels: bool = False) -> str:
    """Return the first pairs' texts in words: "'text' (a.csv:3) and 'texts' (a.csv:9)"."""
    words = [
        " and ".join(
            f"{_text(asked(row))} ({place(row)}"
            + (f" as {_text(row.target)})" if with_labels else ")")
            for row in pair
        )
        for pair in found[:SHOWN]
    ]
    return _listed(words, len(found))


def _text(text: str) -> str:
    return f"'{one_line(excerpt(text, QUOTED), QUOTED + 1)}'"


def _listed(words: Sequence[str], count: int) -> str:
    return "; ".join(words) + (f"; and {count - SHOWN:,} more" if count > SHOWN else "")
