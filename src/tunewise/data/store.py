"""Dataset <-> the run folder: rows as Parquet, labels, columns and rows left out as JSON.

Equal datasets give equal bytes, so that stages downstream can trust a file's hash. Knows nothing
of where the rows came from.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Any, cast

from tunewise.errors import RunFolderError
from tunewise.files import disk_errors, read_record, write_json, written_whole
from tunewise.records import ColumnChoice, Dataset, Example, LeftOut, Message
from tunewise.task.settings import Format
from tunewise.workspace.folder import RunFolder

ROWS_PER_GROUP = 65_536


@dataclass(frozen=True, slots=True)
class About:
    """All of a Dataset but its rows."""

    rows: int
    labels: tuple[str, ...]
    columns: tuple[ColumnChoice, ...]
    left_out: tuple[LeftOut, ...]


def write_dataset(folder: RunFolder, dataset: Dataset) -> None:
    """Write data/dataset.parquet and data/dataset.json, each whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    rows = dataset.examples
    table = pyarrow.table(
        {
            "id": [row.id for row in rows],
            "input": [row.input for row in rows],
            "target": [row.target for row in rows],
            "row": [row.row for row in rows],
            "source": [row.source for row in rows],
            "group": [row.group for row in rows],
            "given_split": [row.given_split for row in rows],
            "columns": [
                json.dumps(row.columns, ensure_ascii=False, sort_keys=True) for row in rows
            ],
            "time": [row.time for row in rows],
            "messages": [[asdict(message) for message in row.messages] for row in rows],
            "rejected": [row.rejected for row in rows],
            "desirable": [row.desirable for row in rows],
        },
        schema=_schema(),
    )
    with disk_errors(folder.dataset), written_whole(folder.dataset) as temporary:
        pyarrow.parquet.write_table(
            table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP
        )
    about = About(len(rows), dataset.labels, dataset.columns, dataset.left_out)
    write_json(folder.dataset_about, about)


def load_dataset(folder: RunFolder, *, only: Container[str] | None = None) -> Dataset:
    """Return what `write_dataset` wrote.

    Args:
        folder: the run folder.
        only: ids of the rows to make, in the dataset's order; all of them when None.

    Raises:
        RunFolderError: the files were changed from outside.
    """
    import pyarrow
    import pyarrow.parquet

    about = read_record(folder.dataset_about, About)
    try:
        with pyarrow.parquet.ParquetFile(folder.dataset) as file:  # read_table imports pandas
            table = file.read()
        if not table.schema.equals(_schema()):  # casting loads much
            table = table.cast(_schema())
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise RunFolderError(
            f"the file isn't whole Parquet ({error})",
            where=str(folder.dataset),
            mend="It was changed from outside; delete it and run again.",
        ) from error
    if len(table) != about.rows:
        raise RunFolderError(
            f"the file has {len(table):,} rows and {folder.dataset_about.name} says {about.rows:,}",
            where=str(folder.dataset),
            mend="It was changed from outside; delete it and run again.",
        )
    values = {name: table[name].to_pylist() for name in table.column_names}  # take imports pandas
    wanted = [i for i, row in enumerate(values["id"]) if only is None or row in only]
    examples = tuple(_example({name: values[name][i] for name in values}) for i in wanted)
    return Dataset(examples, about.labels, about.columns, about.left_out)


def load_labels(folder: RunFolder) -> tuple[str, ...]:
    """Return all legal labels, sorted, without reading the rows."""
    return read_record(folder.dataset_about, About).labels


def load_input_column(folder: RunFolder) -> str:
    """Return the name of the column with the text, without reading the rows."""
    columns = read_record(folder.dataset_about, About).columns
    return next(choice.column for choice in columns if choice.role == "input")


def load_format(folder: RunFolder) -> Format:
    """Return the format of the rows, without reading them."""
    columns = read_record(folder.dataset_about, About).columns
    found = next((choice.column for choice in columns if choice.role == "format"), "columns")
    return cast("Format", found)


def _example(row: dict[str, Any]) -> Example:
    messages = tuple(Message(**message) for message in row["messages"])
    return Example(**{**row, "columns": json.loads(row["columns"]), "messages": messages})


def _schema() -> Any:
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema(
        {
            "id": text,
            "input": text,
            "target": text,
            "row": pyarrow.int64(),
            "source": text,
            "group": text,
            "given_split": text,
            "columns": text,
            "time": text,
            "messages": pyarrow.list_(pyarrow.struct({"role": text, "content": text})),
            "rejected": text,
            "desirable": pyarrow.bool_(),
        }
    )
