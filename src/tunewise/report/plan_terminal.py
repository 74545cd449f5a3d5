"""A plan on a terminal: one table of candidates, one line for the total, one table of machines.

Given a plan and a console, prints at most 80 columns where there are no more. Knows nothing of how
the figures came about.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewise.planning.estimate import Between, Estimate, Plan, Total
from tunewise.planning.hardware import GIB, HERE
from tunewise.report.text import middle_cut

WIDEST_NAME = 27


def print_plan(console: Console, plan: Plan, *, details: bool = False) -> None:
    """Print a plan."""
    console.print(Text(_heading(plan)), soft_wrap=False)
    console.print(_candidates(plan))
    total = next(t for t in plan.totals if t.machine == plan.on)
    console.print(Text(_total_line(total)))
    for one in plan.estimates:
        if one.mends:
            console.print(Text(f"{one.candidate} doesn't fit. What would help:"))
            for mend in one.mends:
                console.print(Text(f"  - {mend}"))
    if details:
        console.print()
        for one in plan.estimates:
            if one.kinds:
                console.print(_bytes(one))
    if len(plan.totals) > 1:
        console.print()
        console.print(_machines(plan))
        console.print(Text(_advice(plan)))
    for note in plan.notes:
        console.print(Text(f"Note: {note}.", style="dim"))


def _heading(plan: Plan) -> str:
    learn, choose, judge = plan.rows
    rows = f"{learn:,} rows to learn from, {choose:,} to choose on, {judge:,} to judge on"
    rows = f"{plan.task}:\n{rows}" if len(plan.task) + len(rows) > 76 else f"{plan.task}: {rows}"
    if plan.lengths is None:
        return f"{rows}."
    middle, most, longest = plan.lengths
    lengths = f"half of them up to {middle:,} tokens, 95% up to {most:,}, the longest {longest:,}"
    return f"{rows};\n{lengths}."


def _candidates(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"on {plan.on}", no_wrap=True, max_width=WIDEST_NAME)
    for name in ("fits", "memory", "anew", "time", "money"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in plan.estimates:
        anew = "" if one.recomputed is None else f"{one.recomputed} layers"
        table.add_row(
            Text(middle_cut(one.candidate, WIDEST_NAME)),
            {True: "yes", False: "no", None: ""}[one.fits],
            "" if one.peak is None else f"{size(one.peak)} of {size(one.room)}",
            anew if one.recomputed else "",
            between_times(one.seconds),
            between_usd(one.usd),
        )
    return table


def _total_line(total: Total) -> str:
    if not total.fits:
        return f"Not everything fits on {total.machine}."
    words = f"All of it: {between_times(total.seconds)}"
    if total.usd:
        words += f", {between_usd(total.usd)}"
    if total.unknown:
        words += f", without {', '.join(total.unknown)}, whose time isn't known"
    return words + "; reading, checks and the report come on top."


def _machines(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("elsewhere", no_wrap=True)
    for name in ("all fits", "time", "an hour", "money"):
        table.add_column(name, justify="right", no_wrap=True)
    for total in plan.totals:
        if total.machine in (HERE, plan.on):
            continue
        price = "" if total.price is None else f"${total.price:.2f}"
        table.add_row(
            total.machine,
            "yes" if total.fits else "no",
            between_times(total.seconds),
            price,
            between_usd(total.usd),
        )
    return table


def _advice(plan: Plan) -> str:
    if plan.cheapest is None:
        return "No single card of the catalogue holds all of it."
    total = next(t for t in plan.totals if t.machine == plan.cheapest)
    return (
        f"The cheapest on which all of it fits: {plan.cheapest}, {between_usd(total.usd)}."
        " Renting,\ninstalling and fetching models come on top."
    )


def _bytes(one: Estimate) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{one.candidate} at its peak", no_wrap=True)
    table.add_column("", justify="right")
    for kind, count in one.kinds.items():
        if count:
            table.add_row(kind, size(count))
    return table


def size(count: float) -> str:
    """Return bytes in words, in GiB or MiB."""
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / 2**20:.0f} MiB"


def between_times(taken: Between | None) -> str:
    """Return a range of seconds in words."""
    if taken is None:
        return "—"
    if taken.high < 1:
        return "under 1 s"
    if taken.high < 90:
        return f"{taken.low:.0f}–{taken.high:.0f} s"
    if taken.high < 90 * 60:
        return f"{_rounded(taken.low / 60)}–{_rounded(taken.high / 60)} min"
    return f"{_rounded(taken.low / 3600)}–{_rounded(taken.high / 3600)} h"


def between_usd(paid: Between | None) -> str:
    """Return a range of dollars in words."""
    if paid is None:
        return "—"
    if paid.high < 1:
        return f"${paid.low:.2f}–{paid.high:.2f}"
    return f"${_rounded(paid.low)}–{_rounded(paid.high)}"


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
