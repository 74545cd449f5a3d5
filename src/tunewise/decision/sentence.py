"""A decided case -> its one sentence.

Says the decision, how the winner did, and the comparison that matters most. Knows nothing of the
rules.
"""

from __future__ import annotations

from tunewise.decision.case import (
    Case,
    advantage,
    advantage_range,
    gap,
    no_effort,
    performance,
    spoken,
    unit,
)
from tunewise.decision.finalists import milliseconds
from tunewise.decision.words import asked, chance, counted, dollars, percent, time
from tunewise.evaluation.significance import ALPHA

HEADS = {"tune": "Tune", "prompt": "Prompt", "keep": "Keep what you have"}


def sentence(case: Case) -> str:
    """Return the verdict for someone with one minute."""
    if not case.contenders and case.final.set_aside:
        return f"None meets your bar: {_nobody(case)}."
    if case.settled:
        assert case.winner is not None, "what is settled has a winner"
        return f"{HEADS[case.family(case.winner)]}: {_settled(case, case.winner)}."
    return f"Not enough evidence: {_unsettled(case)}."


def _settled(case: Case, winner: str) -> str:
    rival = _rival(case, winner)
    told = f"{winner} {performance(case, winner)}"
    return f"{told}{_against(case, winner, rival)}{_too_slow(case, winner)}"


def _rival(case: Case, winner: str) -> str:
    """Return the nearest finalist that the winner had to be set against, the floor if none."""
    order = list(case.final.finalists.values())
    place = order.index(winner)
    met = [n for n in order[:place] if case.relations[n, winner] == "better" and n != case.floor]
    met += [n for n in order[place + 1 :] if case.relations[winner, n] != "open"]
    if not met:
        assert case.floor is not None, "a winner was compared with something"
        return case.floor
    return min(met, key=lambda name: advantage(case.between(winner, name), winner))


def _against(case: Case, winner: str, rival: str) -> str:
    """Return the clause that sets the winner against its nearest rival."""
    comparison = case.between(winner, rival)
    rows, whom, gain = comparison.rows, spoken(case, rival), asked(case.settings.minimum_gain)
    same = f" on the same {counted(rows, 'row')}" if rows < case.test[winner].rows else ""
    ahead, sure = advantage(comparison, winner), comparison.p_adjusted < ALPHA
    proof = chance(comparison.p_adjusted)
    if sure and ahead > 0:
        span = advantage_range(comparison, winner)
        return f", {gap(comparison)} more than {whom}{same} ({span}, {proof})"
    span = advantage_range(comparison, rival, case.settings.minimum_gain)
    if sure:
        return (
            f"; {whom} is {gap(comparison)} ahead{same} ({span}, {proof}),"
            f" less than the {gain} asked for"
        )
    where = (
        f"is {gap(comparison)} {'behind' if ahead > 0 else 'ahead'}" if ahead else "does as well"
    )
    return f"; {whom} {where}{same} ({span}), which rules out a gain of {gain}"


def _too_slow(case: Case, winner: str) -> str:
    """Return the clause on a better candidate that was set aside for its latency."""
    better = [
        name
        for name in case.final.slow
        if case.value(name) >= case.value(winner) + case.settings.minimum_gain
    ]
    if not better:
        return ""
    name = max(better, key=case.value)
    share = percent(case.value(name), case.test[name].rows)
    return f"; {name} does better ({share}%) but is too slow for your limit"


def _unsettled(case: Case) -> str:
    if case.outcome is None or not case.contenders:
        return _nobody(case)
    if not case.comparisons:
        only = case.contenders[0]
        return f"{only} {performance(case, only)}, but there is nothing to compare it with"
    if not case.outcome.questions:
        return (
            f"nothing that was tried is better than {no_effort(case)}"
            f"; the best, {_best(case)}, {performance(case, _best(case))}"
        )
    if case.winner is None:
        return (
            f"nothing is shown to beat {no_effort(case)}"
            f"; the best, {_best(case)}, {performance(case, _best(case))}{_remedy(case)}"
        )
    return _open(case)


def _nobody(case: Case) -> str:
    """Return why there is no contender at all."""
    limit = case.settings.max_latency_ms
    if case.final.set_aside and {*case.final.set_aside} != {*case.final.slow}:
        return _ruled_out(case)
    if not case.final.slow or limit is None:
        return (
            "there is only the majority label, which is there to be beaten;"
            " add what you have today, a prompt or a tuned model"
        )
    times = {name: milliseconds(case.test[name]) or 0.0 for name in case.final.slow}
    fastest = min(times, key=lambda name: (times[name], name))
    return (
        f"no candidate keeps to {time(limit)} a request; the fastest, {fastest}, takes up to"
        f" {time(times[fastest])} in 95 of 100 requests"
    )


def _ruled_out(case: Case) -> str:
    """Return the limits that rule out everything, and the best of what they rule out."""
    final, settings = case.final, case.settings
    best = max(final.set_aside, key=case.value)
    least = percent(settings.at_least or 0.0, case.test[best].rows)
    limits = [
        (final.low, f"at least {least}%"),
        (final.slow, f"{time(settings.max_latency_ms or 0.0)} a request at most"),
        (final.dear, f"{dollars(settings.max_cost_per_1000 or 0.0)} for 1,000 requests at most"),
        (final.outside, "only what runs locally"),
        (final.fickle, f"{percent(settings.least_consistency or 0.0, 1)}% alike at least"),
    ]
    wanted = " and ".join(words for names, words in limits if names)
    return f"you asked for {wanted}; the best that was tried, {best}, {performance(case, best)}"


def _best(case: Case) -> str:
    return max(case.contenders, key=case.value)


def _open(case: Case) -> str:
    """Return the sentence on the first open question."""
    assert case.outcome is not None
    simpler, other = next(
        (pair for pair in case.outcome.questions if case.family(pair[0]) != "floor"),
        case.outcome.questions[0],
    )
    comparison = case.between(simpler, other)
    difference = comparison.difference
    ahead = other if difference.value >= 0 else simpler
    behind = simpler if ahead == other else other
    rows = f"on {'the' if comparison.rows == len(case.examples) else 'the same'}"
    where = f"{rows} {counted(comparison.rows, 'test row')}"
    span = advantage_range(comparison, ahead)
    if difference.value == 0:
        what = f"{other} and {simpler} do equally well {where} ({span})"
        why = "a gain worth having could still hide in that"
    else:
        what = f"{ahead} is {gap(comparison)}{unit(case)} ahead of {behind} {where} ({span})"
        why = (
            "which may be chance"
            if ahead == other
            else "but the other way round can't be ruled out"
        )
    until = f"; until then, use {case.winner}"
    return f"{what}, {why}{_remedy(case)}{until}"


def _remedy(case: Case) -> str:
    if case.more_rows is None:
        return "; no number of test rows that one could collect would settle it"
    return f"; about {counted(case.more_rows, 'further test row')} would probably settle it"
