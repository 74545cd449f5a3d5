"""Whether what is asked still looks like what was learnt from: length, unknown words, answers.

Given a run's rows once and then each text with its answer, keeps three numbers per text (never the
text) and compares the last thousand with the rows:

- length in words, by the Kolmogorov-Smirnov distance to the training rows;
- share of words that no training row has, by its mean, against the rows held out of training;
- labels answered, by the total variation distance to the labels of the training rows.

A measure has drifted where chance alone would hardly explain it (p below 0.001, shared among the
measures) and it is large enough to matter. Source: Rabanser et al., Failing Loudly (2019), test
each in turn with Bonferroni's correction. Knows nothing of HTTP.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.data.store import load_dataset
from tunewise.files import read_record
from tunewise.records import Example, Splits
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import trusted

WINDOW = 1000  # texts that are looked back on
FEWEST = 50  # texts below which nothing is said
CHANCE = 0.001  # of a false alarm at one look, all measures together
LEAST = {"length": 0.1, "unknown_words": 0.05, "labels": 0.1}  # distances below it don't matter
EXPECTED = 5  # rows of a label below which it is counted among the others (Cochran)
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Measure:
    """One comparison.

    Attributes:
        name: 'length', 'unknown_words' or 'labels'.
        then, now: mean words of a text, or mean share of unknown words; None for labels.
        distance: see the head of this file; of unknown words, the difference of the means.
        p_value: of no difference.
        drifted: whether it is more than chance and large enough to matter.
    """

    name: str
    then: float | None
    now: float | None
    distance: float
    p_value: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What a run's rows look like.

    Attributes:
        lengths: words of each training row.
        words: of all training rows.
        unknown: share of words that no training row has, of each row held out of training.
        labels: how often each label is a training row's.
    """

    lengths: np.ndarray
    words: frozenset[str]
    unknown: np.ndarray
    labels: dict[str, int]


def known(folder: RunFolder) -> Known:
    """Return what a run's rows look like.

    Raises:
        RunFolderError: they were changed since the run.
    """
    trusted(folder, "data")
    dataset = load_dataset(folder)
    learnt = set(read_record(folder.splits, Splits).train)
    train = [row for row in dataset.examples if row.id in learnt]
    held_out = [row for row in dataset.examples if row.id not in learnt]
    return known_of(train, held_out, dataset.labels)


def known_of(train: Sequence[Example], held_out: Sequence[Example], labels: Sequence[str]) -> Known:
    """Return what rows look like."""
    said = [words_of(row.input) for row in train]
    words = frozenset(word for each in said for word in each)
    counts = collections.Counter(row.target for row in train)
    return Known(
        np.array([len(each) for each in said], dtype=float),
        words,
        np.array([_unknown(words_of(row.input), words) for row in held_out], dtype=float),
        {label: counts[label] for label in labels},
    )


def words_of(text: str) -> list[str]:
    """Return a text's words, in lower case."""
    return WORD.findall(text.lower())


class Drift:
    """The last texts, as numbers.

    Args:
        known: what they are compared with.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen: collections.deque[tuple[int, float, str | None]] = collections.deque(
            maxlen=WINDOW
        )

    @property
    def texts(self) -> int:
        """Texts that are looked back on."""
        return len(self._seen)

    def add(self, text: str, label: str | None) -> None:
        """Take note of a text and the label it was answered with, if any."""
        words = words_of(text)
        self._seen.append((len(words), _unknown(words, self._known.words), label))

    def measures(self) -> list[Measure]:
        """Return how far the last texts are from the rows; nothing while there are few."""
        if len(self._seen) < FEWEST:
            return []
        lengths, unknown, labels = zip(*self._seen, strict=True)
        found = [self._length(np.array(lengths, dtype=float))]
        if len(self._known.unknown) > 1:
            found.append(self._unknown_words(np.array(unknown)))
        counted = [label for label in labels if label in self._known.labels]
        if len(self._known.labels) > 1 and len(counted) >= FEWEST:
            found.append(self._labels(counted))
        return found

    def _length(self, now: np.ndarray) -> Measure:
        from scipy.stats import ks_2samp

        test = ks_2samp(now, self._known.lengths, method="asymp")
        then = float(self._known.lengths.mean())
        return _measure("length", then, float(now.mean()), float(test.statistic), test.pvalue)

    def _unknown_words(self, now: np.ndarray) -> Measure:
        from scipy.stats import ttest_ind_from_stats

        then = self._known.unknown
        away = float(now.mean() - then.mean())
        p = 1.0
        if now.std() or then.std():
            both = [(float(x.mean()), float(x.std(ddof=1)), len(x)) for x in (now, then)]
            p = float(ttest_ind_from_stats(*both[0], *both[1], equal_var=False).pvalue)
        elif away:
            p = 0.0
        return _measure("unknown_words", float(then.mean()), float(now.mean()), abs(away), p)

    def _labels(self, now: Sequence[str]) -> Measure:
        from scipy.stats import chi2_contingency

        counts = collections.Counter(now)
        then = self._known.labels
        total = sum(then.values())
        shares = {label: counts[label] / len(now) for label in then}
        away = sum(abs(shares[label] - then[label] / total) for label in then) / 2
        rare = [label for label in then if then[label] / total * len(now) < EXPECTED]
        kept = [label for label in then if label not in rare]
        table = [[counts[label], then[label]] for label in kept]
        if rare:
            others = [sum(counts[label] for label in rare), sum(then[label] for label in rare)]
            table.append(others)
        table = [row for row in table if sum(row)]
        p = float(chi2_contingency(np.array(table)).pvalue) if len(table) > 1 else 1.0
        return _measure("labels", None, None, away, p)


def _measure(
    name: str, then: float | None, now: float | None, distance: float, p_value: float
) -> Measure:
    p = 1.0 if math.isnan(p_value) else float(p_value)
    drifted = p < CHANCE / len(LEAST) and distance >= LEAST[name]
    return Measure(name, then, now, distance, p, drifted)


def _unknown(words: Iterable[str], learnt: frozenset[str]) -> float:
    """Return the share of words that aren't among those learnt; nil where there are no words."""
    flags = [word not in learnt for word in words]
    return sum(flags) / len(flags) if flags else 0.0
