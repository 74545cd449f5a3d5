"""A decided case -> its reasons: short sentences, each a fact with its figure.

First what the rules turned on, then what was set aside, then what calls for caution. To add a
doubt: one function, one line in DOUBTS. Knows nothing of the rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from tunewise.decision.case import (
    Case,
    advantage,
    advantage_range,
    alike,
    gap,
    no_effort,
    performance,
    spoken,
    unit,
)
from tunewise.decision.finalists import CHEAPER, least_alike, lightness, milliseconds
from tunewise.decision.rules import Pair
from tunewise.decision.words import asked, chance, counted, dollars, percent, points, time
from tunewise.errors import one_line
from tunewise.evaluation.remembered import remembered
from tunewise.records import Scorecard

FEW_ROWS = 100  # test rows under which every figure is coarse
FEW_ROWS_PER_LABEL = 10  # under which intervals of macro F1 come out too narrow
SIDES_APART = 0.03  # difference of validation and test accuracy that is worth a word …
SIDES_APART_Z = 3.0  # … if chance would hardly give it


def reasons(case: Case, seed: int) -> tuple[str, ...]:
    """Return what speaks for the verdict and what calls for caution.

    Args:
        case: the decided case.
        seed: of a comparison that is made only to be told here.
    """
    told = [
        *_turned_on(case),
        *_equivalent(case),
        *_cheaper_to_run(case),
        *_money(case),
        *_missing(case),
        *_set_aside(case),
        *_lighter(case, seed),
    ]
    for doubt in DOUBTS:
        told.extend(doubt(case))
    return tuple(dict.fromkeys(told))


def _turned_on(case: Case) -> Iterator[str]:
    """Tell the comparisons that led to the verdict, the floor's last."""
    if case.outcome is None or not case.comparisons:
        return
    questions = case.outcome.questions
    told = set(questions)
    for pair in questions:
        yield _open(case, pair)
    focus = case.winner or case.outcome.reached
    for pair in case.comparisons:
        if focus in pair and case.floor not in pair and pair not in told:
            yield _closed(case, pair)
    if case.floor is None:
        return
    for name in case.contenders if case.winner is None else [case.winner]:
        if (case.floor, name) not in told:
            yield _over_floor(case, name)


def _open(case: Case, pair: Pair) -> str:
    """Tell an open question, and what these rows could have shown."""
    simpler, other = pair
    found = case.between(simpler, other)
    ask = f"beats {_called(case, simpler)}"
    if simpler != case.floor:
        ask = f"is worth its cost over {simpler}"
    rows = counted(found.rows, "row")
    if found.noticeable is None:
        sight = f"{rows} can't reveal any difference"
    else:
        least = points(found.noticeable, found.rows)
        sight = f"{rows} reveal a true difference of {least} four times in five, smaller ones less"
    return f"It is open whether {other} {ask}: it is {_stand(case, other, simpler)}; {sight}."


def _closed(case: Case, pair: Pair) -> str:
    """Tell a comparison of two contenders that the rules could decide."""
    simpler, other = pair
    gain = asked(case.settings.minimum_gain)
    end = {
        "better": f", at least the {gain} asked for" if case.settings.minimum_gain else "",
        "less": f", less than the {gain} asked for",
        "worse": "",
        "no more": f", which rules out a gain of {gain}",
        "open": "",
    }[case.relations[pair]]
    return f"{_lead(case, other, simpler)}{end}."


def _lead(case: Case, one: str, other: str) -> str:
    """Return who is ahead of whom, by how much, on what: one clause with its figures."""
    return f"{one} is {_stand(case, one, other, _called(case, other))}"


def _stand(case: Case, one: str, other: str, whom: str = "") -> str:
    """Return how one stands to the other: '8 points ahead [of whom] on 60 rows (…)'."""
    found = case.between(one, other)
    ahead = advantage(found, one)
    where = f"on {counted(found.rows, 'row')}"
    span = advantage_range(found, one, case.settings.minimum_gain)
    proof = chance(found.p_adjusted)
    if ahead == 0:
        way = f"exactly as good{f' as {whom}' if whom else ''}"
        return f"{way} {where} (difference {span})"
    if ahead > 0:
        way = f"ahead{f' of {whom}' if whom else ''}"
        return f"{gap(found)}{unit(case)} {way} {where} ({span}, {proof})"
    way = f"behind{f' {whom}' if whom else ''}"
    return f"{gap(found)}{unit(case)} {way} {where} (difference {span}, {proof})"


def _called(case: Case, name: str) -> str:
    """Return a finalist's name, the floor's as what it does."""
    return spoken(case, name) if name == case.floor else name


def _over_floor(case: Case, name: str) -> str:
    """Tell how a contender compares with always answering the most frequent label."""
    assert case.floor is not None
    shown = case.relations[case.floor, name] == "better"
    end = "" if shown else "; it isn't shown to be better"
    return f"{_lead(case, name, case.floor)}{end}."


def _missing(case: Case) -> Iterator[str]:
    """Tell which comparisons the task didn't ask for."""
    if len(case.contenders) == 1 and case.floor is not None:
        only = case.contenders[0]
        absent = {
            "keep": "no prompt and no tuned model",
            "prompt": "neither a tuned model nor what you have today",
            "tune": "neither a prompt nor what you have today",
        }[case.family(only)]
        if not case.final.set_aside:
            yield f"{only} was compared with {no_effort(case)} only: {absent} took part."
    if case.contenders and case.floor is None:
        yield "Without a 'majority' candidate it isn't shown that anything was learnt at all."


def _set_aside(case: Case) -> Iterator[str]:
    """Tell who was too slow, and whose speed isn't known."""
    yield from _too_slow(case)
    price = case.settings.max_cost_per_1000
    for name in case.final.dear if price is not None else ():
        cost = case.costs[name].per_1000
        assert cost is not None, "what is too dear has a price"
        yield (
            f"{name} is set aside: 1,000 requests cost {dollars(cost.value)}, more than the"
            f" {dollars(price or 0)} allowed; it {performance(case, name, with_range=False)}."
        )
    for name in case.final.unpriced:
        yield f"What 1,000 requests to {name} cost isn't known, so nor whether you would pay it."
    for name in case.final.low:
        bar = percent(case.settings.at_least or 0.0, case.test[name].rows)
        yield (
            f"{name} is set aside: it {performance(case, name)}, and you asked for at least {bar}%."
        )
    yield from _too_fickle(case)
    for name in case.final.outside:
        yield (
            f"{name} is set aside: it sends rows to an endpoint, and only what runs locally may"
            f" win; it {performance(case, name, with_range=False)}."
        )


def _too_fickle(case: Case) -> Iterator[str]:
    least = case.settings.least_consistency
    for name in case.final.fickle if least is not None else ():
        worst = least_alike(case.test[name])
        wanted = percent(least or 0.0, worst.requests)
        yield f"{name} is set aside: it {alike(worst)}, and you asked for at least {wanted}%."
    for name in case.final.untried:
        yield f"Whether {name} answers the same request alike isn't known; it wasn't asked again."


def _consistent(case: Case) -> Iterator[str]:
    """Tell how alike the winner's answers to the same request are."""
    if case.winner is not None:
        for one in case.test[case.winner].consistency:
            yield f"{case.winner} {alike(one)}."


def _too_slow(case: Case) -> Iterator[str]:
    limit = case.settings.max_latency_ms
    if limit is None:
        return
    for name in case.final.slow:
        took = time(milliseconds(case.test[name]) or 0.0)
        yield (
            f"{name} is set aside: 95 of 100 requests take it up to {took}, more than the"
            f" {time(limit)} allowed; it {performance(case, name, with_range=False)}."
        )
    for name in case.final.untimed:
        yield f"Whether {name} keeps to {time(limit)} a request isn't known; it wasn't timed."


def _lighter(case: Case, seed: int) -> Iterator[str]:
    """Tell of a lighter tuned model that does nearly as well as the one picked."""
    picked = case.final.finalists.get("tune")
    if picked is None:
        return
    lighter = [
        name
        for name in case.final.entrants["tune"]
        if lightness(case.test[name]) < lightness(case.test[picked])
    ]
    if not lighter:
        return
    name = max(lighter, key=case.value)
    found = remembered(
        case.known,
        challenger=name,
        incumbent=picked,
        answers=case.answers,
        examples=case.examples,
        labels=case.labels,
        metric=case.settings.metric,
        seed=seed,
        asked=case.asked,
    )
    lead = found.difference.value
    if lead < -case.settings.minimum_gain:
        return
    what = (
        "Logistic regression on frozen embeddings" if case.test[name].kind == "probe" else "Lighter"
    )
    far = "as good as" if lead == 0 else f"{gap(found)} {'ahead of' if lead > 0 else 'behind'}"
    yield (
        f"{what} ({name}) is {far} {picked}, which validation preferred, on"
        f" {counted(found.rows, 'test row')} ({advantage_range(found, name)}): take it if you"
        " want less upkeep."
    )


def _money(case: Case) -> Iterator[str]:
    """Tell what the finalists cost at the user's volume, and which is the cheaper in all."""
    volume = case.settings.requests_per_month
    known = {n: cost for n in case.contenders if (cost := case.costs.get(n)) is not None}
    told = []
    for name, cost in known.items():
        if cost.per_1000 is None:
            continue
        monthly = "" if cost.a_month is None else f", {dollars(cost.a_month)} a month"
        once = f" and {dollars(cost.once)} once" if cost.once else ""
        told.append(f"{name} {dollars(cost.per_1000.value)} for 1,000 requests{monthly}{once}")
    if told:
        at = "" if volume is None else f" at {volume:,} requests a month"
        yield f"What they cost{at}: {'; '.join(told)}."
    if volume is not None and not told and case.contenders:
        yield (
            "What requests cost isn't known: give decide.price_per_hour, or prices of endpoints,"
            " and the verdict weighs them."
        )


def _near_the_bar(case: Case) -> Iterator[str]:
    """Tell when the winner is above the bar by chance, perhaps."""
    bar, winner = case.settings.at_least, case.winner
    if bar is None or winner is None:
        return
    figure, rows = case.test[winner].metrics[case.settings.metric], case.test[winner].rows
    if figure.low < bar:
        yield (
            f"{winner} is above your bar of {percent(bar, rows)}%, but its interval reaches down to"
            f" {percent(figure.low, rows)}%."
        )


def _collect(case: Case) -> Iterator[str]:
    """Tell which labels need rows most, where more rows are called for."""
    if case.more_rows is None or not case.contenders:
        return
    best = max(case.contenders, key=case.value)
    weak = [f for f in case.test[best].labels if f.support and f.f1 < 1]
    weak.sort(key=lambda f: (f.f1, f.support))
    named = [f"'{one_line(f.label, 40)}' ({percent(f.f1, f.support)}% F1)" for f in weak[:3]]
    if named:
        yield (
            f"Collect test rows as they come, so that they stay a fair sample; for training, {best}"
            f" is weakest on {', '.join(named)}."
        )


def _equivalent(case: Case) -> Iterator[str]:
    """Tell who is shown to be as good as the winner, both ways, within the user's margin."""
    margin, winner = case.settings.margin, case.winner
    if margin is None or winner is None:
        return
    for name in case.contenders:
        if name == winner:
            continue
        found = case.between(winner, name)
        if -margin < found.difference.low and found.difference.high < margin:
            yield (
                f"{name} and {winner} are equivalent: the difference is shown to be under"
                f" {asked(margin)} either way ({advantage_range(found, winner, margin)})."
            )


def _looked_at(case: Case) -> Iterator[str]:
    if case.looks > 1:
        yield (
            f"The test rows have been looked at {case.looks} times: each look after the first makes"
            " figures a little too good; fresh test rows would give a clean judgement."
        )


def _judged_on_part(case: Case) -> Iterator[str]:
    for name in case.contenders:
        card = case.test[name]
        if card.part is not None:
            yield f"{name} was judged on {card.part}; it is compared on those rows alone."


def _more_at_hand(case: Case) -> Iterator[str]:
    """Tell when the rows that would settle an open question needn't be collected."""
    if case.outcome is None or case.more_rows is None:
        return
    for pair in case.outcome.questions:
        rows = case.between(*pair).rows
        if rows < len(case.examples) and rows + case.more_rows <= len(case.examples):
            parts = " and ".join(n for n in pair if case.test[n].rows < len(case.examples))
            yield (
                f"There are {len(case.examples):,} test rows, enough to settle it: judge {parts}"
                f" on {rows + case.more_rows:,} of them or all (test_rows in the task file)."
            )


def _few_rows(case: Case) -> Iterator[str]:
    rows = len(case.examples)
    if rows < FEW_ROWS:
        yield (
            f"There {'is' if rows == 1 else 'are'} only {counted(rows, 'test row')}:"
            f" a single row is {points(1 / rows, rows)}."
        )
    present = len({example.target for example in case.examples})
    if case.settings.metric == "macro_f1" and rows < FEW_ROWS_PER_LABEL * present:
        yield (
            f"With {counted(rows, 'test row')} for {counted(present, 'label')} the intervals of"
            " macro F1 are narrower than they should be."
        )


def _sides_apart(case: Case) -> Iterator[str]:
    """Tell when validation and test rows disagree more than chance explains."""
    for name in case.contenders if case.labels else ():
        before, after = case.validation[name], case.test[name]
        drop = before.metrics["accuracy"].value - after.metrics["accuracy"].value
        if abs(drop) >= SIDES_APART and abs(_z(before, after)) > SIDES_APART_Z:
            was = percent(before.metrics["accuracy"].value, before.rows)
            now = percent(after.metrics["accuracy"].value, after.rows)
            yield (
                f"{name} answers {was}% of the validation rows but {now}% of the test rows"
                " correctly: the two sides aren't alike, so look at how they were split."
            )


def _z(one: Scorecard, other: Scorecard) -> float:
    """Return by how many standard errors two accuracies differ (pooled two-sample test)."""
    first, second = one.metrics["accuracy"].value, other.metrics["accuracy"].value
    pooled = (first * one.rows + second * other.rows) / (one.rows + other.rows)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.rows + 1 / other.rows))
    return (first - second) / error if error else 0.0


def _one_answer(case: Case) -> Iterator[str]:
    """Tell of contenders that answer everything alike."""
    if len({example.target for example in case.examples}) < 2:
        return
    for name in case.contenders:
        given = {prediction.answer for prediction in case.answers[name]}
        if len(given) == 1:
            yield f"{name} answers every row with '{one_line(next(iter(given)), 60)}'."


def _no_label(case: Case) -> Iterator[str]:
    """Tell of answers that are no legal label."""
    legal = set(case.labels)
    for name in case.contenders if legal else ():
        odd = [p.answer for p in case.answers[name] if p.answer not in legal]
        if odd:
            yield (
                f"{name} gave {counted(len(odd), 'answer')} that"
                f" {'is' if len(odd) == 1 else 'are'} no label, such as '{one_line(odd[0], 60)}';"
                " counted as wrong."
            )


def _too_good(case: Case) -> Iterator[str]:
    for name in case.contenders if case.labels else ():
        card = case.test[name]
        if card.metrics["accuracy"].value == 1 and card.rows > 1:
            yield (
                f"{name} answers every one of its {counted(card.rows, 'test row')} correctly:"
                " make sure that the label doesn't stand in the text."
            )


def _cheaper_to_run(case: Case) -> Iterator[str]:
    """Tell that the tuned model was put before the prompt because it answers faster."""
    order = list(case.final.finalists)
    if "prompt" not in order or "tune" not in order[: order.index("prompt")]:
        return
    tuned, prompt = (case.final.finalists[family] for family in ("tune", "prompt"))
    quick, slow = (1000 * (case.test[name].latency_p50 or 0.0) for name in (tuned, prompt))
    if not CHEAPER * quick <= slow:
        return  # its cost put it first, which `_money` tells
    yield (
        f"A typical request takes {tuned} {time(quick)} and {prompt} {time(slow)}: the slower one"
        f" would have to earn its place by {asked(case.settings.minimum_gain)}."
    )


def _slowest(case: Case) -> Iterator[str]:
    """Tell when the winner is the slowest of those compared."""
    winner = case.winner
    if winner is None:
        return
    speeds = {n: s for n in case.contenders if (s := case.test[n].latency_p50) is not None}
    others = {name: seconds for name, seconds in speeds.items() if name != winner}
    if winner in speeds and others and speeds[winner] > max(others.values()):
        near = max(others, key=lambda name: others[name])
        yield (
            f"{winner} is the slowest of those compared: {time(1000 * speeds[winner])} for a"
            f" typical request; {spoken(case, near)} takes {time(1000 * others[near])}."
        )


DOUBTS: tuple[Callable[[Case], Iterator[str]], ...] = (
    _judged_on_part,
    _more_at_hand,
    _collect,
    _near_the_bar,
    _looked_at,
    _few_rows,
    _sides_apart,
    _one_answer,
    _no_label,
    _too_good,
    _slowest,
    _consistent,
)
