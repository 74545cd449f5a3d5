"""Faults these catch: leaks between sides, sides that change when rows are added, lost rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tunewise.data.identity import normalised
from tunewise.data.near import near_pairs
from tunewise.data.split import split
from tunewise.errors import DataError
from tunewise.records import Dataset, Example, Split, Splits
from tunewise.task.settings import DataSettings

OWN_FILE = DataSettings(train="t.csv", test_share=0.3)
WITH_TEST = DataSettings(train="t.csv", test="test.csv")


def example(
    row: int, text: str, label: str, group: str | None = None, side: Split | None = None
) -> Example:
    return Example(f"id-{row}", text, label, row, "t.csv", group=group, given_split=side)


def dataset(rows: list[Example]) -> Dataset:
    return Dataset(tuple(rows), tuple(sorted({row.target for row in rows})), ())


def many(count: int, labels: int = 5) -> list[Example]:
    return [example(n, f"text {n}", f"label {n % labels}") for n in range(count)]


def side_of(splits: Splits) -> dict[str, str]:
    return {i: name for name in ("train", "validation", "test") for i in getattr(splits, name)}


# Texts of which many are near copies of others, in chains too, and some differ by what decides.
NEAR = st.lists(
    st.sampled_from(["card", "cards", "crad", "lost", "the", "not", "arrived", "7", "yesterday"]),
    min_size=2,
    max_size=6,
).map(" ".join)
# Texts, labels and groups from few values, so that copies, conflicts and chains are common; the
# filler keeps any unit from holding more than half of the rows.
CONTENT = st.tuples(
    st.one_of(st.sampled_from([*"abcdefgh"]), NEAR),
    st.sampled_from([*"xyqrstuvw"]),
    st.one_of(st.none(), st.sampled_from(["g1", "g2", "g3", "g4"])),
)
FILLER = [example(1000 + n, f"filler {n}", ["x", "y"][n % 2]) for n in range(120)]


def tagged(contents: list[tuple[str, str, str | None]], start: int) -> list[Example]:
    return [example(start + n, *content) for n, content in enumerate(contents)]


@hypothesis_settings(max_examples=200)
@given(
    before=st.lists(CONTENT, max_size=25),
    added=st.lists(CONTENT, max_size=25),
    seed=st.integers(0, 50),
)
def test_adding_rows_never_moves_one_from_test_to_train(
    before: list[tuple[str, str, str | None]],
    added: list[tuple[str, str, str | None]],
    seed: int,
) -> None:
    rows = FILLER + tagged(before, 0)
    more = tagged(added, 500)[::-1] + rows
    small = split(dataset(rows), OWN_FILE, seed)
    large = split(dataset(more), OWN_FILE, seed)
    assert set(small.test) <= set(large.test)


@hypothesis_settings(max_examples=200)
@given(contents=st.lists(CONTENT, max_size=40), seed=st.integers(0, 50))
def test_every_row_is_on_one_side_with_its_copies_and_its_group(
    contents: list[tuple[str, str, str | None]], seed: int
) -> None:
    rows = FILLER + tagged(contents, 0)
    splits = split(dataset(rows), OWN_FILE, seed)
    sides = side_of(splits)
    assert len(splits.train + splits.validation + splits.test) == len(rows) == len(sides)
    for one, other in near_pairs([row.input for row in rows]):
        assert sides[rows[one].id] == sides[rows[other].id]
    for same in (lambda row: normalised(row.input), lambda row: row.group):
        found: dict[str | None, set[str]] = {}
        for row in rows:
            found.setdefault(same(row), set()).add(sides[row.id])
        found.pop(None, None)
        assert all(len(where) == 1 for where in found.values())


def test_spelling_variants_of_a_text_stay_together() -> None:
    rows = [
        replace(row, id=f"{row.id}{n}", input=text)
        for row in many(60)
        for n, text in enumerate(
            (f"Größe {row.row}", f"  größe\t{row.row} ", f"GRÖSSE {row.row}", f"größe {row.row}")
        )
    ]
    sides = side_of(split(dataset(rows), OWN_FILE, 0))
    assert len({sides[row.id] for row in rows}) == 3
    for first in range(0, len(rows), 4):
        assert len({sides[row.id] for row in rows[first : first + 4]}) == 1


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_as_asked_for(seed: int) -> None:
    rows = many(4_000)
    splits = split(
        dataset(rows), DataSettings(train="t", test_share=0.3, validation_share=0.1), seed
    )
    # Five standard deviations of a binomial count.
    assert abs(len(splits.test) - 1_200) < 5 * (4_000 * 0.3 * 0.7) ** 0.5
    assert abs(len(splits.validation) - 280) < 5 * (2_800 * 0.1 * 0.9) ** 0.5


def test_another_seed_draws_another_split() -> None:
    rows = dataset(many(200))
    assert split(rows, OWN_FILE, 0) == split(rows, OWN_FILE, 0)
    assert split(rows, OWN_FILE, 0).test != split(rows, OWN_FILE, 1).test


@pytest.mark.parametrize("seed", range(20))
def test_every_label_can_be_learnt(seed: int) -> None:
    rows = many(120) + [example(900 + n, f"rare {n}", "rare") for n in range(2)]
    splits = split(dataset(rows), OWN_FILE, seed)
    learnt = {row.target for row in rows if row.id in set(splits.train)}
    assert learnt == {row.target for row in rows}


def test_files_that_are_given_are_taken_as_they_are() -> None:
    sides: tuple[Split, ...] = ("train", "validation", "test")
    rows = [replace(row, given_split=sides[row.row % 3]) for row in many(30)]
    splits = split(dataset(rows), DataSettings(train="a", validation="b", test="c"), 0)
    assert side_of(splits) == {row.id: row.given_split for row in rows}
    assert splits.how == (
        "test: the 10 rows of c; validation: the 10 rows of b; train: the other 10."
        " The files are used as they were given."
    )


def test_validation_comes_out_of_train_when_only_test_is_given() -> None:
    rows = [replace(row, given_split="train") for row in many(300)]
    judged = [example(1000 + n, f"text {n}", "label 1", side="test") for n in range(40)]
    splits = split(dataset(rows + judged), WITH_TEST, 0)
    assert set(splits.test) == {row.id for row in judged}
    assert len(splits.train) + len(splits.validation) == 300
    assert 10 < len(splits.validation) < 60


def test_fewer_training_rows_lie_among_more_and_leave_test_as_it_is() -> None:
    rows = dataset(many(1_000))
    full = split(rows, OWN_FILE, 0)
    known: set[str] = set()
    for count in (50, 200, 400):
        splits = split(rows, OWN_FILE.model_copy(update={"train_rows": count}), 0)
        used = set(splits.train + splits.validation)
        assert len(used) == count
        assert known < used
        assert splits.test == full.test
        assert f"with validation {count} of" in splits.how
        known = used


def test_which_training_rows_are_used_does_not_hang_on_their_order() -> None:
    few = OWN_FILE.model_copy(update={"train_rows": 50})
    forth, back = split(dataset(many(300)), few, 0), split(dataset(many(300)[::-1]), few, 0)
    assert set(forth.train) == set(back.train)


def test_asking_for_more_training_rows_than_there_are_is_told() -> None:
    splits = split(dataset(many(100)), OWN_FILE.model_copy(update={"train_rows": 5_000}), 0)
    assert "all there are (train_rows asks for 5,000)" in splits.how


def test_how_counts_what_it_says() -> None:
    splits = split(dataset(many(500)), OWN_FILE, 0)
    assert f"test: {len(splits.test)} (" in splits.how
    assert f"validation: {len(splits.validation)} (" in splits.how
    assert f"the other {len(splits.train)}" in splits.how
    assert "rows added later move none from test to train" in splits.how


def test_groups_that_share_a_text_are_one_unit() -> None:
    rows = [
        *many(100),
        example(500, "same", "label 0", "g1"),
        example(501, "one", "label 1", "g1"),
        example(502, " SAME ", "label 2", "g2"),
        example(503, "two", "label 3", "g2"),
    ]
    for seed in range(20):
        sides = side_of(split(dataset(rows), OWN_FILE, seed))
        assert len({sides[f"id-{n}"] for n in range(500, 504)}) == 1


def test_groups_chained_by_texts_to_more_than_half_are_refused() -> None:
    rows = many(20) + [example(100 + n, "hello", "label 0", f"g{n}") for n in range(30)]
    with pytest.raises(DataError, match="30 groups share texts, and together hold 30 of the 50"):
        split(dataset(rows), OWN_FILE, 0)


def test_group_sizes_do_not_sway_how_often_groups_are_drawn() -> None:
    """A unit's lot is the group's own; were it the least of its texts', large groups would go."""
    rows = [
        example(1000 * g + n, f"{g} {n}", f"label {n % 3}", f"group {g}")
        for g in range(400)
        for n in range(1 if g % 2 else 12)
    ]
    sides = side_of(split(dataset(rows), OWN_FILE, 3))
    drawn = Counter(row.group for row in rows if sides[row.id] == "test" and row.row % 1000 == 0)
    large = sum(int(str(group).split()[1]) % 2 == 0 for group in drawn)
    assert abs(large - 60) < 5 * (200 * 0.3 * 0.7) ** 0.5


def test_near_copies_of_more_than_half_the_rows_are_refused() -> None:
    rows = [
        *many(20),
        *(
            example(100 + n, f"i lost my bank card {word} in the city", "label 0")
            for n, word in enumerate(["today", "tody", "todya", "tday", "oday", "ttoday", "todday"])
        ),
    ]
    copies = [replace(row, id=f"{row.id}-{n}") for row in rows[20:] for n in range(4)]
    with pytest.raises(DataError, match="nearly the same text stands in 28 of the 48 rows"):
        split(dataset(rows[:20] + copies), OWN_FILE, 0)


@pytest.mark.parametrize("seed", range(5))
def test_validation_has_an_equal_share_of_every_label(seed: int) -> None:
    rows = [example(n, f"text {n}", f"label {min(n % 16, 9)}") for n in range(2_000)]
    splits = split(dataset(rows), OWN_FILE, seed)
    learnt = Counter(rows[int(i[3:])].target for i in splits.train + splits.validation)
    chosen = Counter(rows[int(i[3:])].target for i in splits.validation)
    for label, count in learnt.items():
        assert abs(chosen[label] - 0.1 * count) <= 1


def test_labels_that_are_never_judged_are_counted() -> None:
    rows = many(100) + [example(500 + n, f"rare {n}", f"rare {n // 2}") for n in range(40)]
    splits = split(dataset(rows), OWN_FILE, 0)
    judged = {row.target for row in rows if row.id in set(splits.test)}
    assert f"({25 - len(judged)} of the 25 labels have none)" in splits.how


def test_written_answers_are_split_like_labels() -> None:
    rows = [example(n, f"text {n}", f"an answer of its own {n}") for n in range(300)]
    splits = split(Dataset(tuple(rows), (), ()), OWN_FILE, 0)
    assert 60 < len(splits.test) < 120
    assert 10 < len(splits.validation) < 35


BY_TIME = DataSettings(train="t.csv", time="date", test_share=0.2, validation_share=0.1)


def dated(count: int) -> list[Example]:
    return [
        replace(row, time=f"2026-{1 + row.row // 28:02}-{1 + row.row % 28:02}")
        for row in many(count)
    ]


def test_by_time_the_newest_are_judged_and_the_next_newest_chosen_on() -> None:
    rows = dated(200)
    splits = split(dataset(rows[::-1]), BY_TIME, 0)
    assert set(splits.test) == {row.id for row in rows[160:]}
    assert set(splits.validation) == {row.id for row in rows[144:160]}
    assert "those from 2026-06-21 on" in splits.how


def test_by_time_copies_and_groups_go_where_their_newest_row_goes() -> None:
    rows = dated(200)
    rows[3] = replace(rows[3], input="I have lost my bank card")
    rows[190] = replace(rows[190], input="i have lost my bnak card!")
    rows[5], rows[195] = replace(rows[5], group="g"), replace(rows[195], group="g")
    splits = split(dataset(rows), BY_TIME, 0)
    assert {"id-3", "id-5", "id-190", "id-195"} <= set(splits.test)
    assert len(splits.test) == 42
    assert "and 2 older ones that belong with them" in splits.how


def test_by_time_rows_of_one_moment_stay_together() -> None:
    rows = [replace(row, time=f"2026-01-{1 + row.row // 30:02}") for row in many(150)]
    splits = split(dataset(rows), BY_TIME, 0)
    assert set(splits.test) == {row.id for row in rows[120:]}
    assert set(splits.validation) == {row.id for row in rows[90:120]}


def test_by_time_one_date_for_all_is_refused() -> None:
    rows = [replace(row, time="2026-01-01") for row in many(50)]
    with pytest.raises(DataError, match="all 50 rows have the same date in column 'date'"):
        split(dataset(rows), BY_TIME, 0)


def test_too_few_rows_for_a_side_are_refused() -> None:
    with pytest.raises(DataError, match="leave none for test"):
        split(dataset(many(10)), OWN_FILE.model_copy(update={"test_share": 0.0001}), 0)
