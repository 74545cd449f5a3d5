"""Encoding: texts that went through a wrong decoding, and characters that nobody typed.

Mojibake is told and mended by ftfy (Speer 2019), which leaves right text alone; characters that
can't be seen are removed. A text that also holds personal data gets its fix from that check.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import ftfy
import ftfy.badness
import ftfy.fixes

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import found, masked
from tunewise.audit.sides import Sides
from tunewise.audit.texts import SHOWN, Text, counted, rows_of, shown, texts
from tunewise.errors import one_line
from tunewise.records import Finding, Fix, Severity

USUAL = 0.1  # share of texts above which markup is what the corpus is made of, no slip
AROUND = 14  # characters quoted on each side of what is found

# Tab, line feed and carriage return are how texts are laid out; C1 is half of a wrong decoding.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Zero-width space, word joiner, byte order mark, soft hyphen; a joiner between Latin letters, where
# it joins nothing (Arabic, Indic scripts and emoji need theirs).
INVISIBLE = re.compile(
    r"[\u200b\u2060-\u2064\ufeff\u00ad]|(?<=[A-Za-z0-9 ])[\u200c\u200d]+(?=[A-Za-z0-9 ])"
)
# Marks that change the order in which characters are shown (CVE-2021-42574), and tag characters.
DECEPTIVE = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
ODD = re.compile(r"[\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000f0000-\U0010fffd]")
LOST = re.compile("\ufffd|\xef\xbf\xbd")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}[0-9]{0,2});", re.IGNORECASE)
TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|em|strong|a|ul|ol|li|table|t[rdh]|tbody|thead|h[1-6]|font|img|hr"
    r"|html|body|head|script|style|sup|sub|blockquote|pre|code)(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)
LONG = 60  # characters from which a word isn't met again
FLAG = "\U0001f3f4"  # tags after it spell the flag of a region


@dataclass(frozen=True, slots=True)
class Slip:
    """One way in which a text may be damaged.

    Attributes:
        words: what such texts hold.
        severity: of the finding.
        at: gives where in a text it first is, or None.
        mended: gives the text without it; None where only a person can tell.
        mend: what to do.
        unless_usual: whether it counts only in a corpus in which it is rare.
    """

    words: str
    severity: Severity
    at: Callable[[str], tuple[int, int] | None]
    mend: str
    mended: Callable[[str], str] | None = None
    unless_usual: bool = False


def mended(text: str) -> str:
    """Return the text decoded rightly and without characters that can't be seen."""
    if text.isascii():
        return CONTROL.sub("", text)
    if _looks_bad(text):
        text = ftfy.fix_encoding(text)
    text = CONTROL.sub("", ftfy.fixes.fix_c1_controls(text))
    return INVISIBLE.sub("", _without_deceptive(text))


def encoding(sides: Sides) -> list[Finding]:
    """Return one finding per way in which texts are damaged."""
    held: list[list[Text]] = [[] for _ in SLIPS]
    count = 0
    for one in texts(sides):
        count += 1
        for number in _candidates(one.text):
            if SLIPS[number].at(one.text) is not None:
                held[number].append(one)
    return [
        _finding(slip, found_in)
        for slip, found_in in zip(SLIPS, held, strict=True)
        if found_in and not (slip.unless_usual and len(found_in) > USUAL * count)
    ]


def _candidates(text: str) -> Iterable[int]:
    """Return the numbers of the slips that the text's characters allow, quickly."""
    if not text.isascii():
        return ALL
    return ASCII if not text.isprintable() or "&" in text or "<" in text else ()


def _finding(slip: Slip, held: list[Text]) -> Finding:
    places = [f"'{_shown(one.text, slip)}' ({place(one.row)}, {one.part})" for one in held[:SHOWN]]
    words = shown(places, len(held))
    verb = "holds" if len(held) == 1 else "hold"
    return Finding(
        check="encoding",
        severity=slip.severity,
        reason=f"{counted(len(held), 'text')} {verb} {slip.words}: {words}.",
        mend=slip.mend,
        rows=rows_of(held),
        fixes=tuple(_fixes(slip, held)),
    )


def _shown(text: str, slip: Slip) -> str:
    """Return the part of the text around what is found; what can't be seen as its code point."""
    start, end = slip.at(text) or (0, 0)
    before, after = masked(text[:start])[-AROUND:], masked(text[end:])[:AROUND]
    part = before + masked(text[start:end][:AROUND]) + after
    return one_line("".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in part), 90)


def _fixes(slip: Slip, held: list[Text]) -> Iterable[Fix]:
    for one in held:
        if slip.mended is None or found(one.text):
            continue
        value = slip.mended(one.text)
        if value.strip() and value != one.text:
            yield Fix(place(one.row), one.action, value, f"{slip.words} mended")


def _first(pattern: re.Pattern[str]) -> Callable[[str], tuple[int, int] | None]:
    def at(text: str) -> tuple[int, int] | None:
        match = pattern.search(text)
        return match.span() if match else None

    return at


def _mojibake(text: str) -> tuple[int, int] | None:
    if not _looks_bad(text) or ftfy.fix_encoding(text) == text:
        return None
    match = ftfy.badness.BADNESS_RE.search(text)
    return match.span() if match else (0, 0)


def _looks_bad(text: str) -> bool:
    """Tell what ftfy takes for mojibake, word by word: most words have been met before."""
    foreign = (word + " " for word in text.split(" ") if not word.isascii())
    return any(len(word) > LONG or _is_bad(word) for word in foreign) and ftfy.badness.is_bad(text)


@functools.lru_cache(maxsize=2**16)
def _is_bad(word: str) -> bool:
    return ftfy.badness.is_bad(word)


def _control(text: str) -> tuple[int, int] | None:
    """Return where a control character is that isn't part of mojibake."""
    match = CONTROL.search(text)
    return match.span() if match and (text.isascii() or not _mojibake(text)) else None


def _deceptive(text: str) -> tuple[int, int] | None:
    match = DECEPTIVE.search(text)
    if match and match[0] > "\U000e0000" and FLAG in text[: match.start()]:
        return None
    return match.span() if match else None


def _without_deceptive(text: str) -> str:
    return text if _deceptive(text) is None else DECEPTIVE.sub("", text)


def _entity(text: str) -> tuple[int, int] | None:
    match = ENTITY.search(text)
    return match.span() if match and html.unescape(match[0]) != match[0] else None


SLIPS: tuple[Slip, ...] = (
    Slip(
        "mojibake (text decoded with the wrong encoding)",
        "warning",
        _mojibake,
        "Take the rewriting, or export the file as UTF-8.",
        mended,
    ),
    Slip(
        "the replacement character, where something was lost",
        "warning",
        _first(LOST),
        "Export the rows again as UTF-8, or write by hand what is missing.",
    ),
    Slip(
        "control characters",
        "warning",
        _control,
        "Take the rewriting, which leaves them out.",
        mended,
    ),
    Slip(
        "invisible characters, such as zero-width spaces",
        "note",
        _first(INVISIBLE),
        "Take the rewriting, which leaves them out; they split words for a tokenizer.",
        mended,
    ),
    Slip(
        "marks that reorder or hide what is shown",
        "warning",
        _deceptive,
        "Look what they hide, then take the rewriting, which leaves them out.",
        mended,
    ),
    Slip(
        "characters of private use or none at all",
        "note",
        _first(ODD),
        "Look what they stood for: a font's own symbols have no meaning elsewhere.",
    ),
    Slip(
        "escaped HTML characters in a corpus that has few",
        "note",
        _entity,
        "Take the rewriting, which writes the characters themselves.",
        lambda text: mended(html.unescape(text)),
        unless_usual=True,
    ),
    Slip(
        "HTML tags in a corpus that has few",
        "note",
        _first(TAG),
        "Write the text without them, unless they are what the model is to see.",
        unless_usual=True,
    ),
)
ALL = tuple(range(len(SLIPS)))
ASCII = (2, 6, 7)  # control characters, entities, tags
