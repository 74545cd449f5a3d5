"""Faults these catch: sets that don't nest, judges that were learnt from, test rows in a plan."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.curve.asked import Asked, chosen
from tunewise.curve.plan import FOLDS, Step, ground, passes, sizes_of, steps_of
from tunewise.data.identity import normalised
from tunewise.errors import BadInput, DataError
from tunewise.records import Dataset, Example, Splits
from tunewise.task.settings import (
    EncoderEntry,
    EncoderSettings,
    Entry,
    ProbeEntry,
    ProbeSettings,
    PromptEntry,
    PromptSettings,
    Task,
)

PROBE = ProbeEntry(probe=ProbeSettings())
ENCODER = EncoderEntry(encoder=EncoderSettings())
PROMPT = PromptEntry(prompt=PromptSettings())


def data(rows: int, labels: int = 3, test: int = 30) -> tuple[Dataset, Splits]:
    """Return rows, every tenth of them to choose on, and test rows after them."""
    made = [
        Example(f"id{n}", f"text {n if n % 7 else 0}", f"label{n % labels}", n, "rows.csv")
        for n in range(rows + test)
    ]
    ids = [row.id for row in made]
    train = tuple(i for n, i in enumerate(ids[:rows]) if n % 10)
    validation = tuple(i for n, i in enumerate(ids[:rows]) if n % 10 == 0)
    names = tuple(sorted({row.target for row in made}))
    return Dataset(tuple(made), names, ()), Splits(train, validation, tuple(ids[rows:]), "")


@given(st.integers(60, 700), st.integers(0, 50), st.integers(0, 3), st.integers(0, FOLDS - 1))
@settings(max_examples=25)
def test_smaller_sets_lie_in_larger_ones_and_judges_are_apart(
    rows: int, seed: int, draw: int, fold: int
) -> None:
    dataset, splits = data(rows)
    found = ground(dataset, splits, 0.1, seed)
    assert {row.id for row in found.rows}.isdisjoint(splits.test)
    judged: set[str] = set()
    previous: tuple[set[str], set[str]] = (set(), set())
    for size in sorted((10, 20, 50, found.smallest_pool)):
        given_ = found.given(Step(size, draw, fold))
        train, validation = ({r.id for r in side} for side in (given_.train, given_.validation))
        assert (
            len(train | validation)
            == len(train) + len(validation)
            == min(size, len(found.pool(fold)))
        )
        assert previous[0] <= train | validation
        assert previous[1] <= validation or len(previous[1]) == 10
        previous = (train | validation, validation)
        judged = {row.id for row in given_.judged}
        assert judged.isdisjoint(train | validation)
        words = {normalised(row.input) for row in given_.judged}
        assert words.isdisjoint({normalised(row.input) for row in given_.train})
        assert (train | validation | judged).isdisjoint(splits.test)
    assert judged == {row.id for row in found.judges(fold)}


def test_draws_are_different_sets() -> None:
    found = ground(*data(600), 0.1, 0)
    first, second = (found.given(Step(50, draw, 0)).train for draw in (0, 1))
    assert {r.id for r in first} != {r.id for r in second}


def test_rows_added_later_keep_most_of_a_set() -> None:
    small, large = (ground(*data(rows), 0.1, 0) for rows in (600, 660))
    before, after = ({r.id for r in g.given(Step(100, 0, 0)).train} for g in (small, large))
    assert len(before & after) > 0.8 * len(before)


@pytest.mark.parametrize(
    ("rows", "first", "count"), [(6000, 100, 6), (1300, 50, 5), (500, 20, 5), (120, 10, 4)]
)
def test_sizes_go_up_to_all_rows_but_the_judges(rows: int, first: int, count: int) -> None:
    found = ground(*data(rows), 0.1, 0)
    sizes = sizes_of(found, 3)
    assert sizes[0] == first
    assert sizes[-1] == found.smallest_pool
    assert len(sizes) >= count
    assert list(sizes) == sorted(set(sizes))
    for fold in range(FOLDS):
        assert len(found.pool(fold)) >= sizes[-1]


@pytest.mark.parametrize(("rows", "labels"), [(30, 3), (300, 200), (60, 60)])
def test_too_few_rows_are_told_in_one_line(rows: int, labels: int) -> None:
    with pytest.raises(DataError, match="too few rows for a learning curve") as caught:
        sizes_of(ground(*data(rows, labels), 0.1, 0), 3)
    assert caught.value.exit_status == 2
    assert "rows.csv" in str(caught.value)


def test_sizes_that_might_meet_one_label_alone_are_left_out() -> None:
    dataset, splits = data(1500)
    rows = tuple(
        Example(r.id, r.input, "rare" if n % 50 == 0 else "usual", r.row, r.source)
        for n, r in enumerate(dataset.examples)
    )
    found = ground(Dataset(rows, ("rare", "usual"), ()), splits, 0.1, 0)
    sizes = sizes_of(found, 3)
    for size in sizes:
        for draw in range(3):
            for fold in (0, draw % 2, draw % 3):
                train = found.given(Step(size, draw, fold)).train
                assert len({row.target for row in train}) == 2


@pytest.mark.parametrize("entry", [PROBE, ENCODER, PROMPT])
@pytest.mark.parametrize("draws", [1, 2, 3, 7])
def test_every_size_is_judged_by_the_same_rows(entry: Entry, draws: int) -> None:
    found = ground(*data(6000), 0.1, 0)
    sizes = sizes_of(found, draws)
    steps = steps_of(found, sizes, entry, draws)
    folds = {size: sorted(s.fold for s in steps if s.size == size) for size in sizes}
    first = set(folds[sizes[0]])
    for size in sizes:
        assert set(folds[size]) == first
        assert 1 <= len(folds[size]) <= draws
        assert len(folds[size]) % len(first) == 0
    assert len({(s.size, s.draw) for s in steps}) == len(steps)


def test_cheap_fits_are_drawn_more_often_and_dear_ones_once() -> None:
    found = ground(*data(6250), 0.1, 0)
    sizes = sizes_of(found, 3)

    def counts(entry: Entry) -> list[int]:
        return [sum(s.size == size for s in steps_of(found, sizes, entry, 3)) for size in sizes]

    assert counts(PROBE) == [3] * 6
    assert counts(ENCODER)[0] == 3
    assert counts(ENCODER)[-1] == 1
    assert counts(PROMPT) == [1] * 6
    cheap = EncoderEntry(encoder=EncoderSettings(num_train_epochs=1))
    assert counts(cheap) == [3, 3, 3, 3, 2, 1]
    assert passes(ENCODER, 100) == 1000


def test_a_prompt_is_judged_on_as_many_rows_as_in_a_run() -> None:
    found = ground(*data(6000), 0.1, 0)
    part = found.given(Step(100, 0, 1), 400).judged
    assert len(part) == 400
    assert {r.id for r in part} <= {r.id for r in found.judges(1)}
    assert {r.id for r in found.judges(1, 100)} <= {r.id for r in part}


def task(candidates: str) -> Task:
    listed = [c if ":" not in c else {c.split(":")[0]: {"column": "x"}} for c in candidates.split()]
    value = {"task": "t", "data": {"train": "a.csv"}, "candidates": listed}
    return Task.model_validate(value)


def test_a_probe_and_the_encoder_are_drawn_unless_others_are_named() -> None:
    names = [name for name, _ in chosen(task("majority encoder prompt"), ())]
    assert names == ["probe-minilm-l6", "encoder-minilm-l6"]
    assert [n for n, _ in chosen(task("majority"), ())] == ["probe-minilm-l6"]
    asked = ("prompt-smollm2-135m-instruct",)
    assert [n for n, _ in chosen(task("majority prompt"), asked * 2)] == list(asked)
    assert Asked().draws == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("probe-minilm", "Did you mean 'probe-minilm-l6'"),
        ("majority", "learns nothing from more examples"),
        ("existing", "Choose from: probe-minilm-l6, encoder-minilm-l6"),
    ],
)
def test_a_candidate_that_cannot_be_drawn_is_refused(name: str, words: str) -> None:
    with pytest.raises(BadInput, match="--candidate") as caught:
        chosen(task("majority existing:x probe encoder"), (name,))
    assert words in str(caught.value)
