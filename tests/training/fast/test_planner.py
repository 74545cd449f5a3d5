"""Rows dealt out to steps, passes and processes: every row once, whatever the budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewise.training.fast.planner import cut_into_steps, order, shares

SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=40)


@given(SIZES, st.integers(1, 500), st.integers(1, 4))
def test_every_row_is_dealt_out_once(lengths: list[int], budget: int, processes: int) -> None:
    rows = list(range(len(lengths)))
    dealt = shares(rows, lengths, lengths, budget, processes)
    found = [row for share in dealt for some in share.passes for row in some]
    assert sorted(found) == rows
    assert len(dealt) == processes


@given(SIZES, st.integers(1, 500), st.integers(1, 4))
def test_a_pass_keeps_to_the_budget_unless_one_row_is_longer(
    lengths: list[int], budget: int, processes: int
) -> None:
    for share in shares(range(len(lengths)), lengths, lengths, budget, processes):
        for some in share.passes:
            assert len(some) <= 1 or sum(lengths[row] for row in some) <= budget


@given(SIZES, st.integers(1, 500), st.integers(1, 4))
def test_processes_keep_in_step_and_know_the_whole_steps_targets(
    lengths: list[int], budget: int, processes: int
) -> None:
    dealt = shares(range(len(lengths)), lengths, lengths, budget, processes)
    assert len({len(share.passes) for share in dealt}) == 1
    assert {share.targets for share in dealt} == {sum(lengths)}


def test_rows_that_fit_one_pass_share_it() -> None:
    (share,) = shares([0, 1, 2], [10, 20, 30], [1, 1, 1], 60)
    assert share.passes == ((2, 1, 0),)


@given(st.integers(1, 200), st.integers(1, 32), st.integers(0, 5))
def test_an_epoch_has_every_row_once_in_its_own_order(rows: int, size: int, epoch: int) -> None:
    steps = cut_into_steps(order(rows, 3, epoch), size)
    assert sorted(row for step in steps for row in step) == list(range(rows))
    assert all(len(step) == size for step in steps[:-1])
    assert order(rows, 3, epoch) == order(rows, 3, epoch)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    assert order(50, 0, 0) != order(50, 0, 1) != order(50, 1, 1)
