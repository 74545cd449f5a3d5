"""Proposed fixes one at a time in the terminal, worst first: accept, reject, skip, undo, quit.

Every decision is written to fixes.yaml before the next fix is shown, so that quitting, or any
death, loses nothing, and the same command goes on with what is undecided. Knows nothing of how a
fix is applied.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tunewise.errors import BadInput, FixesFileError, one_line
from tunewise.fixes.document import (
    Decision,
    Document,
    FindingItem,
    FixItem,
    all_fixes,
    counts,
    decided,
    write_document,
)
from tunewise.fixes.keys import has_terminal, keyboard
from tunewise.fixes.shown import print_fix
from tunewise.report.figures import counted
from tunewise.report.inspected import Inspected
from tunewise.report.terminal import nearby
from tunewise.workspace.folder import RunFolder

Place = tuple[int, int]  # of a finding, and of a fix in it
DECISIONS: dict[str, Decision] = {"a": "accept", "r": "reject"}


@dataclass
class _Pass:
    """One sitting.

    Attributes:
        path: of fixes.yaml.
        document: what it says now.
        queue: fixes that were undecided at the start, in the file's order.
        at: the one that is asked.
        done: for 'undo': where each answer was given, and which fixes it decided.
        stamp: of the file as it was written last.
    """

    path: Path
    document: Document
    queue: list[Place]
    at: int = 0
    done: list[tuple[int, list[Place]]] = field(default_factory=list)
    stamp: tuple[int, int, int] = (0, 0, 0)

    def finding(self) -> FindingItem:
        """The finding whose fix is asked."""
        return self.document.findings[self.queue[self.at][0]]

    def fix(self) -> FixItem:
        """The fix that is asked."""
        return self.finding().fixes[self.queue[self.at][1]]

    def left_of_finding(self) -> list[Place]:
        """The fixes of this finding that are still to be asked, this one first."""
        return [place for place in self.queue[self.at :] if place[0] == self.queue[self.at][0]]


def refuse_no_terminal(subject: Path) -> None:
    """Raise BadInput where no keys can be read."""
    if not has_terminal():
        raise BadInput(
            "--review asks key by key and needs a terminal",
            where=str(subject),
            mend="Without one, edit fixes.yaml in the run folder: decision: accept or reject.",
        )


def reviewed(folder: RunFolder, seen: Inspected, document: Document | None) -> None:
    """Ask for a decision on every fix that has none.

    Args:
        folder: with fixes.yaml, which is written after every key.
        seen: rows and findings, for what is shown.
        document: what fixes.yaml says; None where nothing is proposed.

    Raises:
        FixesFileError: another program wrote fixes.yaml meanwhile.
        DiskFull: there is no room; what was decided before is kept.
    """
    console = Console(highlight=False)
    if document is None:
        console.print("No change of rows is proposed, so there is nothing to decide.")
        return
    queue = [(n, m) for n, m, finding, fix in all_fixes(document) if _is_open(finding, fix)]
    sitting = _Pass(folder.fixes, document, queue, stamp=_stamp(folder.fixes))
    with keyboard() as pressed:
        while sitting.at < len(queue):
            _show(console, sitting, seen)
            if not _answered(console, sitting, pressed):
                break
    _print_end(console, sitting, folder)


def _is_open(finding: FindingItem, fix: FixItem) -> bool:
    return decided(finding, fix) == "undecided"


def _show(console: Console, sitting: _Pass, seen: Inspected) -> None:
    console.print()
    title = f"{sitting.at + 1} of {len(sitting.queue)}"
    first = sitting.at == 0 or sitting.queue[sitting.at - 1][0] != sitting.queue[sitting.at][0]
    print_fix(console, title, sitting.finding(), sitting.fix(), seen, whole=first)


def _answered(console: Console, sitting: _Pass, pressed: Callable[[], str]) -> bool:
    """Wait for a key that means something and do it; return whether to go on."""
    left = sitting.left_of_finding()
    while True:
        _prompt(console, len(left))
        key = pressed()
        console.print(Text(key if key.isprintable() else ""))
        if key in ("q", ""):
            return False
        if key in DECISIONS:
            _decide(sitting, left[:1], DECISIONS[key])
            return True
        if key.lower() in DECISIONS:
            verb = DECISIONS[key.lower()]
            if _is_sure(console, verb, len(left), pressed):
                _decide(sitting, left, verb)
                return True
        elif key == "s":
            sitting.done.append((sitting.at, []))
            sitting.at += 1
            return True
        elif key == "u":
            if sitting.done:
                _undo(sitting)
                return True
            console.print("  Nothing to undo in this sitting.")


def _prompt(console: Console, left: int) -> None:
    words = Text("  ")
    keys = {"a": "ccept", "r": "eject", "s": "kip", "u": "ndo", "q": "uit"}
    for key, rest in keys.items():
        words.append(key, style="bold underline").append(f"{rest}  ")
    if left > 1:
        words.append("A R", style="bold underline").append(f" all {left:,} left here  ")
    console.print(words.append("? "), end="")


def _is_sure(console: Console, verb: Decision, count: int, pressed: Callable[[], str]) -> bool:
    if count == 1:
        return True
    console.print(f"  {verb} all {count:,} left of this finding? y or n ", end="")
    key = pressed()
    console.print(Text(key if key.isprintable() else ""))
    return key == "y"


def _decide(sitting: _Pass, places: list[Place], decision: Decision) -> None:
    """Set a decision, write it, and go on to the first fix that is open after it."""
    _set(sitting, places, decision)
    sitting.done.append((sitting.at, places))
    taken = set(places)
    while sitting.at < len(sitting.queue) and sitting.queue[sitting.at] in taken:
        sitting.at += 1


def _undo(sitting: _Pass) -> None:
    at, places = sitting.done.pop()
    if places:
        _set(sitting, places, "undecided")
    sitting.at = at


def _set(sitting: _Pass, places: list[Place], decision: Decision) -> None:
    """Write the document with other decisions, unless someone else has written it."""
    if _stamp(sitting.path) != sitting.stamp:
        raise FixesFileError(
            "another program wrote the file during the review",
            where=str(sitting.path),
            mend="Start the review again; what was decided before is kept.",
        )
    findings = list(sitting.document.findings)
    for n in {n for n, _ in places}:
        fixes = list(findings[n].fixes)
        for m in (m for other, m in places if other == n):
            fixes[m] = fixes[m].model_copy(update={"decision": decision})
        findings[n] = findings[n].model_copy(update={"fixes": fixes})
    document = sitting.document.model_copy(update={"findings": findings})
    write_document(sitting.path, document)
    sitting.document, sitting.stamp = document, _stamp(sitting.path)


def _stamp(path: Path) -> tuple[int, int, int]:
    about = os.stat(path)  # noqa: PTH116 -- what it is, not a file of rows
    return about.st_mtime_ns, about.st_size, about.st_ino


def _print_end(console: Console, sitting: _Pass, folder: RunFolder) -> None:
    count = counts(sitting.document)
    console.print()
    console.print(
        f"{count['accept']:,} accepted, {count['reject']:,} rejected,"
        f" {count['undecided']:,} undecided of {counted(count.total(), 'proposed change')}."
    )
    if count["undecided"]:
        console.print("The same command goes on with what is undecided.")
    if count["accept"]:
        name = one_line(nearby(folder.fixes))
        console.print(Text(f"Apply: tunewise audit --apply {name}"), soft_wrap=True)
