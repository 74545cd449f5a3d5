"""Parquet files -> Table, a batch of rows at a time.

Neither a column nor a row group is ever whole in memory: columns are read through a small buffer,
and what a batch took is given back before the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tunewise.data.readers.table import Row, Table
from tunewise.data.readers.text import reading
from tunewise.errors import DataError

BATCH = 1_024  # rows held at a time
BUFFER = 1 << 16  # bytes of each column read at a time


def read_parquet(path: Path) -> Table:
    """Return the table in a Parquet file."""
    with _opened(path) as file:
        names, count = file.schema_arrow.names, file.metadata.num_rows
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f"the file has the column '{twice[0]}' twice",
            where=str(path),
            mend="Rename or delete one of the two.",
        )
    if not count:
        raise DataError("the file has no rows", where=str(path), mend="Name a file that has rows.")

    def rows() -> Iterator[Row]:
        number = 0
        with _opened(path) as file:
            for batch in _batches(path, file):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Row(number, None, values)

    return Table(path, tuple(names), rows)


def _opened(path: Path) -> pyarrow.parquet.ParquetFile:
    with reading(path):
        if path.is_dir():
            raise IsADirectoryError(path)
        with path.open("rb") as file:
            empty = not file.read(1)
    if empty:
        raise DataError("the file is empty", where=str(path), mend="Name a file that has rows.")
    try:
        return pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise _broken(path, error) from error


def _batches(path: Path, file: pyarrow.parquet.ParquetFile) -> Iterator[pyarrow.RecordBatch]:
    try:
        for batch in file.iter_batches(BATCH, use_threads=False):
            yield batch
            pyarrow.default_memory_pool().release_unused()
    except (pyarrow.ArrowException, OSError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"the file isn't whole Parquet ({error})",
        where=str(path),
        mend="Write it again; a copy that was cut short looks like this.",
    )
