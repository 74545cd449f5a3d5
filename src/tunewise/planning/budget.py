"""A run held to what its task allows, and what it took held against what was foreseen.

Given a task's rows and whom to ask, gives back the plan, or refuses to go on. Knows nothing of
stages or terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tunewise.errors import BadInput
from tunewise.planning.estimate import Between, Plan, Total
from tunewise.planning.hardware import this_machine
from tunewise.planning.limits import exceeded
from tunewise.planning.plan import Asked, elsewhere, of_rows
from tunewise.planning.rows import Rows
from tunewise.progress import Progress, clock
from tunewise.task.settings import BudgetSettings

Consent = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a candidate was foreseen to take, and what it took, in seconds."""

    candidate: str
    foreseen: Between | None
    taken: float | None

    @property
    def within(self) -> bool | None:
        """Whether it lies in the range; None where either isn't known."""
        if self.foreseen is None or self.taken is None:
            return None
        return self.foreseen.low <= self.taken <= self.foreseen.high


def within_budget(rows: Rows, progress: Progress, consent: Consent | None) -> Plan:
    """Return the plan of a run on this machine that may go on.

    Args:
        rows: the task's.
        progress: told what is measured.
        consent: asked whether to go on all the same; None refuses.

    Raises:
        BadInput: the budget would be gone over, and nobody consents.
    """
    budget = rows.task.budget
    assert budget is not None, "only a task with a budget is held to one"
    at = this_machine(rows.task.prices)
    plan = of_rows(rows, Asked(elsewhere=False), at, progress)
    here = next(total for total in plan.totals if total.machine == plan.on)
    over = exceeded(here, budget)
    if over is None:
        return plan
    if consent is None or not consent(f"{over} Go on all the same?"):
        raise BadInput(
            over.rstrip("."),
            where="task.yaml: budget",
            mend=f"{_instead(plan, elsewhere(rows, at, progress), budget)} To go on all the same:"
            " --yes.",
        )
    return plan


def _instead(plan: Plan, elsewhere: Sequence[Total], budget: BudgetSettings) -> str:
    """Return what would keep to the budget, as far as is known."""
    others = [total for total in elsewhere if total.seconds and exceeded(total, budget) is None]
    slowest = max(
        (one for one in plan.estimates if one.seconds),
        key=lambda one: one.seconds.high if one.seconds else 0.0,
        default=None,
    )
    words = []
    if slowest is not None and slowest.seconds is not None:
        words.append(
            f"{slowest.candidate} takes most of it ({clock(slowest.seconds.low)} to"
            f" {clock(slowest.seconds.high)}); leave it out or give it fewer rows or epochs."
        )
    if others:
        words.append(f"On {others[0].machine} the budget would do.")
    else:
        words.append("No card of the catalogue would keep to it either.")
    return " ".join(words)


def outcomes(plan: Plan, taken: Mapping[str, float | None]) -> list[Outcome]:
    """Return what each candidate was foreseen to take and took."""
    return [Outcome(one.candidate, one.seconds, taken.get(one.candidate)) for one in plan.estimates]


def compared(plan: Plan, taken: Mapping[str, float | None]) -> list[str]:
    """Return how the time that was taken compares with what was foreseen, in sentences."""
    found = outcomes(plan, taken)
    known = [one for one in found if one.foreseen and one.taken is not None]
    if not known:
        return []
    low = sum(one.foreseen.low for one in known if one.foreseen)
    high = sum(one.foreseen.high for one in known if one.foreseen)
    whole = sum(one.taken or 0.0 for one in known)
    lines = [f"Foreseen: {clock(low)} to {clock(high)}; taken: {clock(whole)}."]
    lines += [
        f"{one.candidate} took {clock(one.taken or 0.0)}; {clock(one.foreseen.low)} to"
        f" {clock(one.foreseen.high)} were foreseen."
        for one in known
        if one.within is False and one.foreseen
    ]
    return lines
