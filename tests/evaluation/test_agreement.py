"""Faults these catch: agreement that chance alone gives, or figures unlike the published ones."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tunewise.evaluation.agreement import (
    agreement,
    by_rater,
    cohens_kappa,
    krippendorffs_alpha,
    majority,
)

RNG = np.random.default_rng(0)
WORDS = ("left", "right", "tie")


def drawn(items: int, raters: int, missing: float) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for n in range(items):
        true = RNG.integers(3)
        found[f"{n:03d}"] = {
            f"r{r}": WORDS[true if RNG.random() < 0.7 else RNG.integers(3)]
            for r in range(raters)
            if RNG.random() > missing
        }
    return found


def test_kappa_equals_scikit_learns_to_six_digits() -> None:
    raters = by_rater(drawn(80, 2, 0.1))
    one, other = raters["r0"], raters["r1"]
    shared = sorted(one.keys() & other.keys())
    found = cohens_kappa(one, other, 0)
    expected = cohen_kappa_score([one[i] for i in shared], [other[i] for i in shared])
    assert found is not None
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(("raters", "missing"), [(2, 0.0), (3, 0.2), (5, 0.6)])
def test_alpha_equals_the_published_implementations(raters: int, missing: float) -> None:
    choices = drawn(60, raters, missing)
    table = [
        [WORDS.index(choices[i][f"r{r}"]) if f"r{r}" in choices[i] else np.nan for i in choices]
        for r in range(raters)
    ]
    found = krippendorffs_alpha(choices, 0)
    assert found is not None
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert found.value == pytest.approx(expected, abs=1e-6)


def test_one_rater_and_one_choice_have_no_agreement_to_tell() -> None:
    alone = {"a": {"me": "left"}, "b": {"me": "right"}}
    assert krippendorffs_alpha(alone, 0) is None
    same = {"a": {"me": "left", "you": "left"}, "b": {"me": "left", "you": "left"}}
    assert krippendorffs_alpha(same, 0) is None
    assert cohens_kappa({"a": "left"}, {"a": "left"}, 0) is None
    assert cohens_kappa({"a": "left"}, {"b": "left"}, 0) is None
    assert agreement({}, {}) is None


def test_chance_alone_gives_no_agreement_beyond_it() -> None:
    one = {str(n): WORDS[RNG.integers(3)] for n in range(400)}
    other = {str(n): WORDS[RNG.integers(3)] for n in range(400)}
    found = cohens_kappa(one, other, 0)
    assert found is not None
    assert found.low < 0 < found.high


def test_a_majority_is_more_than_half_the_loudest() -> None:
    choices = {"a": {"x": "left", "y": "left", "z": "tie"}, "b": {"x": "left", "y": "tie"}}
    assert majority(choices, ("x", "y", "z")) == {"a": "left"}
    assert majority(choices, ("z",)) == {"a": "tie"}
