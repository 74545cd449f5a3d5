"""Scorecards and answers on the test rows, and what the user asked for -> a Verdict.

The order of events: validation picks a finalist of each family, the finalists are compared in
pairs on the test rows, rules.py says where that leads, sentence.py and reasons.py say it in words.
Knows nothing of run folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from tunewise.decision.case import Case
from tunewise.decision.changes import changes, turning_points
from tunewise.decision.finalists import Final, final
from tunewise.decision.money import costs
from tunewise.decision.reasons import reasons
from tunewise.decision.rules import Outcome, Pair, Relation, outcome, relation, rows_to_settle
from tunewise.decision.sentence import sentence
from tunewise.decision.words import rounded_up
from tunewise.evaluation.remembered import Comparisons, remembered
from tunewise.evaluation.significance import ALPHA, holm
from tunewise.evaluation.texts import PLAIN, Asked
from tunewise.records import Comparison, Decision, Example, Prediction, Scorecard, Verdict
from tunewise.task.settings import DecideSettings

_DECISIONS: dict[str, Decision] = {"keep": "keep", "prompt": "prompt", "tune": "tune"}


def decided(
    *,
    validation: Mapping[str, Scorecard],
    test: Mapping[str, Scorecard],
    answers: Mapping[str, Sequence[Prediction]],
    examples: Sequence[Example],
    labels: Sequence[str],
    settings: DecideSettings,
    looks: int,
    seed: int,
    asked: Asked = PLAIN,
    known: Comparisons | None = None,
) -> Verdict:
    """Return what to do: tune, prompt, keep what you have, or that the evidence isn't enough.

    docs/verdict.md tells the rules.

    Args:
        validation: every candidate's scorecard on the validation rows, by its name.
        test: every candidate's scorecard on the test rows.
        answers: every candidate's predictions on the test rows, or on a part of them.
        examples: the test rows.
        labels: all legal labels.
        settings: the metric, the gain and the latency asked for.
        looks: how often the test rows have been looked at, this time included.
        seed: of resampling.
        asked: checks and encoder, for metrics of written answers that need them.
        known: comparisons of the same answers made before, whose metrics are the same; those that
            had to be made are added.

    Raises:
        DataError: what is given doesn't fit together.
    """
    priced = costs(test, settings)
    chosen = final(validation, test, settings, priced)
    order = list(chosen.finalists.values())
    comparisons = _comparisons(
        order,
        answers,
        examples=examples,
        labels=labels,
        metric=settings.metric,
        seed=seed,
        asked=asked,
        known=known,
    )
    floor = chosen.finalists.get("floor")
    relations = {
        pair: _relation(comparison, settings, over_floor=pair[0] == floor)
        for pair, comparison in comparisons.items()
    }
    led = outcome(order, relations) if order else None
    case = Case(
        validation=validation,
        test=test,
        answers=answers,
        examples=examples,
        labels=labels,
        settings=settings,
        final=chosen,
        comparisons=comparisons,
        relations=relations,
        outcome=led,
        winner=_winner(led, chosen, relations),
        more_rows=_more_rows(led, comparisons, settings.minimum_gain),
        looks=looks,
        asked=asked,
        costs=priced,
        known=known,
    )
    points = turning_points(case, seed)
    return Verdict(
        decision=_decision(case),
        winner=case.winner,
        sentence=sentence(case),
        reasons=reasons(case, seed),
        metric=settings.metric,
        finalists={str(family): name for family, name in chosen.finalists.items()},
        comparisons=tuple(comparisons.values()),
        more_rows=case.more_rows,
        looks=looks,
        costs=tuple(priced.values()) if settings.price_per_hour is not None or _paid(test) else (),
        break_even=points,
        changes=changes(case, points),
    )


def _paid(test: Mapping[str, Scorecard]) -> bool:
    return any(card.cost_per_1000 is not None for card in test.values())


def _comparisons(
    order: Sequence[str],
    answers: Mapping[str, Sequence[Prediction]],
    *,
    examples: Sequence[Example],
    labels: Sequence[str],
    metric: str,
    seed: int,
    asked: Asked,
    known: Comparisons | None,
) -> dict[Pair, Comparison]:
    """Return all finalists compared in pairs, the more laborious as the challenger."""
    pairs = list(combinations(order, 2))
    found = [
        remembered(
            known,
            challenger=other,
            incumbent=simpler,
            answers=answers,
            examples=examples,
            labels=labels,
            metric=metric,
            seed=seed,
            asked=asked,
        )
        for simpler, other in pairs
    ]
    return dict(zip(pairs, holm(found), strict=True))


def _relation(comparison: Comparison, settings: DecideSettings, *, over_floor: bool) -> Relation:
    """Return where two finalists stand; to beat the floor, any gain that isn't chance will do."""
    gain = settings.minimum_gain
    if not over_floor:
        return relation(comparison, gain, settings.margin)
    found = relation(comparison, 0.0)
    return "no more" if found == "open" and comparison.difference.high < gain else found


def _winner(
    led: Outcome | None,
    chosen: Final,
    relations: Mapping[Pair, Relation],
) -> str | None:
    """Return the least laborious that nothing speaks against and that beats the floor."""
    if led is None:
        return None
    floor = chosen.finalists.get("floor")
    if floor is None:
        return led.standing[0]
    beat = [n for n in led.standing if n != floor and relations[floor, n] == "better"]
    return beat[0] if beat else None


def _more_rows(
    led: Outcome | None, comparisons: Mapping[Pair, Comparison], gain: float
) -> int | None:
    """Return the further rows that would settle all open questions; None if nothing would."""
    if led is None or not led.questions:
        return None
    undecided = sum(comparison.p_adjusted >= ALPHA for comparison in comparisons.values())
    further = []
    for pair in led.questions:
        comparison = comparisons[pair]
        needed = rows_to_settle(comparison, gain, undecided)
        if needed is None:
            return None
        further.append(needed - comparison.rows)
    return rounded_up(max(further))


def _decision(case: Case) -> Decision:
    if not case.contenders and case.final.set_aside:
        return "none meets your bar"
    if not case.settled or case.winner is None:
        return "not enough evidence"
    return _DECISIONS[case.family(case.winner)]
