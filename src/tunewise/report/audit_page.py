"""What an audit found -> audit.html: one self-contained page without scripts or requests.

Findings stand worst first, each with its rows. Every text of a row goes through `masked`, whatever
the check, and is made visible and escaped on its way into the template. Knows nothing of files.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.audit.masking import change_excerpts
from tunewise.records import Example, Finding, Fix, Split
from tunewise.report.inspected import SEVERITIES, Inspected
from tunewise.report.page import environment
from tunewise.version import __version__

ROWS_SHOWN = 50
LONGEST_CHANGE = 300  # characters around what a fix rewrites
PLURALS = {"error": "Errors", "warning": "Warnings", "note": "Notes"}
MEANINGS = {
    "error": "They put any verdict on these rows in doubt.",
    "warning": "They cost quality.",
    "note": "Good to know; often nothing needs to be done.",
}


@dataclass(frozen=True)
class FixShown:
    """A proposed change; `before` and `after` are the input around what is rewritten, masked."""

    fix: Fix
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class RowShown:
    """A row of a finding; `example` is None where it was left out on reading."""

    place: str
    example: Example | None
    side: Split | None
    fixes: tuple[FixShown, ...]


@dataclass(frozen=True)
class FindingShown:
    """A finding, its place on the page, and the first of its rows."""

    anchor: str
    finding: Finding
    rows: tuple[RowShown, ...]

    @property
    def more(self) -> int:
        """How many rows aren't shown."""
        return len(self.finding.rows) - len(self.rows)


def audit_page(seen: Inspected) -> str:
    """Return the page as HTML; the same findings give the same bytes."""
    shown = [_shown(n, finding, seen) for n, finding in enumerate(seen.findings, start=1)]
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            seen=seen,
            shown=shown,
            groups=[
                (severity, [one for one in shown if one.finding.severity == severity])
                for severity in SEVERITIES
            ],
            plurals=PLURALS,
            meanings=MEANINGS,
            rows=len(seen.dataset.examples),
            in_question=len({row for finding in seen.findings for row in finding.rows}),
            classification=bool(seen.dataset.labels),
            version=__version__,
        )
    )


def _shown(number: int, finding: Finding, seen: Inspected) -> FindingShown:
    by_row: dict[str, list[Fix]] = {}
    for fix in finding.fixes:
        by_row.setdefault(fix.row, []).append(fix)
    places = list(dict.fromkeys([*finding.rows, *by_row]))[:ROWS_SHOWN]
    return FindingShown(
        anchor=f"finding-{number}",
        finding=finding,
        rows=tuple(_row(place, by_row.get(place, []), seen) for place in places),
    )


def _row(place: str, fixes: list[Fix], seen: Inspected) -> RowShown:
    row = seen.rows.get(place)
    side = seen.sides.get(row.id) if row else None
    return RowShown(place, row, side, tuple(_fix(fix, row) for fix in fixes))


def _fix(fix: Fix, row: Example | None) -> FixShown:
    if fix.action != "rewrite" or row is None or fix.value is None:
        return FixShown(fix)
    return FixShown(fix, *change_excerpts(row.input, fix.value, LONGEST_CHANGE))
