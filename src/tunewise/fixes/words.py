"""What came of applying fixes, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from tunewise.errors import one_line
from tunewise.fixes.accepted import WORDS
from tunewise.fixes.apply import Applied, NewFile
from tunewise.report.figures import counted
from tunewise.report.terminal import nearby

NAMED = 5  # labels


def applied_lines(applied: Applied) -> Iterator[str]:
    """Give the lines: each new file, how many fixes were applied and not, what to do next."""
    for file in applied.files:
        yield from _file_lines(file)
    count = applied.decisions
    accepted = counted(count["accept"], "fix", "fixes")
    rest = f"{count['reject']:,} rejected, {count['undecided']:,} undecided"
    if not applied.files:
        yield f"No fix is accepted, so nothing was written: {rest}."
        return
    yield f"Applied {accepted}; {rest}. Your own files are as they were."
    for name in applied.unchanged:
        yield f"{one_line(name)}: nothing accepted, so no new file; go on using it."
    yield "Go on with the new: name it in task.yaml under data, or audit it once more."


def _file_lines(file: NewFile) -> Iterator[str]:
    done = ", ".join(
        f"{file.rows_by_action[action]:,} {word}"
        for action, word in WORDS.items()
        if file.rows_by_action.get(action)
    )
    rows = f"{file.rows_after:,} of {counted(file.rows_before, 'row')}"
    yield f"Wrote {one_line(nearby(file.new))}: {rows}; {done}"
    yield f"Wrote {one_line(nearby(file.changes))}: what changed and why"
    for labels, what in (
        (file.new_labels, "Labels that no row had before (a slip of the pen?)"),
        (file.lost_labels, "Labels that no row has any longer"),
    ):
        if labels:
            named = ", ".join(f"'{one_line(label, 60)}'" for label in labels[:NAMED])
            more = f" and {len(labels) - NAMED:,} more" if len(labels) > NAMED else ""
            yield f"  {what}: {named}{more}"
