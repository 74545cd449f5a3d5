"""One proposed fix on a terminal: the finding, the row, what would become of it, its neighbours.

Personal data is masked and whatever a row holds made harmless. Knows nothing of keys.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from tunewise.audit.masking import change_excerpts, excerpt
from tunewise.errors import one_line
from tunewise.fixes.document import FindingItem, FixItem, text_hash
from tunewise.records import Example
from tunewise.report.audit_terminal import STYLES, WIDEST, print_indented
from tunewise.report.inspected import Inspected, neighbours
from tunewise.report.text import shown

LONGEST_SENTENCE = 2_000
LINES = 6  # of a row's text
NEIGHBOURS = 3


def print_fix(
    console: Console,
    title: str,
    finding: FindingItem,
    fix: FixItem,
    seen: Inspected,
    *,
    whole: bool,
) -> None:
    """Print a fix.

    Args:
        console: where to.
        title: how far the review is.
        finding: that proposes it.
        fix: that is asked.
        seen: the rows and all findings.
        whole: whether to say the finding's reason in full, as for the first of its fixes.
    """
    width = min(console.width, WIDEST)
    head = Text(title, style="bold").append("  ")
    head.append(finding.severity, style=STYLES[finding.severity])
    head.append(f"  {finding.check.replace('_', ' ')}", style="bold")
    console.print(head, width=width)
    if whole:
        for sentence in (finding.reason, f"→ {finding.mend}"):
            print_indented(console, Text(one_line(sentence, LONGEST_SENTENCE)), 2)
        console.print()
    row = seen.rows.get(fix.row)
    what = Text(fix.action, style="bold").append(f" {_where(fix.row, row, seen)}")
    if fix.action == "relabel":
        what.append(f", as '{one_line(excerpt(fix.value or '', 200), 200)}'", style="bold")
    if fix.reason:
        what.append(f": {one_line(fix.reason)}")
    print_indented(console, what, 2)
    if row is not None:
        _print_change(console, fix, row, seen, width)
        _print_neighbours(console, finding, fix, seen, width)


def _print_change(
    console: Console, fix: FixItem, row: Example, seen: Inspected, width: int
) -> None:
    if fix.action != "rewrite" or fix.value is None:
        _print_row(console, row, seen, width)
        return
    value = _whole(fix, seen)
    before, after = change_excerpts(row.input, value, width * LINES // 2)
    for name, text in (("now ", before), ("then", after)):
        line = Text(f"{name}  ", style="dim").append(shown(text), style="default not dim")
        print_indented(console, line, 4)


def _print_row(console: Console, row: Example, seen: Inspected, width: int) -> None:
    text = shown(excerpt(row.input.strip(), (width - 4) * LINES))
    print_indented(console, Text("\n".join(text.split("\n")[:LINES])), 4)
    if not seen.dataset.labels:
        answer = shown(excerpt(row.target.strip(), (width - 6) * LINES))
        line = Text("→ " + "\n".join(answer.split("\n")[:LINES]))
        print_indented(console, line, 4)


def _print_neighbours(
    console: Console, finding: FindingItem, fix: FixItem, seen: Inspected, width: int
) -> None:
    """Print the rows beside which the fix makes sense, such as the other copy."""
    of = next(
        (
            one
            for one in seen.findings
            if one.check == finding.check and any(other.row == fix.row for other in one.fixes)
        ),
        None,
    )
    beside = neighbours(seen, of, fix.row) if of else []
    for row in beside[:NEIGHBOURS]:
        place = f"{row.source}:{row.row}"
        line = Text(f"beside it {_where(place, row, seen)}", style="dim")
        print_indented(console, line, 2)
        _print_row(console, row, seen, width)
    if len(beside) > NEIGHBOURS:
        console.print(Text(f"  and {len(beside) - NEIGHBOURS:,} more beside it", style="dim"))


def _where(place: str, row: Example | None, seen: Inspected) -> str:
    """Return 'file:row (side, label)'."""
    if row is None:
        return f"{one_line(place)} (left out on reading)"
    about = [seen.sides.get(row.id, "on no side")]
    if seen.dataset.labels:
        about.append(f"'{one_line(excerpt(row.target, 60), 61)}'")
    return f"{one_line(place)} ({', '.join(about)})"


def _whole(fix: FixItem, seen: Inspected) -> str:
    """Return the value that would be written, which the file may show shortened and masked."""
    if fix.hidden is None:
        return fix.value or ""
    fixes = (other for finding in seen.findings for other in finding.fixes if other.row == fix.row)
    values = (other.value for other in fixes if other.value is not None)
    return next((v for v in values if text_hash(v) == fix.hidden), fix.value or "")
