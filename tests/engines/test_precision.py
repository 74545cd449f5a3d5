"""Faults these catch: bf16 where it is slower, a choice that changes within a run."""

from __future__ import annotations

import pytest
import torch

from tunewise.engines import precision


@pytest.fixture(autouse=True)
def measured_anew():
    precision._fastest.cache_clear()
    yield
    precision._fastest.cache_clear()


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"),
    [
        (2.0, 1.0, torch.bfloat16),
        (1.0, 1.0, torch.float32),
        (1.1, 1.0, torch.float32),  # not worth it
        (1.0, 8.0, torch.float32),  # emulated
    ],
)
def test_bf16_is_chosen_only_where_it_is_clearly_faster(monkeypatch, float32, bfloat16, chosen):
    times = {torch.float32: float32, torch.bfloat16: bfloat16}
    monkeypatch.setattr(precision, "matmul_seconds", lambda dtypes: times)
    assert precision.fastest_dtype("cpu") == chosen


def test_it_is_measured_once_per_process(monkeypatch):
    calls = []
    measure = precision.matmul_seconds
    monkeypatch.setattr(
        precision, "matmul_seconds", lambda dtypes: calls.append(dtypes) or measure(dtypes)
    )
    first = precision.fastest_dtype("cpu")
    assert precision.fastest_dtype(torch.device("cpu")) == first
    assert len(calls) == 1


def test_a_device_that_was_not_measured_gets_float32():
    assert precision.fastest_dtype("meta") == torch.float32


def test_every_format_is_timed():
    seconds = precision.matmul_seconds((torch.float32, torch.bfloat16), shape=(8, 16, 32))
    assert set(seconds) == {torch.float32, torch.bfloat16}
    assert all(0 < s < float("inf") for s in seconds.values())
