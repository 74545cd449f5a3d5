"""Small labelled files, written as people write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewise.data.read import read_dataset
from tunewise.records import Dataset
from tunewise.task.settings import DataSettings

TICKETS = [
    (f"please {verb} my {thing} number {n}", label)
    for n in range(6)
    for verb, thing, label in (
        ("cancel", "order", "orders"),
        ("refund", "invoice", "billing"),
        ("reset", "password", "access"),
    )
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes bytes or text under a name and returns the path."""

    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Return a function that reads a file of the test's folder as a task would."""

    def read(train: str = "train.csv", extra: tuple[str, ...] = (), **settings: object) -> Dataset:
        return read_dataset(
            DataSettings.model_validate({"train": train, **settings}), tmp_path, extra
        )

    return read


def csv_of(rows: list[tuple[str, str]] = TICKETS, header: str = "text,label") -> str:
    """Return rows as CSV text."""
    return "\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n"
