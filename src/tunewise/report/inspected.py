"""An audited run folder -> everything that the page of findings and the terminal show.

Reads records and rows. Knows nothing of how they are shown, and nothing of candidates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunewise.audit.clusters import place
from tunewise.audit.store import load_findings
from tunewise.data.copies import compared
from tunewise.files import read_json, read_record
from tunewise.records import Dataset, Example, Finding, Severity, Split, Splits
from tunewise.workspace.folder import RunFolder

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Inspected:
    """The rows of a task and what all checks found in them.

    Attributes:
        task: its name.
        findings: worst first; personal data is masked in their sentences, and in a fix's value
            it is for whoever shows that to mask it.
        seconds: of each check, in the order in which they were made.
        sources: SHA-256 of each data file, by its name in the task.
        environment: machine, Python and package versions.
    """

    task: str
    dataset: Dataset
    splits: Splits
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    sources: dict[str, str]
    environment: dict[str, Any]

    @cached_property
    def rows(self) -> dict[str, Example]:
        """The rows by 'file:row'."""
        return {place(row): row for row in self.dataset.examples}

    @cached_property
    def sides(self) -> dict[str, Split]:
        """The side of each row, by its id; a row that isn't used has none."""
        named: tuple[tuple[Split, tuple[str, ...]], ...] = (
            ("train", self.splits.train),
            ("validation", self.splits.validation),
            ("test", self.splits.test),
        )
        return {i: side for side, ids in named for i in ids}

    def of(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def fixes(self) -> int:
        """How many changes of rows are proposed."""
        return sum(len(finding.fixes) for finding in self.findings)


def inspected(folder: RunFolder, task: str, dataset: Dataset, splits: Splits) -> Inspected:
    """Return what an audited run folder holds, for showing.

    Args:
        folder: with the stage of all findings done.
        task: its name.
        dataset: its rows.
        splits: their sides.

    Raises:
        FileMissing: the stage isn't done.
        RunFolderError: a file isn't of this version.
    """
    return Inspected(
        task=task,
        dataset=dataset,
        splits=splits,
        findings=tuple(load_findings(folder.findings)),
        seconds=read_record(folder.timing_of(folder.findings), dict[str, float]),
        sources=read_record(folder.sources, dict[str, str]),
        environment=read_json(folder.environment),
    )


def neighbours(seen: Inspected, finding: Finding, row: str) -> list[Example]:
    """Return the rows that belong to one row of a finding: its copies, above all.

    Those that a fix's reason names come first, then those of the finding with the same text.
    """
    named = re.compile(f"(?:{'|'.join(map(re.escape, seen.sources))}):[0-9]+")
    places = [
        place for fix in finding.fixes if fix.row == row for place in named.findall(fix.reason)
    ]
    if row in seen.rows:
        text = compared(seen.rows[row])
        alike = (place for place in finding.rows if place in seen.rows)
        places += [place for place in alike if compared(seen.rows[place]) == text]
    return [
        seen.rows[place] for place in dict.fromkeys(places) if place in seen.rows and place != row
    ]
