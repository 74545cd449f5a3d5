"""Checks that propose every kind of fix, and the command line with them as the deep ones.

Real checks of real rows; they stand here so that what these tests say of fixes doesn't hang on
which of the product's own checks propose them.
"""

from __future__ import annotations

from tunewise import intake
from tunewise.audit.clusters import clusters, place
from tunewise.audit.sides import Sides
from tunewise.records import Finding, Fix


def copies(sides: Sides) -> list[Finding]:
    """Propose to delete all but the first of rows with one text and label."""
    found = [same for same in clusters(sides.used) if len({row.target for row in same}) == 1]
    fixes = tuple(
        Fix(place(row), "delete", None, f"a copy of {place(same[0])}")
        for same in found
        for row in same[1:]
    )
    rows = tuple(place(row) for same in found for row in same)
    if not fixes:
        return []
    return [Finding("copies", "warning", "Some rows are copies.", "Keep one.", rows, fixes)]


def spelled(sides: Sides) -> list[Finding]:
    """Propose to write labels in small letters."""
    fixes = tuple(
        Fix(place(row), "relabel", row.target.lower(), "written in capitals")
        for row in sides.used
        if row.target != row.target.lower()
    )
    if not fixes:
        return []
    rows = tuple(fix.row for fix in fixes)
    return [Finding("spelled", "error", "Labels in capitals.", "Write them small.", rows, fixes)]


def characters(sides: Sides) -> list[Finding]:
    """Propose to write curly quotes straight."""
    fixes = tuple(
        Fix(place(row), "rewrite", row.input.replace("’", "'"), "curly quotes")
        for row in sides.used
        if "’" in row.input
    )
    if not fixes:
        return []
    rows = tuple(fix.row for fix in fixes)
    return [Finding("characters", "note", "Curly quotes.", "Write them straight.", rows, fixes)]


PROPOSING = (copies, spelled, characters)

if __name__ == "__main__":
    from tunewise.cli.main import main

    intake.DEEP = PROPOSING
    main()
