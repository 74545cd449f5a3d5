"""Faults these catch: memory that was freed stays with the process, or every look costs a trim."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tunewise.heap import Heap, hand_back, memory

SCATTERED = """\
import numpy as np
from tunewise.heap import hand_back, memory
made = [np.ones(12_000) for _ in range(8_000)]  # 96 kB each: cut from the heap, not mapped
kept = made[::20]  # so that its end never gets free
del made
before = memory()
hand_back()
print(before - memory())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can hand memory back")
def test_what_was_freed_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 400e6


def test_memory_is_looked_after_when_it_has_grown_and_not_before() -> None:
    heap = Heap()
    assert heap.look()
    assert heap.left > 0
    assert not heap.look()
    held = b"x" * (memory() // 2)
    assert heap.look()
    assert held
    hand_back()
