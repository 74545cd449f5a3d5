"""Dataset and Splits -> Findings: what is usable but suspicious, worst first.

Each check is one file: Sides in, Findings out, no knowledge of the others. To add one: its file
here and its place in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable

from tunewise.data.audit.balance import balance
from tunewise.data.audit.conflicts import conflicts
from tunewise.data.audit.duplicates import duplicates
from tunewise.data.audit.leakage import leakage
from tunewise.data.audit.left_out import left_out
from tunewise.data.audit.lengths import lengths
from tunewise.data.audit.sides import Sides, sides
from tunewise.data.audit.spellings import spellings
from tunewise.data.audit.unseen import unseen
from tunewise.records import Dataset, Finding, Severity, Splits

CHECKS: tuple[Callable[[Sides], list[Finding]], ...] = (
    leakage,
    conflicts,
    unseen,
    spellings,
    balance,
    duplicates,
    lengths,
    left_out,
)
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def audit(dataset: Dataset, splits: Splits) -> list[Finding]:
    """Return the findings of all checks: errors, warnings, notes, in the checks' order."""
    seen = sides(dataset, splits)
    findings = [finding for check in CHECKS for finding in check(seen)]
    return sorted(findings, key=lambda finding: ORDER[finding.severity])
