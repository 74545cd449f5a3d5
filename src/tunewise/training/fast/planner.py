"""Which rows are computed together: an epoch's order, its steps, and each step's passes.

A step has a fixed number of rows, drawn in an order that depends on seed and epoch alone. Its rows
are dealt out to as many equally full passes as a budget of tokens requires, and to as many
processes as there are; since losses are summed over supervised tokens and divided once by their
number in the whole step, how they are dealt out doesn't change the result. Knows nothing of
tensors.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Share:
    """What one process computes in one step.

    Attributes:
        passes: row numbers of each forward pass, as many passes for every process; one without
            rows is there to keep in step with the others.
        targets: supervised tokens of the whole step, over all processes.
    """

    passes: tuple[tuple[int, ...], ...]
    targets: int


def order(rows: int, seed: int, epoch: int) -> list[int]:
    """Return row numbers in the order of an epoch, a function of `seed` and `epoch` alone."""
    found: list[int] = np.random.default_rng((seed, epoch)).permutation(rows).tolist()
    return found


def cut_into_steps(rows: Sequence[int], rows_per_step: int) -> list[list[int]]:
    """Return the rows of each step; the last step has what is left."""
    return [
        list(rows[start : start + rows_per_step]) for start in range(0, len(rows), rows_per_step)
    ]


def shares(
    rows: Sequence[int],
    lengths: Sequence[int],
    targets: Sequence[int],
    budget: int,
    processes: int = 1,
) -> list[Share]:
    """Return what each process computes of a step.

    Rows are dealt longest first, each to the pass that has the fewest tokens so far (LPT: Graham
    1969, SIAM Journal on Applied Mathematics 17(2)), with as few passes as keep to the budget. A
    row that is longer than the budget has a pass of its own.

    Args:
        rows: of the step.
        lengths: tokens read of each row of the data set.
        targets: supervised tokens of each.
        budget: tokens of a pass at most.
        processes: among which the step is shared.
    """
    longest_first = sorted(rows, key=lambda row: (-lengths[row], row))
    each = max(1, -(-sum(lengths[row] for row in rows) // (budget * processes)))
    while True:
        dealt = _dealt(longest_first, lengths, each * processes)
        if all(sum(lengths[r] for r in one) <= budget or len(one) <= 1 for one in dealt):
            break
        each += 1
    whole = sum(targets[row] for row in rows)
    return [Share(tuple(dealt[process::processes]), whole) for process in range(processes)]


def _dealt(rows: Sequence[int], lengths: Sequence[int], passes: int) -> list[tuple[int, ...]]:
    """Return rows dealt to so many passes, the fullest first."""
    heap: list[tuple[int, int, list[int]]] = [(0, number, []) for number in range(passes)]
    for row in rows:
        filled, number, own = heap[0]
        own.append(row)
        heapq.heapreplace(heap, (filled + lengths[row], number, own))
    fullest_first = sorted(heap, key=lambda one: (-one[0], one[1]))
    return [tuple(own) for _, _, own in fullest_first]
