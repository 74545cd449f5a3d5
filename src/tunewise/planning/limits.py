"""A total held against a budget. Knows nothing of how totals come about, or of whom to ask."""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.planning.estimate import Total
from tunewise.progress import clock
from tunewise.task.settings import BudgetSettings

NAMED = 4  # machines that a sentence names at most


def exceeded(total: Total, budget: BudgetSettings) -> str | None:
    """Return by what a total goes over a budget, in a sentence; None where it doesn't.

    The upper end of the range counts: a budget is what may not be gone over.
    """
    if total.seconds is None:
        return "Not every candidate fits into this machine's memory, whatever the budget."
    hours = total.seconds.high / 3600
    if budget.hours is not None and hours > budget.hours:
        return (
            f"The run may take {clock(total.seconds.low)} to {clock(total.seconds.high)}, and the"
            f" budget is {budget.hours:g} hours."
        )
    if budget.usd is not None:
        if total.usd is None:
            return None
        if total.usd.high > budget.usd:
            return (
                f"The run may cost {total.usd.low:.2f} to {total.usd.high:.2f} US dollars, and the"
                f" budget is {budget.usd:g}."
            )
    return None


def where_kept(totals: Sequence[Total], budget: BudgetSettings) -> str:
    """Return on which machines a budget is kept, in half a sentence.

    Args:
        totals: of a run on each machine, the cheapest first.
        budget: in hours, dollars or both.
    """
    limits = [
        f"{budget.hours:g} hours" if budget.hours is not None else "",
        f"{budget.usd:g} US dollars" if budget.usd is not None else "",
    ]
    words = f"the budget ({' and '.join(limit for limit in limits if limit)})"
    kept = [total.machine for total in totals if total.fits and exceeded(total, budget) is None]
    if not kept:
        return f"{words} is kept nowhere: give it fewer rows, epochs or candidates, or raise it"
    more = f" and {len(kept) - NAMED:,} more" if len(kept) > NAMED else ""
    return f"{words} is kept on {', '.join(kept[:NAMED])}{more}"
