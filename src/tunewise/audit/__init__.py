"""Dataset and Splits -> Findings: what is usable but suspicious, worst first.

Each check is one file: Sides in, Findings out, no knowledge of the others. To add one: its file
here and its place in QUICK (seconds, part of every run) or DEEP (`tunewise audit` alone).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewise.audit.balance import balance
from tunewise.audit.boilerplate import boilerplate
from tunewise.audit.conflicts import conflicts
from tunewise.audit.cut_off import cut_off
from tunewise.audit.duplicates import duplicates
from tunewise.audit.encoding import encoding
from tunewise.audit.languages import languages
from tunewise.audit.leakage import leakage
from tunewise.audit.left_out import left_out
from tunewise.audit.lengths import lengths
from tunewise.audit.masking import masked
from tunewise.audit.mislabelled import mislabelled
from tunewise.audit.outliers import outliers
from tunewise.audit.personal import personal
from tunewise.audit.sides import Sides, sides
from tunewise.audit.spellings import spellings
from tunewise.audit.targets import targets
from tunewise.audit.truncation import truncation
from tunewise.audit.unseen import unseen
from tunewise.progress import Progress, showing
from tunewise.records import Dataset, Finding, Severity, Splits
from tunewise.task.settings import Task

Check = Callable[[Sides], list[Finding]]
QUICK: tuple[Check, ...] = (
    leakage,
    conflicts,
    unseen,
    spellings,
    balance,
    duplicates,
    personal,
    targets,
    cut_off,
    encoding,
    languages,
    lengths,
    boilerplate,
    left_out,
)
DEEP: tuple[Check, ...] = (mislabelled, truncation, outliers)
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found, and how long it took."""

    check: str
    seconds: float
    findings: tuple[Finding, ...]


def audit(
    dataset: Dataset,
    splits: Splits,
    task: Task,
    task_folder: Path,
    progress: Progress,
    *,
    deep: bool = False,
) -> list[Finding]:
    """Return the findings of the checks: errors, warnings, notes, in the checks' order.

    Args:
        dataset: all rows.
        splits: their sides.
        task: what the user wrote.
        task_folder: where task.yaml stands.
        progress: where to say what takes long.
        deep: whether to make the checks that take minutes or need a model as well.
    """
    seen = sides(dataset, splits, task, task_folder, progress)
    made = checked(QUICK + DEEP if deep else QUICK, seen)
    return worst_first(finding for one in made for finding in one.findings)


def checked(checks: Sequence[Check], seen: Sides) -> list[Checked]:
    """Make the checks one after the other; a bar counts them.

    Sentences of a finding leave here with personal data masked, whatever a check quoted; the
    value of a fix stays as it is to be written.
    """
    made = []
    with showing(seen.progress, "Checks", max(1, len(checks)), "checks") as bar:
        for check in checks:
            name = check.__name__.replace("_", " ")
            bar.note(name)
            began = time.monotonic()
            findings = tuple(_without_personal_data(finding) for finding in check(seen))
            made.append(Checked(check.__name__, time.monotonic() - began, findings))
            bar.advance()
    return made


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return errors, then warnings, then notes, each in the order given."""
    return sorted(findings, key=lambda finding: ORDER[finding.severity])


def _without_personal_data(finding: Finding) -> Finding:
    return replace(
        finding,
        reason=masked(finding.reason),
        mend=masked(finding.mend),
        fixes=tuple(replace(fix, reason=masked(fix.reason)) for fix in finding.fixes),
    )
