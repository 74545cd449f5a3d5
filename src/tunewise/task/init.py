"""What was found in a data file -> a short commented task.yaml, with its schema for editors.

Given names and choices, gives back text that load_task reads, and writes it where nothing stands
yet. Knows nothing of data files; data/draft.py looks into them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tunewise.errors import TaskFileError, one_line
from tunewise.files import disk_errors, write_text
from tunewise.records import ColumnChoice
from tunewise.task.settings import Kind, task_schema

SCHEMA = "task.schema.json"
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # of YAML 1.1 or 1.2
WIDEST = 44  # characters of a line under data for which the comments are lined up


@dataclass(frozen=True, slots=True)
class Item:
    """One line under `data`: key, value and what stands in the comment behind it."""

    key: str
    value: str | float
    comment: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A task file that isn't written yet, and what it rests on.

    Attributes:
        text: of the task file.
        task: its name.
        choices: the columns, with the reasons.
        rows: in the data file that was named.
        labels: all of them, sorted; none where answers are written.
        kind: of the task.
        notes: what else was found or not used, one sentence each.
    """

    text: str
    task: str
    choices: tuple[ColumnChoice, ...]
    rows: int
    labels: tuple[str, ...]
    kind: Kind
    notes: tuple[str, ...] = ()


def task_text(
    name: str,
    kind: Kind,
    labels: int,
    data: Sequence[Item],
    *,
    hints: Sequence[Item] = (),
    existing: str | None = None,
    file: str = "task.yaml",
) -> str:
    """Return the text of a task file.

    Args:
        name: of the task, a legal one.
        kind: of the task.
        labels: how many there are, in a task of classification.
        data: keys that are set.
        hints: keys that are shown as comments.
        existing: column that seems to hold an existing system's answers.
        file: the task file's own name.
    """
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 -- YAML, not HTML; `scalar` does the quoting
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["scalar"] = scalar
    template = resources.files("tunewise.task").joinpath("task.yaml.j2").read_text("utf-8")
    return environment.from_string(template).render(
        schema=SCHEMA,
        file=one_line(file),
        name=name,
        kind=kind,
        labels=f"{labels:,}",
        data=_lined_up([*((item, "  ") for item in data), *((item, "  # ") for item in hints)]),
        existing=existing,
    )


def _lined_up(items: Sequence[tuple[Item, str]]) -> list[str]:
    """Return the lines under `data`, each with what stands before its key, comments lined up."""
    lines = []
    for item, before in items:
        value = scalar(item.value) if isinstance(item.value, str) else item.value
        lines.append(f"{before}{item.key}: {value}")
    width = max((len(line) for line in lines if len(line) <= WIDEST), default=0)
    comments = (one_line(item.comment) for item, _ in items)
    return [f"{line:<{width}}  # {c}" for line, c in zip(lines, comments, strict=True)]


def write_task(task_file: Path, text: str) -> None:
    """Write a task file and, beside it, the schema; neither ever replaces anything.

    Raises:
        TaskFileError: one of the two stands there already and is something else.
        DiskFull: there is no room.
    """
    refuse_existing(task_file)
    schema_file = task_file.with_name(SCHEMA)
    if not schema_file.exists():
        write_text(schema_file, schema_text())
    with disk_errors(task_file):
        write_text(task_file, text)


def refuse_existing(task_file: Path) -> None:
    """Raise TaskFileError where writing a task file would replace something."""
    if task_file.is_dir():
        raise TaskFileError(
            "this is a folder, not a task file",
            where=str(task_file),
            mend=f"Name a file in it: --task {task_file / 'task.yaml'}",
        )
    if task_file.exists():
        raise TaskFileError(
            "there is a task file already, and it isn't overwritten",
            where=str(task_file),
            mend="Name another with --task, or delete this one first.",
        )
    schema_file = task_file.with_name(SCHEMA)
    if schema_file.exists() and schema_file.read_bytes() != schema_text().encode():
        raise TaskFileError(
            "there is another schema already, and it isn't overwritten",
            where=str(schema_file),
            mend="Delete it if another version of tunewise wrote it, or name another folder"
            " with --task.",
        )


def schema_text() -> str:
    """Return the JSON schema of task files, as it is written beside them."""
    return json.dumps(task_schema(), indent=2) + "\n"


def scalar(text: str) -> str:
    """Return a YAML scalar that every reader takes for exactly this text."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(c) or _shown(c) for c in text) + '"'


def _shown(character: str) -> str:
    """Return a character as it may stand between double quotes."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def legal_name(text: str) -> str:
    """Return the nearest name that a task may have; empty when nothing of the text can be kept."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_only).strip("-._")[:64]
