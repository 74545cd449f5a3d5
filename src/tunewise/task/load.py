"""Reads task.yaml (YAML 1.2) into a Task; every fault is told with file, line and key.

Given a path, gives back the Task and its text. Knows nothing of what the settings do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tunewise.errors import FileMissing, TaskFileError, did_you_mean
from tunewise.task import settings
from tunewise.task.settings import Task

MOST_FAULTS = 5  # faults told at once


def load_task(path: Path) -> Task:
    """Return the task that a task.yaml describes.

    Raises:
        FileMissing: there is no such file.
        TaskFileError: it isn't YAML, or a key, type or value is wrong.
    """
    tree = _parsed(path, _text(path))
    if not isinstance(tree, CommentedMap):
        raise TaskFileError(
            "a task file is keys and values, such as 'task: tickets'",
            where=f"{path}:1",
            mend="Write one with: tunewise init YOUR-DATA",
        )
    try:
        return Task.model_validate(_plain(tree))
    except ValidationError as error:
        raise _joined(_faults(path, tree, error)) from error


def _text(path: Path) -> str:
    if path.is_dir():
        raise TaskFileError(
            "this is a folder, not a task file",
            where=str(path),
            mend=f"Did you mean '{path / 'task.yaml'}'?",
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FileMissing(
            "the task file isn't there",
            where=str(path),
            mend="Write one with: tunewise init YOUR-DATA",
        ) from error
    except UnicodeDecodeError as error:
        raise TaskFileError(
            f"the file isn't UTF-8 (byte {error.start})",
            where=str(path),
            mend="Save it as UTF-8.",
        ) from error
    except OSError as error:
        raise TaskFileError(
            f"the file can't be read ({error.strerror})", where=str(path)
        ) from error


def _parsed(path: Path, text: str) -> Any:
    reader = YAML(typ="rt")
    try:
        return reader.load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = str(error.problem or "a key stands here twice").split(" with value")[0]
        raise TaskFileError(what, where=f"{path}:{line}", mend="Keep one of the two.") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TaskFileError(
            f"this isn't YAML: {error.problem or error.context}",
            where=f"{path}:{line}",
            mend="Check the indentation, the colons and the quotes on this line.",
        ) from error
    except YAMLError as error:
        raise TaskFileError(f"this isn't YAML: {error}", where=str(path)) from error


def _plain(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (str, int, float):  # ruamel's own scalars remember their spelling
        if isinstance(value, kind):
            return kind(value)
    return value


@dataclass(frozen=True)
class _Place:
    """Where a fault is: the keys as the user wrote them, the line, the legal keys at that spot."""

    keys: tuple[str, ...]
    line: int
    legal: tuple[str, ...]


def _faults(path: Path, tree: CommentedMap, error: ValidationError) -> list[TaskFileError]:
    """Return one error per key; a union's branches are told together, deeper faults alone."""
    by_place: dict[_Place, list[ErrorDetails]] = {}
    for detail in error.errors():
        names_a_key = detail["type"] in ("extra_forbidden", "missing")
        place = _place(tree, detail["loc"], names_a_key=names_a_key)
        by_place.setdefault(place, []).append(detail)
    deepest = [
        place
        for place, details in by_place.items()
        if not all(detail["type"].endswith("_type") for detail in details)
        or not any(
            len(other.keys) > len(place.keys) and other.keys[: len(place.keys)] == place.keys
            for other in by_place
        )
    ]
    return [_fault(path, place, by_place[place]) for place in deepest]


def _place(tree: CommentedMap, loc: tuple[int | str, ...], *, names_a_key: bool) -> _Place:
    """Follow Pydantic's location through the file and the models at once.

    Parts that name a branch of a union are no keys of the user's and are passed over.
    """
    keys: list[str] = []
    node: Any = tree
    model: type[BaseModel] | None = Task
    legal = tuple(Task.model_fields)
    line = 1
    for position, part in enumerate(loc):
        if model is None and part in _entries():
            model = _entries()[str(part)]
            continue
        known = model is not None and part in model.model_fields
        unknown_key = names_a_key and position == len(loc) - 1
        if not (isinstance(part, int) or known or unknown_key):
            continue
        keys.append(str(part))
        if isinstance(node, CommentedMap) and part in node:
            line, node = node.lc.key(part)[0] + 1, node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int):
            line, node = node.lc.item(part)[0] + 1, node[part]
        else:
            node = None
        if model is not None:
            legal = tuple(model.model_fields)
            if known:
                model = _model_in(model.model_fields[str(part)].annotation)
    return _Place(tuple(keys), line, legal)


def _fault(path: Path, place: _Place, details: list[ErrorDetails]) -> TaskFileError:
    detail = details[0]
    kind, given = detail["type"], detail["input"]
    last = place.keys[-1] if place.keys else "task file"
    where = f"{path}:{place.line}: {'.'.join(place.keys) or last}"
    if kind == "extra_forbidden":
        mend = did_you_mean(last, place.legal)
        return TaskFileError(f"there is no key '{last}' here", where=where, mend=mend)
    if kind == "missing":
        return TaskFileError(f"the key '{last}' is missing", where=where, mend="Add it.")
    if kind.startswith("union_tag"):
        return _unknown_candidate(where, given)
    shown = "" if isinstance(given, dict | list) else f", not {given!r}"
    words = " or ".join(dict.fromkeys(_words(d) for d in details))
    return TaskFileError(f"{words}{shown}", where=where, mend=_value_mend(details))


def _words(detail: ErrorDetails) -> str:
    """Return Pydantic's message in the words of a person who doesn't know Pydantic."""
    plain = {
        "model_type": "should be keys and values",
        "list_type": "should be a list, such as [a, b]",
        "string_type": "should be text",
        "bool_type": "should be true or false",
        "int_type": "should be a whole number",
        "float_type": "should be a number",
        "string_pattern_mismatch": "should be letters, digits, '.', '_' or '-', at most 64",
        "string_too_short": "should not be empty",
        "too_short": "should have at least one item",
    }
    if detail["type"] in plain:
        return plain[detail["type"]]
    return detail["msg"].replace("Input should", "should").replace("Value error, ", "")


def _value_mend(details: list[ErrorDetails]) -> str | None:
    detail = details[0]
    given = detail["input"]
    if detail["type"] == "string_type" and isinstance(given, bool | int | float):
        return f"Put it in quotes: '{given}'."
    legal: list[str] = []
    for one in details:
        if one["type"] == "literal_error":
            legal += re.findall(r"'([^']*)'", str(one.get("ctx", {}).get("expected", "")))
    return did_you_mean(given, legal) if legal and isinstance(given, str) else None


def _unknown_candidate(where: str, given: object) -> TaskFileError:
    kind = settings.kind_of(given)
    if kind is None:
        return TaskFileError(
            "a candidate is one kind, such as 'probe' or 'probe: {…}'",
            where=where,
            mend="Start each with '- ' on a line of its own, its settings indented below it.",
        )
    mend = did_you_mean(kind, _entries())
    return TaskFileError(f"there is no candidate '{kind}'", where=where, mend=mend)


def _entries() -> dict[str, type[settings.Entry]]:
    """Return each candidate's kind and the model of its entry."""
    return {next(iter(e.model_fields)): e for e in settings.Entry.__subclasses__()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field's annotation names, alone or among a union's branches."""
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _joined(faults: list[TaskFileError]) -> TaskFileError:
    """Return one error for all faults: the first as it is, the others after it."""
    first, *others = faults
    if not others:
        return first
    rest = "; ".join(str(fault) for fault in others[: MOST_FAULTS - 1])
    return TaskFileError(
        first.what, where=first.where, mend=" ".join(p for p in (first.mend, f"Also: {rest}") if p)
    )
