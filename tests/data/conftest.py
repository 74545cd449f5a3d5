"""Small labelled files, written as people write them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from tunewise.data.read import read_dataset
from tunewise.records import Dataset
from tunewise.task.settings import DataSettings, Kind

TICKETS = [
    (f"please {verb} my {thing} number {n}", label)
    for n in range(6)
    for verb, thing, label in (
        ("cancel", "order", "orders"),
        ("refund", "invoice", "billing"),
        ("reset", "password", "access"),
    )
]


CHATS = [
    [
        {"role": "user", "content": f"Where is parcel number {n}?"},
        {"role": "assistant", "content": f"Parcel {n} arrives on day {n % 5}, in the morning."},
    ]
    for n in range(12)
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
        kind: Kind = settings.pop("kind", "classification")  # type: ignore[assignment]
        return read_dataset(
            DataSettings.model_validate({"train": train, **settings}), tmp_path, extra, kind=kind
        )

    return read


def csv_of(rows: list[tuple[str, str]] = TICKETS, header: str = "text,label") -> str:
    """Return rows as CSV text."""
    return "\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n"


def xlsx_of(
    rows: Sequence[Sequence[object]], merged: str | None = None, sheet: str = "rows"
) -> bytes:
    """Return rows as the one sheet of a spreadsheet."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    if merged:
        page.merge_cells(merged)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
