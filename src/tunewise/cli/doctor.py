"""`tunewise doctor`: what this machine has, what works, and what is missing."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated

import typer


def doctor(
    *,
    measure: Annotated[bool, typer.Option(help="Measure rates; takes two seconds.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine has, how fast it is, what works on it and what is missing."""
    from tunewise.files import plain
    from tunewise.planning.doctor import examined

    checks = examined(measure=measure)
    if as_json:
        typer.echo(json.dumps(plain(checks), ensure_ascii=False))
        return
    signs = {"works": "ok", "missing": "--", "slow": "!!"}
    widest = max(len(check.name) for check in checks)
    for check in checks:
        head = f"{signs[check.verdict]}  {check.name:<{widest}}  "
        typer.echo(textwrap.fill(check.found, 80, initial_indent=head,
                                 subsequent_indent=" " * len(head)))  # fmt: skip
        if check.mend:
            how = f"{' ' * len(head)}to get it: "
            typer.echo(textwrap.fill(check.mend, 80, initial_indent=how,
                                     subsequent_indent=" " * len(head)))  # fmt: skip
