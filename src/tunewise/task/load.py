"""Reads task.yaml (YAML 1.2) into a Task; every fault is told with file, line and key.

Given a path, gives back the Task and its text. Knows nothing of what the settings do.
"""

from __future__ import annotations

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
        faults = [_fault(path, tree, detail) for detail in error.errors()]
        raise _joined(faults) from error


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
        raise TaskFileError(f"the file can't be read ({error.strerror})", where=str(path)) from error


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


def _fault(path: Path, tree: CommentedMap, detail: ErrorDetails) -> TaskFileError:
    keys, line = _place(tree, detail["loc"])
    key = ".".join(keys) or "task file"
    where = f"{path}:{line}: {key}"
    kind = detail["type"]
    if kind == "extra_forbidden":
        mend = did_you_mean(keys[-1], _legal_keys(keys[:-1]))
        return TaskFileError(f"there is no key '{keys[-1]}' here", where=where, mend=mend)
    if kind == "missing":
        return TaskFileError(f"the key '{keys[-1]}' is missing", where=where, mend="Add it.")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_candidate(where, detail["input"])
    given = detail["input"]
    shown = "" if isinstance(given, dict | list) else f", not {given!r}"
    words = detail["msg"]
    for before, after in (
        ("Input should be", "should be"),
        ("Value error, ", ""),
        ("String should", "the text should"),
        ("List should", "the list should"),
        ("a valid ", "a "),
    ):
        words = words.replace(before, after)
    mend = None
    if kind == "string_type" and isinstance(given, bool | int | float):
        mend = f"Put it in quotes: '{given}'."
    elif kind == "literal_error" and isinstance(given, str):
        expected = detail.get("ctx", {}).get("expected", "")
        mend = did_you_mean(given, [w.strip(" '") for w in expected.replace(" or ", ",").split(",")])
    return TaskFileError(f"{words}{shown}", where=where, mend=mend)


def _unknown_candidate(where: str, given: object) -> TaskFileError:
    kinds = _candidate_kinds()
    kind = settings.kind_of(given)
    if kind is None:
        return TaskFileError(
            "a candidate is one kind, such as 'probe' or 'probe: {…}'",
            where=where,
            mend="Start each candidate on a line of its own with '- ', its settings indented"
            " below it.",
        )
    return TaskFileError(
        f"there is no candidate '{kind}'", where=where, mend=did_you_mean(kind, kinds)
    )


def _place(tree: Any, loc: tuple[int | str, ...]) -> tuple[list[str], int]:
    """Return the key's path as the user wrote it, and the line of its nearest part in the file."""
    keys: list[str] = []
    node, line = tree, 1
    for part in loc:
        if isinstance(part, str) and "-" in part and part.startswith(("function-", "constrained-")):
            continue
        if isinstance(node, CommentedMap):
            if part in node:
                line = node.lc.key(part)[0] + 1
                node = node[part]
                keys.append(str(part))
            elif not _is_union_branch(part, keys):
                keys.append(str(part))
                node = None
        elif isinstance(node, CommentedSeq) and isinstance(part, int):
            line = node.lc.item(part)[0] + 1
            node = node[part]
            keys.append(str(part))
        elif node is None and not _is_union_branch(part, keys):
            keys.append(str(part))
    return keys, line


def _is_union_branch(part: int | str, keys: list[str]) -> bool:
    """Pydantic names the branch of a union in an error's place; it is no key of the user's."""
    in_candidate = len(keys) == 2 and keys[0] == "candidates"
    branches = ("bool", "str", "int", "float", "LoraSettings", "list", "literal")
    return isinstance(part, str) and (
        (in_candidate and part in _candidate_kinds()) or part.split("[")[0] in branches
    )


def _candidate_kinds() -> list[str]:
    return [next(iter(entry.model_fields)) for entry in settings.Entry.__subclasses__()]


def _legal_keys(keys: list[str]) -> list[str]:
    model: type[BaseModel] = Task
    rest = list(keys)
    if rest[:1] == ["candidates"] and len(rest) >= 3:
        entry = next(
            e for e in settings.Entry.__subclasses__() if next(iter(e.model_fields)) == rest[2]
        )
        model = _model_in(entry.model_fields[rest[2]].annotation) or Task
        rest = rest[3:]
    for key in rest:
        if key in model.model_fields:
            model = _model_in(model.model_fields[key].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _joined(faults: list[TaskFileError]) -> TaskFileError:
    """Return one error for all faults: the first as it is, the others after it."""
    shown = list({str(fault): fault for fault in faults}.values())
    if len(shown) == 1:
        return shown[0]
    rest = "; ".join(str(fault) for fault in shown[1:MOST_FAULTS])
    first = shown[0]
    return TaskFileError(
        first.what, where=first.where, mend=" ".join(p for p in (first.mend, f"Also: {rest}") if p)
    )
