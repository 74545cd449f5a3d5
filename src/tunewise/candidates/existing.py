"""The system the user has today: a column of its answers, a file of them, or a command.

Learns nothing. An answer that is no label is kept, counted as wrong, and told; an answer that is
missing stops the run, since a system that can't be asked can't be judged.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tunewise.candidates import Setup
from tunewise.data.cells import cell_text
from tunewise.data.columns import require
from tunewise.data.readers import read_table
from tunewise.data.readers.json_rows import parsed_line
from tunewise.data.refusals import listed
from tunewise.errors import DataError, FileMissing
from tunewise.files import read_record, read_records, write_json, write_jsonl
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.task.settings import ExistingSettings

LAST_WORDS = 300  # characters of a failed command's last line of standard error


@dataclass(frozen=True, slots=True)
class Source:
    """Where answers come from, as settings.json keeps it; one of the first three is given."""

    column: str | None
    file: str | None
    command: tuple[str, ...] | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of answers.jsonl: the text (or the row's id) and the system's answer."""

    key: str
    answer: str


class Existing:
    """Finds the answers of the system that is in use."""

    def __init__(self, settings: ExistingSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],  # noqa: ARG002 -- it learns nothing
        validation: Sequence[Example],  # noqa: ARG002 -- and chooses nothing
        folder: Path,
        progress: Progress,  # noqa: ARG002 -- over at once
    ) -> FittedExisting:
        """Keep where the answers are; of a file, the answers themselves.

        Raises:
            FileMissing: there is no such file.
            DataError: the file has not the right columns, or answers one text twice.
        """
        given = self.settings
        if given.file is not None:
            write_jsonl(folder / "answers.jsonl", _answers_in(self.setup.task_folder / given.file))
        command = tuple(given.command) if given.command is not None else None
        source = Source(given.column, given.file, command, given.timeout)
        write_json(folder / "settings.json", source)
        return self.load(folder)

    def load(self, folder: Path) -> FittedExisting:
        """Return what looks answers up or asks the command."""
        source = read_record(folder / "settings.json", Source)
        return FittedExisting(_answering(source, folder, self.setup), self.setup.labels)


class Answering(Protocol):
    """One way to get at the existing system's answers."""

    timed: bool

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """Return one answer per example, in order; raise where one is missing."""


class FittedExisting:
    """Answers as the existing system does.

    Attributes:
        timed: whether the time of an answer is the system's own; a look-up's isn't.
    """

    def __init__(self, answering: Answering, labels: tuple[str, ...]) -> None:
        self.answering, self.labels = answering, labels
        self.timed = answering.timed
        self._told = False

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return the system's answer to each row; those that are no label are told once."""
        if not examples:
            return []
        answers = [answer.strip() for answer in self.answering.answers(examples)]
        legal = set(self.labels)
        strange = [answer for answer in answers if answer not in legal]
        if strange and not self._told:
            self._told = True
            quoted = [f"'{answer}'" for answer in dict.fromkeys(strange)]
            progress.warn(
                f"{len(strange):,} of {len(answers):,} answers of the existing system are none of"
                f" the labels and count as wrong: {listed(quoted)}."
            )
        return [Prediction(row.id, answer) for row, answer in zip(examples, answers, strict=True)]


def _answering(source: Source, folder: Path, setup: Setup) -> Answering:
    if source.column is not None:
        return InColumn(source.column)
    if source.file is not None:
        return InFile(source.file, read_records(folder / "answers.jsonl", Answer))
    assert source.command is not None, "settings.json names a column, a file or a command"
    return Asked(source.command, setup.task_folder, source.timeout)


class InColumn:
    """Answers that stand in a column of the data files."""

    timed = False

    def __init__(self, column: str) -> None:
        self.column = column

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """Return the column's values."""
        missing = [row for row in examples if not row.columns.get(self.column, "").strip()]
        if missing:
            raise DataError(
                f"the existing system's answer is missing in column '{self.column}' of"
                f" {len(missing):,} rows: {_rows(missing)}",
                where=missing[0].source,
                mend="Fill it in, or write a word that is no label, such as 'none', which counts"
                " as wrong.",
            )
        return [row.columns[self.column] for row in examples]


class InFile:
    """Answers that stand in a file of their own, found by the exact text or by the row's id."""

    timed = False

    def __init__(self, file: str, answers: Iterable[Answer]) -> None:
        self.file = file
        self.by_key = {answer.key: answer.answer for answer in answers}

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """Return the file's answers."""
        found = [self.by_key.get(row.input, self.by_key.get(row.id)) for row in examples]
        missing = [row for row, answer in zip(examples, found, strict=True) if answer is None]
        if missing:
            raise DataError(
                f"the file has no answer to {len(missing):,} rows: {_rows(missing)}",
                where=self.file,
                mend="Add them; `input` must be exactly the row's text.",
            )
        return [answer for answer in found if answer is not None]


class Asked:
    """Answers of a command that reads JSON lines and writes JSON lines."""

    timed = True

    def __init__(self, command: Sequence[str], folder: Path, timeout: float) -> None:
        self.command, self.folder, self.timeout = list(command), folder, timeout
        self.shown = f"command '{shlex.join(command)}'"

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """Run the command once for all rows and return its answers in their order."""
        lines = [json.dumps({"id": row.id, "input": row.input}) + "\n" for row in examples]
        by_id = self._parsed(self._run("".join(lines)))
        known = {row.id for row in examples}
        stranger = next((key for key in by_id if key not in known), None)
        if stranger is not None:
            raise DataError(
                f"it answers the id '{stranger}', which it wasn't given",
                where=self.shown,
                mend="Write each line's `id` back as it was read.",
            )
        missing = [row for row in examples if row.id not in by_id]
        if missing:
            raise DataError(
                f"it leaves {len(missing):,} of {len(examples):,} rows without an answer:"
                f" {_rows(missing)}",
                where=self.shown,
                mend='Write {"id": ..., "prediction": ...} for every line that is read.',
            )
        return [by_id[row.id] for row in examples]

    def _parsed(self, text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            place = f"{self.shown}, line {number} of its output"
            item = parsed_line(line, place)
            key, answer = self._text(item, "id", place), self._text(item, "prediction", place)
            if key in found:
                raise DataError(
                    f"it answers the id '{key}' twice", where=place, mend="Answer each once."
                )
            found[key] = answer
        return found

    @staticmethod
    def _text(item: dict[str, Any], name: str, place: str) -> str:
        text = cell_text(item.get(name), place, name)
        if not text:
            raise DataError(
                f"the line has no '{name}'",
                where=place,
                mend='Write {"id": ..., "prediction": ...}; for no answer, a word such as "none".',
            )
        return text

    def _run(self, text: str) -> str:
        """Return what the command writes when it is given `text`.

        It leads a process group of its own, so that whatever it started ends with it.
        """
        try:
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise FileMissing(
                "there is no such program",
                where=self.shown,
                mend="Install it, or give its path, relative to the folder of task.yaml.",
            ) from error
        except OSError as error:
            raise DataError(
                f"the program can't be started ({error.strerror})",
                where=self.shown,
                mend="Make it executable, or name its interpreter first: [python3, rules.py].",
            ) from error
        with process:
            try:
                out, told = process.communicate(text.encode(), timeout=self.timeout)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise DataError(
                    f"it hasn't answered within {self.timeout:g} s",
                    where=self.shown,
                    mend="Raise `timeout` in its settings, or look why it takes so long.",
                ) from error
            except BaseException:
                _end(process)
                raise
        if process.returncode != 0:
            raise self._failed(process.returncode, told)
        return self._decoded(out)

    def _failed(self, status: int, told: bytes) -> DataError:
        lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
        last = f"; its last words: {lines[-1].strip()[:LAST_WORDS]}" if lines else ""
        how = (
            f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"
        )
        return DataError(
            f"it {how}{last}",
            where=self.shown,
            mend=f"Run it by hand in {self.folder} on a line of"
            ' {"id": "1", "input": "some text"}.',
        )

    def _decoded(self, out: bytes) -> str:
        try:
            return out.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"its output isn't UTF-8 (byte {error.start + 1:,})",
                where=self.shown,
                mend="Let it write UTF-8; for Python, set PYTHONUTF8=1.",
            ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with all that it started."""
    if os.name == "nt":  # Windows has no process groups to signal
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has ended by itself in the meantime
        return


def _answers_in(path: Path) -> list[Answer]:
    """Return the answers in a file with columns `prediction` and `input` or `id`."""
    table = read_table(path)
    at = require(table, "prediction", "an existing system's file")
    by = "id" if "id" in table.columns and "input" not in table.columns else "input"
    key_at = require(table, by, "an existing system's file")
    found: dict[str, str] = {}
    for row in table.rows():
        place = table.place(row)
        key = cell_text(row.values[key_at], place, by)
        answer = cell_text(row.values[at], place, "prediction")
        if not key or not answer or not answer.strip():
            empty = "prediction" if key else by
            raise DataError(
                f"the row has no '{empty}'",
                where=place,
                mend="Fill it in; for no answer write a word that is no label, such as 'none'.",
            )
        if found.setdefault(key, answer.strip()) != answer.strip():
            raise DataError(
                f"the row answers '{answer}' to what an earlier row answers '{found[key]}'",
                where=place,
                mend="Keep one of the two.",
            )
    return [Answer(key, answer) for key, answer in found.items()]


def _rows(rows: Sequence[Example]) -> str:
    return listed(f"{row.source}:{row.row}" for row in rows)
