"""Scorecards -> who stands in the final: one candidate of each family.

Validation picks; the test rows have no say, except that a candidate too slow for the user's limit
is set aside first (latency is measured there). Knows nothing of comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunewise.errors import DataError
from tunewise.records import Consistency, Costs, Family, Scorecard
from tunewise.task.settings import DecideSettings

EFFORT: tuple[Family, ...] = ("floor", "keep", "prompt", "tune")  # the least laborious first …
CHEAPER = 2.0  # … but a tuned model that answers so many times as fast goes before a prompt
LIGHTNESS = (
    "probe",
    "encoder",
    "classifier",
    "lora",
    "full",
    "api",
)  # kinds of one family, the least laborious first


@dataclass(frozen=True)
class Final:
    """Who is compared.

    Attributes:
        finalists: family -> candidate, the least laborious first; see `in_order`.
        slow: candidates set aside for their latency.
        untimed: candidates whose latency the limit asks for but nobody measured.
        entrants: family -> all its candidates that weren't set aside.
        dear: candidates set aside for their cost.
        unpriced: candidates whose cost the limit asks for but nobody knows.
        outside: candidates set aside because rows leave the machine.
        low: candidates set aside because their metric is below the user's bar.
        fickle: candidates set aside because they answer the same request too unlike.
        untried: candidates of which consistency is asked but nobody measured it.
    """

    finalists: dict[Family, str]
    slow: tuple[str, ...]
    untimed: tuple[str, ...]
    entrants: dict[Family, tuple[str, ...]]
    dear: tuple[str, ...]
    unpriced: tuple[str, ...]
    outside: tuple[str, ...]
    low: tuple[str, ...]
    fickle: tuple[str, ...]
    untried: tuple[str, ...]

    @property
    def set_aside(self) -> tuple[str, ...]:
        """All candidates that a limit of the user's rules out."""
        return tuple(sorted({*self.slow, *self.dear, *self.outside, *self.low, *self.fickle}))


def final(
    validation: Mapping[str, Scorecard],
    test: Mapping[str, Scorecard],
    settings: DecideSettings,
    priced: Mapping[str, Costs] | None = None,
) -> Final:
    """Return the finalists.

    The majority label is there to be beaten and never set aside. Within a family the best on the
    validation rows is taken; of equals the lighter kind, then the one that reads and writes fewer
    tokens a request, then the one fitted in less time.

    Raises:
        DataError: a candidate has a scorecard on one side only.
    """
    if unlike := sorted(validation.keys() ^ test.keys()):
        raise DataError(
            "a candidate was judged on one of the validation and test rows only",
            where=unlike[0],
            mend="Judge every candidate on both; run the task again.",
        )
    limit = settings.max_latency_ms
    timed = {name for name, card in test.items() if card.family != "floor" and limit is not None}
    slow = {n for n in timed if limit is not None and (milliseconds(test[n]) or 0) > limit}
    untimed = {n for n in timed if milliseconds(test[n]) is None}
    priced = priced or {}
    most = settings.max_cost_per_1000
    asked = {n for n, card in test.items() if card.family != "floor" and most is not None}
    prices = {n: priced[n].per_1000 if n in priced else None for n in asked}
    dear = {n for n, p in prices.items() if p is not None and most is not None and p.value > most}
    outside = {n for n, card in test.items() if settings.run_locally and not card.local}
    bar = settings.at_least or 0.0
    low = {
        name
        for name, card in test.items()
        if card.family != "floor" and card.metrics[settings.metric].value < bar
    }
    alike = settings.least_consistency
    tested = {n for n, card in test.items() if card.family != "floor" and alike is not None}
    measured = {n for n in tested if test[n].consistency}
    fickle = {n for n in measured if least_alike(test[n]).figure.value < (alike or 0.0)}
    aside = slow | dear | outside | low | fickle
    entrants = {
        family: tuple(
            name for name in sorted(test) if test[name].family == family and name not in aside
        )
        for family in EFFORT
    }

    def preference(name: str) -> tuple[float, int, float, float, str]:
        card = validation[name]
        tokens, fit = (
            float("inf") if known is None else known
            for known in (card.tokens_per_request, card.fit_seconds)
        )
        return -card.metrics[settings.metric].value, lightness(card), tokens, fit, name

    picked = {f: min(names, key=preference) for f, names in entrants.items() if names}
    return Final(
        finalists=in_order(picked, test, priced),
        slow=tuple(sorted(slow)),
        untimed=tuple(sorted(untimed)),
        entrants=entrants,
        dear=tuple(sorted(dear)),
        unpriced=tuple(sorted(n for n, price in prices.items() if price is None)),
        outside=tuple(sorted(outside)),
        low=tuple(sorted(low)),
        fickle=tuple(sorted(fickle)),
        untried=tuple(sorted(tested - measured)),
    )


def in_order(
    picked: Mapping[Family, str],
    test: Mapping[str, Scorecard],
    priced: Mapping[str, Costs] | None = None,
) -> dict[Family, str]:
    """Return the finalists by the labour of having them, the least first.

    Where it is known what prompt and tuned model cost in all at the user's volume, the cheaper of
    the two goes first. Else: when a verdict is given both have been made. Writing a prompt anew is
    less work than tuning a model anew; but what is paid with every request weighs more, so the
    tuned model goes first if its typical request takes at most half the time.
    """
    times = {family: test[name].latency_p50 for family, name in picked.items()}
    prompt, tuned = times.get("prompt"), times.get("tune")
    order = list(EFFORT)
    known = {f: p.in_all for f, n in picked.items() if (p := (priced or {}).get(n)) is not None}
    in_all = known.get("prompt"), known.get("tune")
    if in_all[0] is not None and in_all[1] is not None:
        if in_all[1] < in_all[0]:
            order[order.index("prompt") :] = ["tune", "prompt"]
    elif prompt is not None and tuned is not None and CHEAPER * tuned <= prompt:
        order[order.index("prompt") :] = ["tune", "prompt"]
    return {family: picked[family] for family in order if family in picked}


def lightness(card: Scorecard) -> int:
    """Return how laborious a candidate's kind is within its family, 0 being the lightest."""
    return LIGHTNESS.index(card.kind) if card.kind in LIGHTNESS else len(LIGHTNESS)


def least_alike(card: Scorecard) -> Consistency:
    """Return the way of asking again in which a candidate, asked so at all, was least alike."""
    return min(card.consistency, key=lambda one: one.figure.value)


def milliseconds(card: Scorecard) -> float | None:
    """Return the time within which 95 of 100 single requests are answered."""
    return None if card.latency_p95 is None else 1000 * card.latency_p95
