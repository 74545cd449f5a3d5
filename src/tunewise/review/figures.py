"""Ratings -> what people think of the answers, and how far they agree with each other.

Knows nothing of pages or files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tunewise.evaluation.agreement import (
    Choices,
    agreement,
    by_rater,
    cohens_kappa,
    krippendorffs_alpha,
    majority,
)
from tunewise.evaluation.differences import mean_difference
from tunewise.evaluation.mean import mean_interval
from tunewise.records import Interval
from tunewise.review.items import ACCEPT, OF_TWO
from tunewise.review.ratings import Rating

JUDGE = "judge."  # what the names of judges that are models begin with


@dataclass(frozen=True)
class Reviewed:
    """What was said of one candidate, or of two.

    Attributes:
        candidates: that were rated.
        reviewers: people, and models that judge, with how many rows each rated.
        rows: rows that any person rated; a majority of them decides on a row.
        accepted: share of rows whose answer people accept; None where two are compared.
        preferred: share of rows on which people prefer the first, a tie counting half; None for
            one.
        p_value: whether that preference may be chance.
        kappa: of each two reviewers.
        alpha: Krippendorff's, of all people together; None with one.
        judges: share of rows on which each model that judges says what people say.
    """

    candidates: tuple[str, ...]
    reviewers: dict[str, int]
    rows: int
    accepted: Interval | None
    preferred: Interval | None
    p_value: float | None
    kappa: dict[str, Interval | None]
    alpha: Interval | None
    judges: dict[str, Interval | None]


def reviewed(ratings: Iterable[Rating], seed: int = 0) -> list[Reviewed]:
    """Return what was said of each set of candidates that was rated."""
    sets: dict[tuple[str, ...], dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for rating in ratings:
        key = tuple(sorted(set(rating.candidates)))
        sets[key][rating.row][rating.reviewer] = rating.choice
    return [_one(names, choices, seed) for names, choices in sorted(sets.items())]


def _one(names: tuple[str, ...], choices: Choices, seed: int) -> Reviewed:
    raters = by_rater(choices)
    people = sorted(name for name in raters if not name.startswith(JUDGE))
    said = majority(choices, people)
    accepted = preferred = p_value = None
    if said and len(names) == 1:
        accepted = mean_interval(np.array([float(c == ACCEPT) for c in said.values()]))
    elif said:
        ahead = np.array([_ahead(choice, names) for choice in said.values()])
        preferred = mean_interval((1 + ahead) / 2)
        p_value = mean_difference(ahead, seed).p_value
    pairs = {
        f"{one} and {other}": cohens_kappa(raters[one], raters[other], seed)
        for one, other in combinations(people, 2)
    }
    by_people = {i: {r: c for r, c in given.items() if r in people} for i, given in choices.items()}
    judges = {name: agreement(raters[name], said) for name in raters if name.startswith(JUDGE)}
    return Reviewed(
        candidates=names,
        reviewers={name: len(given) for name, given in sorted(raters.items())},
        rows=len({i for i, given in by_people.items() if given}),
        accepted=accepted,
        preferred=preferred,
        p_value=p_value,
        kappa=pairs,
        alpha=krippendorffs_alpha(by_people, seed) if len(people) > 1 else None,
        judges=judges,
    )


def _ahead(choice: str, names: tuple[str, ...]) -> float:
    if choice in OF_TWO:
        return 0.0
    return 1.0 if choice == names[0] else -1.0


def sentences(found: Reviewed) -> list[str]:
    """Return it in words."""
    from tunewise.decision.words import chance, counted, percent, percent_range

    who = ", ".join(f"{name} ({rows:,})" for name, rows in found.reviewers.items())
    told = [f"{' and '.join(found.candidates)}: {counted(found.rows, 'row')} rated, by {who}."]
    if found.accepted is not None:
        share = f"{percent(found.accepted.value, found.rows)}%"
        told.append(
            f"{found.candidates[0]} agrees with human experts on {share} of the rows"
            f" ({percent_range(found.accepted, found.rows)})."
        )
    if found.preferred is not None and found.p_value is not None:
        share = f"{percent(found.preferred.value, found.rows)}%"
        told.append(
            f"People prefer {found.candidates[0]} to {found.candidates[1]} on {share} of the rows,"
            f" a tie counting half ({percent_range(found.preferred, found.rows)},"
            f" {chance(found.p_value)})."
        )
    people = [name for name in found.reviewers if not name.startswith(JUDGE)]
    if len(people) == 1:
        told.append("One reviewer alone: how far reviewers agree isn't known.")
    for pair, kappa in found.kappa.items():
        value = "has no value (no shared rows, or one rating throughout)"
        if kappa is not None:
            value = f"is {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})"
        told.append(f"Cohen's kappa of {pair} {value}.")
    if found.alpha is not None:
        alpha = found.alpha
        told.append(
            f"Krippendorff's alpha is {alpha.value:.2f} ({alpha.low:.2f} to {alpha.high:.2f})."
        )
    for name, share_ in found.judges.items():
        if share_ is None:
            told.append(f"{name} rated no row that people have rated.")
        else:
            told.append(
                f"{name} says what people say on {percent(share_.value, found.rows)}% of the rows"
                f" ({percent_range(share_, found.rows)})."
            )
    return told
