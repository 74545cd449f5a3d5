"""Languages: texts in another language than the others, and answers in another than their input.

Each text's language is told by py3langid (Lui and Baldwin 2012, retrained), offline. A text that
is short or that it isn't sure of is undecided and accused of nothing. Of many rows only those are
looked at whose words are unlike the frequent ones of a sample; the finding says so.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.audit.texts import Part, Text, counted, quoted, rows_of, writes_texts
from tunewise.records import Finding

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

ALL = 4_000  # texts up to which each is looked at
SAMPLE = 2_000  # texts, evenly spread, that tell what is usual among more
LETTERS = 25  # fewer letters leave a text undecided
SURE = 0.85  # probability below which a text is undecided
READ = 600  # characters of a text that are read
MAIN = 0.9  # share of decided texts from which a language is the usual one
FREQUENT = 300  # words that texts of the usual language have some of
UNLIKE = 0.15  # share of such words in a text below which its language is looked at
ENOUGH = 5  # decided texts below which nothing is usual
NO_LANGUAGE = "zxx"  # what py3langid calls numbers, markup and the like
WORD = re.compile(r"[^\W\d_]+")


def languages(sides: Sides) -> list[Finding]:
    """Return findings on inputs, on targets where they are written, and on both together."""
    parts: list[Part] = ["input", "target"] if writes_texts(sides) else ["input"]
    findings: list[Finding] = []
    decided: list[dict[int, str]] = []
    for part in parts:
        texts = [Text(row, part, getattr(row, part)) for row in sides.used]
        told = _told(texts)
        decided.append(told)
        findings += _mix(texts, told)
    if len(decided) == 2:
        findings += _pairs(sides, *decided)
    return findings


@dataclass(frozen=True, slots=True)
class _Names:
    names: dict[str, str]
    close: dict[str, frozenset[str]]


@functools.cache
def _names() -> _Names:
    text = resources.files(__package__).joinpath("languages.toml").read_text("utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    close: dict[str, frozenset[str]] = {}
    for group in read["close"]:
        for code in group:
            close[code] = close.get(code, frozenset()) | frozenset(group)
    return _Names(read["names"], close)


def named(code: str) -> str:
    """Return a language's name, or its code when it is a rare one."""
    return _names().names.get(code, f"'{code}'")


def are_close(one: str, other: str) -> bool:
    """Tell whether two languages are the same or hard to tell apart."""
    return one == other or other in _names().close.get(one, ())


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language(text: str) -> str | None:
    """Return the code of the language that a text is surely in, or None."""
    letters = "".join(WORD.findall(text[:READ]))
    if len(letters) < LETTERS and len(letters.encode()) < 2 * LETTERS:  # a Chinese sign says more
        return None
    code, sure = _identifier().classify(text[:READ])
    return str(code) if sure >= SURE and code != NO_LANGUAGE else None


def _told(texts: Sequence[Text]) -> dict[int, str]:
    """Return the languages of those texts that were looked at and decided, by their numbers."""
    if len(texts) <= ALL:
        return _decided(texts, range(len(texts)))
    step = len(texts) // SAMPLE
    told = _decided(texts, range(0, len(texts), step))
    usual = Counter(told.values()).most_common(1)
    counts: Counter[str] = Counter()
    for at, code in told.items():
        if code == usual[0][0]:
            counts.update(WORD.findall(texts[at].text[:READ].casefold()))
    frequent = frozenset(word for word, _ in counts.most_common(FREQUENT))
    unlike = [at for at, one in enumerate(texts) if at not in told and _is_unlike(one, frequent)]
    spread = unlike[:: max(1, len(unlike) // ALL)] if len(unlike) > ALL else unlike
    return told | _decided(texts, spread)


def _decided(texts: Sequence[Text], numbers: Sequence[int]) -> dict[int, str]:
    return {at: code for at in numbers if (code := language(texts[at].text)) is not None}


def _is_unlike(one: Text, frequent: frozenset[str]) -> bool:
    words = WORD.findall(one.text[:READ].casefold())
    return sum(word in frequent for word in words) < UNLIKE * len(words)


def _sampled(count: int) -> str:
    if count <= ALL:
        return ""
    return (
        f" Of the {count:,}, {SAMPLE:,} were looked at, and up to {ALL:,} more whose words are"
        " unlike theirs."
    )


def _mix(texts: Sequence[Text], told: dict[int, str]) -> list[Finding]:
    """Return a finding on the texts that aren't in the language that nearly all are in."""
    counts = Counter(told.values())
    if len(told) < ENOUGH or len(counts) < 2:
        return []
    (main, _), part = counts.most_common(1)[0], texts[0].part
    others = [at for at in sorted(told) if not are_close(main, told[at])]
    if not others:
        return []
    found = [texts[at] for at in others]
    each = ", ".join(
        f"{named(code)} {count:,}"
        for code, count in Counter(told[at] for at in others).most_common(6)
    )
    is_slip = len(texts) - len(others) >= MAIN * len(texts)
    return [
        Finding(
            check="languages",
            severity="warning" if is_slip else "note",
            reason=f"{counted(len(others), part)} {'is' if len(others) == 1 else 'are'} in another"
            f" language than {named(main)}, which most are in: {each}. {quoted(found)}."
            + _sampled(len(texts)),
            mend="Delete them if the model isn't to meet them, or collect enough rows of each"
            " language.",
            rows=rows_of(found),
        )
    ]


def _pairs(sides: Sides, inputs: dict[int, str], targets: dict[int, str]) -> list[Finding]:
    """Return a finding on answers whose language goes otherwise with their input's than usual."""
    both = sorted(inputs.keys() & targets.keys())
    if len(both) < ENOUGH:
        return []
    same = [at for at in both if are_close(inputs[at], targets[at])]
    if len(same) >= MAIN * len(both):
        odd, usual = [at for at in both if at not in set(same)], "the language of their input"
    else:
        pair, count = Counter((inputs[at], targets[at]) for at in both).most_common(1)[0]
        if count < MAIN * len(both):
            return []  # no rule that most keep to
        odd = [at for at in both if not are_close(pair[1], targets[at])]
        usual = named(pair[1])
    if not odd:
        return []
    found = [Text(sides.used[at], "target", sides.used[at].target) for at in odd]
    first = odd[0]
    return [
        Finding(
            check="languages",
            severity="warning",
            reason=f"{counted(len(odd), 'target')} {'is' if len(odd) == 1 else 'are'} not in"
            f" {usual}, as {len(both) - len(odd):,} others are: {quoted(found)};"
            f" {place(sides.used[first])} is answered in {named(targets[first])} and asked in"
            f" {named(inputs[first])}." + _sampled(len(sides.used)),
            mend="Write the answers in the language that they should be in, or delete the rows.",
            rows=rows_of(found),
        )
    ]
