"""What an audit found, on a terminal: worst first, at 80 columns, for the end of `tunewise audit`.

Given findings and rows, prints; personal data masked, whatever a row holds made harmless. Knows
nothing of HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from tunewise.audit.masking import excerpt
from tunewise.progress import clock
from tunewise.records import Finding, Severity
from tunewise.report import figures
from tunewise.report.inspected import SEVERITIES, Inspected
from tunewise.report.text import middle_cut, one_line

STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}
WIDEST = 92  # columns of prose
ROWS_SHOWN = 3
WIDEST_PLACE = 30
WIDEST_LABEL = 24
LONGEST_SENTENCE = 2_000


def print_findings(console: Console, seen: Inspected) -> None:
    """Print every finding with the first of its rows, and a line that sums them up."""
    width = min(console.width, WIDEST)
    for finding in seen.findings:
        console.print()
        _print_finding(console, finding, seen, width)
    console.print()
    console.print(Text(_summary(seen), style="bold"), width=width)
    console.print(Text(_seconds(seen), style="dim"), width=width)


def _print_finding(console: Console, finding: Finding, seen: Inspected, width: int) -> None:
    head = Text(finding.severity, style=STYLES[finding.severity])
    head.append(f"  {finding.check.replace('_', ' ')}", style="bold")
    head.append(f"  {figures.counted(len(finding.rows), 'row')}" if finding.rows else "")
    if finding.fixes:
        head.append(f", {figures.counted(len(finding.fixes), 'proposed change')}")
    console.print(head, width=width)
    for sentence in (finding.reason, f"→ {finding.mend}"):
        print_indented(console, Text(one_line(sentence, LONGEST_SENTENCE)), 2)
    for place in finding.rows[:ROWS_SHOWN]:
        console.print(_row(place, seen, width), no_wrap=True, overflow="ellipsis", width=width)
    more = len(finding.rows) - ROWS_SHOWN
    if more > 0:
        console.print(Text(f"    and {figures.counted(more, 'further row')}", style="dim"))


def print_indented(console: Console, text: Text, indent: int) -> None:
    """Print a text wrapped at the prose's width, each of its lines indented."""
    width = min(console.width, WIDEST)
    for line in text.wrap(console, max(20, width - indent)):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


def _row(place: str, seen: Inspected, width: int) -> Text:
    """Return one line on a row: where it is, its label, the beginning of its text."""
    line = Text("    ")
    line.append(middle_cut(one_line(place), WIDEST_PLACE), style="bold")
    row = seen.rows.get(place)
    if row is None:
        line.append("  left out, not used", style="dim")
        return line
    if seen.dataset.labels:
        line.append(
            f"  {middle_cut(one_line(excerpt(row.target, 80)), WIDEST_LABEL)}", style="cyan"
        )
    line.append(f"  {one_line(excerpt(row.input.strip(), width), width)}")
    return line


def _summary(seen: Inspected) -> str:
    rows = figures.counted(len(seen.dataset.examples), "row")
    if not seen.findings:
        return f"Nothing found in {rows} by {figures.counted(len(seen.seconds), 'check')}."
    counts = [
        figures.counted(len(found), severity)
        for severity in SEVERITIES
        if (found := seen.of(severity))
    ]
    named = {row for finding in seen.findings for row in finding.rows}
    return f"{_listed(counts)}; {len(named):,} of {rows} in question."


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _seconds(seen: Inspected) -> str:
    """Return how long the checks took, and which of them took most of it."""
    whole = sum(seen.seconds.values())
    slow = sorted(seen.seconds.items(), key=lambda item: -item[1])
    named = [f"{name.replace('_', ' ')} {clock(s)}" for name, s in slow[:3] if s >= 1]
    most = f" ({', '.join(named)})" if named else ""
    checks = figures.counted(len(seen.seconds), "check")
    return f"{checks} took {figures.duration(whole)}{most} when they were made."
