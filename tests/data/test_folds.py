"""Faults these catch: copies or groups on both sides of a fold, folds that move as rows come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewise.data.folds import folds_of
from tunewise.records import Example

texts = st.sampled_from(["a", "A ", "b", "c", "d", "e", "f"])
groups = st.sampled_from([None, "g", "h", "i"])


def rows_of(content: list[tuple[str, str | None]]) -> list[Example]:
    return [Example(str(n), t, "x", n, "f.csv", group=g) for n, (t, g) in enumerate(content)]


@given(st.lists(st.tuples(texts, groups), min_size=1), st.integers(0, 3))
def test_rows_with_the_same_text_or_group_share_a_fold(
    content: list[tuple[str, str | None]], seed: int
) -> None:
    rows = rows_of(content)
    folds = folds_of(rows, 5, seed)
    assert all(0 <= fold < 5 for fold in folds)
    for keys in ([r.input.casefold().strip() for r in rows], [r.group for r in rows]):
        seen: dict[str, int] = {}
        for key, fold in zip(keys, folds, strict=True):
            if key is not None:
                assert seen.setdefault(key, fold) == fold


@given(st.lists(texts, min_size=1, max_size=20), st.lists(texts, max_size=20))
def test_rows_added_later_move_none_to_another_fold(first: list[str], later: list[str]) -> None:
    before = folds_of(rows_of([(text, None) for text in first]), 5)
    after = folds_of(rows_of([(text, None) for text in first + later]), 5)
    assert after[: len(before)] == before


def test_folds_are_about_equal_and_another_seed_draws_others() -> None:
    rows = rows_of([(f"text {n}", None) for n in range(5000)])
    folds = folds_of(rows, 5)
    assert all(900 < folds.count(fold) < 1100 for fold in range(5))
    assert folds != folds_of(rows, 5, seed=1)
