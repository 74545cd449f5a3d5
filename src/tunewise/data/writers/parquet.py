"""Changed rows of Parquet: the same schema, metadata and compression; a row group at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tunewise.data.readers import Table
from tunewise.data.writers import Change
from tunewise.errors import DataError, one_line


def write_parquet(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a Parquet file.

    Raises:
        DataError: a new value is none that its column's type can hold.
    """
    with pyarrow.parquet.ParquetFile(table.path) as file:
        schema = file.schema_arrow
        with pyarrow.parquet.ParquetWriter(new, schema, compression=_compression(file)) as out:
            first = 1
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                here = {n - first: c for n, c in changes.items() if 0 <= n - first < len(rows)}
                first += len(rows)
                kept = _changed(rows, here, table.path) if here else rows
                if len(kept):
                    out.write_table(kept)


def _changed(table: Any, changes: Mapping[int, Change], path: Path) -> Any:
    """Return a row group with some rows changed; positions count from 0."""
    for name in {name for change in changes.values() for name in change.values}:
        column = table.column(name)
        plain = column.cast(column.type.value_type) if _is_dictionary(column.type) else column
        values = plain.to_pylist()
        for position, change in changes.items():
            if name in change.values:
                values[position] = _typed(change.values[name], plain.type, path, name)
        array = pyarrow.array(values, plain.type).cast(column.type)
        table = table.set_column(table.schema.get_field_index(name), table.field(name), array)
    kept = [n not in changes or not changes[n].delete for n in range(len(table))]
    return table.filter(pyarrow.array(kept))


def _typed(value: object, kind: Any, path: Path, column: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return pyarrow.scalar(value).cast(kind).as_py()
    except (pyarrow.ArrowException, ValueError) as error:
        raise DataError(
            f"'{one_line(value, 60)}' can't stand in column '{column}', whose type is {kind}",
            where=str(path),
            mend="Accept a value of that type, or reject the fix.",
        ) from error


def _is_dictionary(kind: Any) -> bool:
    return bool(pyarrow.types.is_dictionary(kind))


def _compression(file: Any) -> str:
    metadata = file.metadata
    if not metadata.num_row_groups or not metadata.num_columns:
        return "snappy"
    name = str(metadata.row_group(0).column(0).compression)
    return "none" if name == "UNCOMPRESSED" else name.lower()
