"""`tunewise audit`: what is suspicious in the data, and what to do about it."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewise.auditing import Audited

FOUND = 3  # exit status when a finding is as bad as --fail-on says


class Severity(StrEnum):
    """From worst to mildest."""

    error = "error"
    warning = "warning"
    note = "note"


def audit(
    subject: Annotated[
        Path, typer.Argument(metavar="TASK.YAML|DATA-FILE", help="The task file, or rows alone.")
    ] = Path("task.yaml"),
    *,
    review: Annotated[
        bool, typer.Option("--review", help="Decide on the proposed fixes, one key each.")
    ] = False,
    apply: Annotated[
        Path | None,
        typer.Option(metavar="FIXES.YAML", help="Write new data files with the accepted fixes."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --apply: folder of the new files; beside the old.")
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="Folder of run folders; 'runs' beside the task file, for rows alone 'runs' here."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Findings as JSON, one object a line.")
    ] = False,
    fail_on: Annotated[
        Severity | None,
        typer.Option(help="Exit with status 3 when a finding is as bad as this, or worse."),
    ] = None,
) -> None:
    """Look for what is suspicious in the data: copies, leaks, wrong labels, personal data ...

    Leaves audit.html, and fixes.yaml where changes are proposed, in the run folder. Nothing of
    yours is changed. What was done already isn't done again.
    """
    if apply is not None:
        _refuse_both(review, as_json, fail_on, subject)
        _print_applied(apply, out)
        return
    _audit(subject, runs, review=review, as_json=as_json, fail_on=fail_on)


def _refuse_both(review: bool, as_json: bool, fail_on: Severity | None, subject: Path) -> None:
    if review or as_json or fail_on is not None or subject != Path("task.yaml"):
        raise typer.BadParameter("goes with --out alone", param_hint="--apply")


def _audit(
    subject: Path, runs: Path | None, *, review: bool, as_json: bool, fail_on: Severity | None
) -> None:
    from tunewise.auditing import audited
    from tunewise.files import plain, read_record
    from tunewise.progress import progress_for
    from tunewise.records import Finding

    if review:
        from tunewise.fixes.review import refuse_no_terminal

        refuse_no_terminal(subject)
    progress = progress_for(as_json)
    try:
        with audited(subject, progress, runs) as found:
            progress.close()
            if review:
                from tunewise.fixes.review import reviewed

                reviewed(found.folder, found.seen, found.fixes)
            elif as_json:
                for finding in read_record(found.folder.findings, list[Finding]):
                    typer.echo(json.dumps(plain(finding), ensure_ascii=False))
            else:
                _print_findings(found, runs)
    finally:
        progress.close()
    if fail_on is not None:
        bad = list(Severity)[: list(Severity).index(fail_on) + 1]
        count = sum(finding.severity in bad for finding in found.seen.findings)
        if count:
            worse = "" if fail_on is Severity.error else " or worse"
            print(f"tunewise: findings of --fail-on {fail_on}{worse}: {count}", file=sys.stderr)
            raise typer.Exit(FOUND)


def _print_findings(found: Audited, runs: Path | None) -> None:
    from rich.console import Console
    from rich.text import Text

    from tunewise.report.audit_terminal import print_findings
    from tunewise.report.terminal import nearby

    console = Console(highlight=False)
    print_findings(console, found.seen)
    console.print()
    lines = [f"Page:   {nearby(found.folder.audit_page)}"]
    if found.fixes is not None:
        fixes = nearby(found.folder.fixes)
        again = [str(found.subject)] if found.subject != Path("task.yaml") else []
        again += ["--runs", str(runs)] if runs else []
        lines += [
            f"Fixes:  {fixes}",
            f"Decide: tunewise audit {shlex.join([*again, '--review'])}",
            f"Apply:  tunewise audit --apply {shlex.quote(fixes)}",
        ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _print_applied(fixes: Path, out: Path | None) -> None:
    from tunewise.fixes.apply import apply
    from tunewise.fixes.words import applied_lines

    for line in applied_lines(apply(fixes, out)):
        typer.echo(line)
