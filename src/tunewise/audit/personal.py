"""Personal data: addresses, numbers and secrets of people, which a model may learn by heart.

What is found is named masked; a fix holds the text with placeholders such as [EMAIL].
"""

from __future__ import annotations

from collections import defaultdict

from tunewise.audit.clusters import place
from tunewise.audit.encoding import mended
from tunewise.audit.personal_data import Hit, Kind, found, replaced
from tunewise.audit.sides import Sides
from tunewise.audit.texts import SHOWN, Text, counted, rows_of, shown, texts
from tunewise.records import Finding, Fix

NAMES: dict[Kind, tuple[str, str]] = {
    "secret": ("key, token or password", "keys, tokens or passwords"),
    "e-mail address": ("e-mail address", "e-mail addresses"),
    "payment card": ("payment card number", "payment card numbers"),
    "bank account": ("bank account (IBAN)", "bank accounts (IBAN)"),
    "identity number": ("national identity number", "national identity numbers"),
    "phone number": ("phone number", "phone numbers"),
    "IP address": ("IP address", "IP addresses"),
}


def personal(sides: Sides) -> list[Finding]:
    """Return one finding per kind of personal data.

    A text with several kinds has the same fix in each of their findings: all of it replaced.
    """
    by_kind: dict[Kind, list[tuple[Text, list[Hit]]]] = defaultdict(list)
    for one in texts(sides):
        hits = found(one.text)
        for kind in dict.fromkeys(hit.kind for hit in hits):
            by_kind[kind].append((one, hits))
    return [_finding(kind, by_kind[kind]) for kind in NAMES if kind in by_kind]


def _finding(kind: Kind, held: list[tuple[Text, list[Hit]]]) -> Finding:
    hits = [(one, hit) for one, all_hits in held for hit in all_hits if hit.kind == kind]
    rows = rows_of(one for one, _ in held)
    first = [f"'{hit.shown}' ({place(one.row)}, {one.part})" for one, hit in hits[:SHOWN]]
    secret = kind == "secret"
    return Finding(
        check="personal",
        severity="warning",
        reason=f"{counted(len(rows), 'row')} {'holds' if len(rows) == 1 else 'hold'}"
        f" {counted(len(hits), *NAMES[kind])}: {shown(first, len(hits))}.",
        mend=("Have them revoked, then replace" if secret else "Replace")
        + " them by placeholders; a model may repeat what it was trained on. Names and street"
        " addresses aren't looked for.",
        rows=rows,
        fixes=tuple(_fix(one, all_hits) for one, all_hits in held),
    )


def _fix(one: Text, hits: list[Hit]) -> Fix:
    kinds = ", ".join(dict.fromkeys(hit.kind for hit in hits))
    return Fix(
        row=place(one.row),
        action=one.action,
        value=mended(replaced(one.text, hits)),
        reason=f"personal data in the {one.part} replaced: {kinds}",
    )
