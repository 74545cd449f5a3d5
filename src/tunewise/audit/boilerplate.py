"""Boilerplate: what most texts begin or end with, or lines that most of them hold.

A model reads it each time and learns nothing from it; it can stand in the prompt once. Found are
beginnings and ends that at least half of the texts share, and whole lines likewise; signatures
and disclaimers, being ends, are told from a tenth of the texts on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import quote
from tunewise.audit.sides import Sides
from tunewise.audit.texts import Part, writes_texts
from tunewise.records import Example, Finding

MOST = 0.5  # share of texts from which something is boilerplate
SOME_LINES = 0.1  # share of texts from which a line is, if it is no part of such a beginning or end
FEWEST = 20  # texts below which nothing is said of most
SHORTEST = 20  # characters below which it costs next to nothing
LONGEST = 4000  # characters of each end that are looked at
MOST_LINES = 3  # lines that are told of each part
QUOTED = 80  # characters of it in a reason
Where = Literal["begin with", "end with", "hold the line"]


def boilerplate(sides: Sides) -> list[Finding]:
    """Return a finding for each beginning, end and line that is shared; targets only if written."""
    rows = sides.used
    parts: list[tuple[Part, list[str]]] = [("input", [row.input for row in rows])]
    if writes_texts(sides):
        parts.append(("target", [row.target for row in rows]))
    return [
        _finding(part, where, shared, held, rows)
        for part, texts in parts
        if len(texts) >= FEWEST
        for where, shared, held in _shared(texts)
    ]


def _shared(texts: Sequence[str]) -> Iterator[tuple[Where, str, list[int]]]:
    """Yield where something is shared, what it is, and the numbers of the texts that hold it."""
    stripped = [text.strip() for text in texts]
    if len(set(stripped)) <= len(stripped) / 10:
        return  # the texts themselves are few and repeated: that is another matter
    found = ""
    start = _beginning([text[:LONGEST] for text in stripped])
    if start:
        found += start
        yield (
            "begin with",
            start,
            [at for at, text in enumerate(stripped) if text.startswith(start)],
        )
    end = _beginning([text[: -LONGEST - 1 : -1] for text in stripped])[::-1]
    if end and not found.endswith(end):
        found += end
        yield "end with", end, [at for at, text in enumerate(stripped) if text.endswith(end)]
    for line in _lines(stripped, found):
        yield "hold the line", line, [at for at, text in enumerate(stripped) if line in text]


def _beginning(texts: Sequence[str]) -> str:
    """Return the longest beginning that MOST of the texts share, cut at the end of a word.

    In sorted order the texts that share one stand side by side, so it is the longest that the
    first and the last of some window of that many texts share.
    """
    ordered = sorted(texts)
    size = max(2, int(MOST * len(ordered)))
    pairs = zip(ordered, ordered[size - 1 :], strict=False)
    best = max((_common(*pair) for pair in pairs), key=len, default="")
    is_cut = any(text.startswith(best) and text[len(best) :][:1].isalnum() for text in ordered)
    if is_cut and best[-1:].isalnum():
        best = best[: len(best) - len(_last_word(best))]
    return best.rstrip() if len(best.strip()) >= SHORTEST else ""


def _common(one: str, other: str) -> str:
    """Return what two texts both begin with."""
    most = min(len(one), len(other))
    return one[: next((at for at in range(most) if one[at] != other[at]), most)]


def _last_word(text: str) -> str:
    at = len(text)
    while at and text[at - 1].isalnum():
        at -= 1
    return text[at:]


def _lines(texts: Sequence[str], known: str) -> list[str]:
    """Return lines that stand in many texts and aren't part of what is known to be shared."""
    counts: Counter[str] = Counter()
    for text in texts:
        if "\n" in text:
            counts.update({line.strip() for line in text.splitlines() if len(line) >= SHORTEST})
    return [
        line
        for line, count in counts.most_common(MOST_LINES + known.count("\n") + 1)
        if count >= SOME_LINES * len(texts) and len(line) >= SHORTEST and line not in known
    ][:MOST_LINES]


def _finding(
    part: Part, where: Where, shared: str, held: Sequence[int], rows: Sequence[Example]
) -> Finding:
    share = len(held) / len(rows)
    words = len(shared.split())
    total = len(shared) * len(held)
    every = "All" if len(held) == len(rows) else f"{len(held):,} of the"
    move = (
        "Put it into the instruction or the prompt once and leave it out of the rows"
        if part == "input"
        else "Leave it out of the targets and add it after the model has answered"
    )
    return Finding(
        check="boilerplate",
        severity="note",
        reason=f"{every} {len(rows):,} {part}s ({share:.0%}) {where} '{quote(shared, QUOTED)}':"
        f" {len(shared):,} characters, {words:,} words in each, {total:,} characters in all.",
        mend=f"{move}, unless requests will come with it; each row costs its tokens in training"
        " and in use.",
        rows=tuple(place(rows[at]) for at in held),
    )
