"""`tunewise decide`: another verdict from what a run measured, for other wishes."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Annotated

import typer


def decide(  # noqa: PLR0917 -- the command line gives them by name
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    requests_per_month: Annotated[int | None, typer.Option(help="Requests a month.")] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="US dollars for an hour of the hardware.")
    ] = None,
    upkeep_per_month: Annotated[
        float | None, typer.Option(help="US dollars a month for keeping a tuned model.")
    ] = None,
    months: Annotated[
        int | None, typer.Option(help="Months over which tuning is paid off.")
    ] = None,
    max_latency_ms: Annotated[float | None, typer.Option(help="Slowest p95 allowed.")] = None,
    max_cost_per_1000: Annotated[
        float | None, typer.Option(help="Most US dollars for 1,000 requests.")
    ] = None,
    at_least: Annotated[float | None, typer.Option(help="The bar, such as 0.9.")] = None,
    minimum_gain: Annotated[float | None, typer.Option(help="Gain worth having.")] = None,
    margin: Annotated[float | None, typer.Option(help="Difference that is none.")] = None,
    metric: Annotated[str | None, typer.Option(help="What candidates are compared by.")] = None,
    least_consistency: Annotated[
        float | None, typer.Option(help="Least share of requests answered alike.")
    ] = None,
    run_locally: Annotated[
        bool | None, typer.Option("--run-locally/--anywhere", help="Whether endpoints are out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide again with other wishes; the task's own hold for what is left out.

    Nothing is fitted, answered or written, and the test rows aren't looked at anew.
    """
    given = {
        "requests_per_month": requests_per_month,
        "price_per_hour": price_per_hour,
        "upkeep_per_month": upkeep_per_month,
        "months": months,
        "max_latency_ms": max_latency_ms,
        "max_cost_per_1000": max_cost_per_1000,
        "at_least": at_least,
        "minimum_gain": minimum_gain,
        "margin": margin,
        "metric": metric,
        "least_consistency": least_consistency,
        "run_locally": run_locally,
    }
    wishes = {key: value for key, value in given.items() if value is not None}
    gc.disable()  # it is over in a second, and looking for garbage is a tenth of that
    try:
        from tunewise.files import plain
        from tunewise.redecide import redecided

        verdict = redecided(run, wishes)
    finally:
        gc.enable()
    if as_json:
        typer.echo(json.dumps(plain(verdict), ensure_ascii=False))
        return
    from rich.console import Console

    from tunewise.report.terminal import print_words

    print_words(Console(highlight=False), verdict)
