"""A text -> the same text without personal data and secrets, for whatever is shown or kept.

`masked` is the one function that decides: everything that leaves the data set (a finding's
sentence, a page, fixes.yaml, a terminal) goes through it. Knows nothing of findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable

WINDOW = 1_000  # characters behind an excerpt that are looked at, so that no datum is cut in half

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,4000}?(?:-----END [A-Z ]{0,30}KEY-----|\Z)"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?"
    r"|\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-|ant-)?[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bglpat-[\w-]{16,}",
    re.DOTALL,
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
_PHONE = re.compile(
    r"(?<![\w.+])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)"  # international
    r"|(?<![\w.:/-])\(?0[1-9]\d{0,4}\)?[ /-](?:[ /-]?\d){5,11}(?![\w.:/-])"  # with an area code
    r"|(?<![\w.:/-])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w:/-])"  # North America
)


def masked(text: str) -> str:
    """Return `text` with each e-mail address, phone number, card, IBAN and key as its kind.

    'Write to ann@example.org' becomes 'Write to [e-mail]'; all else stays as it is, and what is
    masked already stays as it is too. Takes time in proportion to the text, whatever it holds.
    """
    if not any(c.isdigit() or c in "@_-" for c in text):
        return text
    for pattern, name, holds in (
        (_SECRET, "[secret]", _always),
        (_EMAIL, "[e-mail]", _always),
        (_IBAN, "[IBAN]", _is_iban),
        (_CARD, "[card]", _is_card),
        (_PHONE, "[phone]", _always),
    ):
        text = pattern.sub(_by_name(name, holds), text)
    return text


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


def _by_name(name: str, holds: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: name if holds(found[0]) else found[0]


def _always(_: str) -> bool:
    return True


def _is_card(text: str) -> bool:
    """Whether the digits pass Luhn's test (ISO/IEC 7812-1, annex B)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """Whether the check digits are right (ISO 13616, by ISO/IEC 7064 MOD 97-10)."""
    bare = text.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1
