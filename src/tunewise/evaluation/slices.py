"""Scored rows -> how a candidate does on parts of them: labels, lengths, groups, languages.

A slice is called weak only where chance is ruled out, over all slices that were looked at. Knows
nothing of candidates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tunewise.evaluation.answers import Floats
from tunewise.evaluation.groups import group_numbers
from tunewise.evaluation.mean import mean_interval
from tunewise.evaluation.significance import ALPHA, adjusted
from tunewise.records import Example, Slice

FEWEST = 5  # rows from which a slice is told
MOST_OF_A_KIND = 12  # slices, the largest first
PARTS = 4  # of the rows by length


def slices(rows: Sequence[Example], scores: Floats, *, labelled: bool) -> tuple[Slice, ...]:
    """Return figures of all slices with enough rows, the lowest of each kind first.

    Args:
        rows: that were judged.
        scores: of each row, between 0 and 1, [rows].
        labelled: whether the targets are labels.
    """
    found: list[Slice] = []
    for kind, name_of in _kinds(rows, labelled=labelled).items():
        places: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if (name := name_of(row)) is not None:
                places[name].append(place)
        large = sorted(
            (n for n in places if len(places[n]) >= FEWEST), key=lambda n: -len(places[n])
        )
        if len(places) < 2:
            continue
        told = [_slice(kind, n, rows, scores, places[n]) for n in large[:MOST_OF_A_KIND]]
        found += sorted(told, key=lambda one: (one.score.value, one.name))
    values = adjusted([one.p_value for one in found])
    return tuple(replace(one, p_adjusted=p) for one, p in zip(found, values, strict=True))


def weakest(found: Sequence[Slice]) -> Slice | None:
    """Return the lowest slice that is worse than the other rows and not by chance."""
    weak = [one for one in found if one.p_adjusted < ALPHA and one.score.value < one.others]
    return min(weak, key=lambda one: (one.score.value, one.name)) if weak else None


def _kinds(
    rows: Sequence[Example], *, labelled: bool
) -> dict[str, Callable[[Example], str | None]]:
    from tunewise.audit.languages import language, named

    lengths = np.array([len(row.input) for row in rows])
    edges = np.unique(np.quantile(lengths, np.arange(1, PARTS) / PARTS).astype(int))

    def by_length(row: Example) -> str:
        part = int(np.searchsorted(edges, len(row.input)))
        low = 0 if part == 0 else int(edges[part - 1]) + 1
        high = f"{int(edges[part]):,}" if part < len(edges) else f"{int(lengths.max()):,}"
        return f"{low:,} to {high} characters"

    def by_language(row: Example) -> str | None:
        code = language(row.input)
        return None if code is None else named(code)

    kinds: dict[str, Callable[[Example], str | None]] = {}
    if labelled:
        kinds["label"] = lambda row: row.target
    kinds["length"] = by_length
    kinds["group"] = lambda row: row.group
    kinds["language"] = by_language
    return kinds


def _slice(
    kind: str, name: str, rows: Sequence[Example], scores: Floats, places: Sequence[int]
) -> Slice:
    inside = np.zeros(len(rows), dtype=bool)
    inside[list(places)] = True
    own, others = scores[inside], scores[~inside]
    chosen = [rows[place] for place in places]
    own_group = kind == "group"  # whose rows are all there is to be said of it
    groups = None if own_group else group_numbers(chosen, [row.id for row in chosen])
    apart = _p_value(own, others) if len(others) else 1.0
    rest = float(others.mean()) if len(others) else float(own.mean())
    return Slice(kind, name, len(own), mean_interval(own, groups), rest, apart, apart)


def _p_value(own: Floats, others: Floats) -> float:
    """Return whether a slice differs from the other rows: Fisher's exact test, or Welch's."""
    from scipy.stats import fisher_exact, ttest_ind

    both = np.concatenate([own, others])
    if np.ptp(both) < 1e-12:
        return 1.0
    if np.isin(both, (0.0, 1.0)).all():
        hits, rest = int(own.sum()), int(others.sum())
        return float(fisher_exact([[hits, len(own) - hits], [rest, len(others) - rest]]).pvalue)
    if len(own) < 2 or len(others) < 2 or np.ptp(own) + np.ptp(others) < 1e-12:
        return 1.0
    return float(ttest_ind(own, others, equal_var=False).pvalue)
