"""A text -> the same text without personal data and secrets, for whatever is shown or kept.

`masked` is the one function that decides: everything that leaves the data set (a finding's
sentence, a page, fixes.yaml, a terminal) goes through it. Knows nothing of findings.
"""

from __future__ import annotations

import re

from tunewise.audit import personal_data

WINDOW = 1_000  # characters behind an excerpt that are looked at, so that no datum is cut in half

_LIKE_A_PHONE = re.compile(
    r"(?<![\w.+])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)"  # international
    r"|(?<![\w.:/-])\(?0[1-9]\d{0,4}\)?[ /-](?:[ /-]?\d){5,11}(?![\w.:/-])"  # with an area code
    r"|(?<![\w.:/-])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w:/-])"  # North America
)

_LIKE_A_KEY = re.compile(
    r"(?<![\w-])(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-|ant-)?[A-Za-z0-9_-]{16,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,4000}?(?:-----END [A-Z ]{0,30}KEY-----|\Z)",
    re.DOTALL,
)


def masked(text: str) -> str:
    """Return `text` with each piece of personal data or secret as its kind.

    'Write to ann@example.org' becomes 'Write to [EMAIL]'; all else stays as it is, and what is
    masked already stays as it is too. Hides a little more than the audit counts: what only looks
    like a phone number or a key goes too. Takes time in proportion to the text, whatever it holds.
    """
    text = _LIKE_A_KEY.sub("[SECRET]", personal_data.masked(text))
    return _LIKE_A_PHONE.sub("[PHONE]", text)


def excerpt(text: str, most: int) -> str:
    """Return the first `most` characters, masked, with '…' where there are more.

    Only a little more than that is looked at, so that a text of a million characters costs no
    more than one of a thousand.
    """
    head = masked(text[: most + WINDOW])
    return head if len(head) <= most and len(text) <= most + WINDOW else f"{head[:most]}…"


def change_excerpts(old: str, new: str, most: int) -> tuple[str, str]:
    """Return about `most` characters of two texts around their first difference, masked."""
    about = _same_until(old, new)
    begin = max(0, about - WINDOW)
    before, after = (masked(text[begin : about + most + WINDOW]) for text in (old, new))
    start = _same_until(before, after) - most // 2
    if begin == 0 and start < most // 4:
        start = 0
    return _cut(before, start, most), _cut(after, start, most)


def _same_until(one: str, other: str) -> int:
    """Return the first place at which two texts differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, start: int, most: int) -> str:
    head = "…" if start > 0 else ""
    tail = "…" if len(text) > max(0, start) + most else ""
    return f"{head}{text[max(0, start) : max(0, start) + most]}{tail}"
