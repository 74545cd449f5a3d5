"""A YAML 1.2 file that a person wrote -> its settings; every fault with file, line and key.

Given a path and a Form (which settings, which error), gives back what they were validated to, and
the tree with its positions. Knows nothing of what the settings mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tunewise.errors import BadInput, FileMissing, did_you_mean

MOST_FAULTS = 5  # faults told at once
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Form(Generic[M]):
    """A kind of file.

    Attributes:
        model: what its keys and values must be.
        error: what is raised when they aren't.
        called: what the file is called: 'task file'.
        example: a line of it, such as 'task: tickets'.
        mend: how to get one, as a sentence.
        usual_name: of the file in a folder.
        branches: models that a union is told apart by, by the key that names each.
        unknown_branch: returns the error for a value that is none of them, given where and value.
    """

    model: type[M]
    error: type[BadInput]
    called: str
    example: str
    mend: str
    usual_name: str
    branches: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    unknown_branch: Callable[[str, object], BadInput] | None = None


def read_yaml(path: Path, form: Form[M]) -> tuple[M, CommentedMap]:
    """Return what a file says, and its tree, in which `line_of` finds positions.

    Raises:
        FileMissing: there is no such file.
        BadInput: of the form's kind: it isn't YAML, or a key, type or value is wrong.
    """
    tree = _parsed(path, _text(path, form), form)
    if not isinstance(tree, CommentedMap):
        raise form.error(
            f"a {form.called} is keys and values, such as '{form.example}'",
            where=f"{path}:1",
            mend=form.mend,
        )
    try:
        return form.model.model_validate(_plain(tree)), tree
    except ValidationError as error:
        raise _joined(_faults(path, tree, error, form), form) from error


def line_of(tree: CommentedMap, *keys: str | int) -> int:
    """Return the line on which the item at these keys begins; a missing one has its parent's."""
    node: Any = tree
    line = 1
    for key in keys:
        if isinstance(node, CommentedMap) and key in node:
            line, node = node.lc.key(key)[0] + 1, node[key]
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line, node = node.lc.item(key)[0] + 1, node[key]
        else:
            break
    return line


def _text(path: Path, form: Form[M]) -> str:
    if path.is_dir():
        raise form.error(
            f"this is a folder, not a {form.called}",
            where=str(path),
            mend=f"Did you mean '{path / form.usual_name}'?",
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FileMissing(
            f"the {form.called} isn't there", where=str(path), mend=form.mend
        ) from error
    except UnicodeDecodeError as error:
        raise form.error(
            f"the file isn't UTF-8 (byte {error.start})",
            where=str(path),
            mend="Save it as UTF-8.",
        ) from error
    except OSError as error:
        raise form.error(f"the file can't be read ({error.strerror})", where=str(path)) from error


def _parsed(path: Path, text: str, form: Form[M]) -> Any:
    reader = YAML(typ="rt")
    try:
        return reader.load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = str(error.problem or "a key stands here twice").split(" with value")[0]
        raise form.error(what, where=f"{path}:{line}", mend="Keep one of the two.") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise form.error(
            f"this isn't YAML: {error.problem or error.context}",
            where=f"{path}:{line}",
            mend="Check the indentation, the colons and the quotes on this line.",
        ) from error
    except YAMLError as error:
        raise form.error(f"this isn't YAML: {error}", where=str(path)) from error


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


def _faults(
    path: Path, tree: CommentedMap, error: ValidationError, form: Form[M]
) -> list[BadInput]:
    """Return one error per key; a union's branches are told together, deeper faults alone."""
    by_place: dict[_Place, list[ErrorDetails]] = {}
    for detail in error.errors():
        names_a_key = detail["type"] in ("extra_forbidden", "missing")
        place = _place(tree, detail["loc"], form, names_a_key=names_a_key)
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
    return [_fault(path, place, by_place[place], form) for place in deepest]


def _place(
    tree: CommentedMap, loc: tuple[int | str, ...], form: Form[M], *, names_a_key: bool
) -> _Place:
    """Follow Pydantic's location through the file and the models at once.

    Parts that name a branch of a union are no keys of the user's and are passed over.
    """
    keys: list[str] = []
    node: Any = tree
    model: type[BaseModel] | None = form.model
    legal = tuple(form.model.model_fields)
    line = 1
    for position, part in enumerate(loc):
        if model is None and part in form.branches:
            model = form.branches[str(part)]
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


def _fault(path: Path, place: _Place, details: list[ErrorDetails], form: Form[M]) -> BadInput:
    detail = details[0]
    kind, given = detail["type"], detail["input"]
    last = place.keys[-1] if place.keys else form.called
    where = f"{path}:{place.line}: {'.'.join(place.keys) or last}"
    if kind == "extra_forbidden":
        mend = did_you_mean(last, place.legal)
        return form.error(f"there is no key '{last}' here", where=where, mend=mend)
    if kind == "missing":
        return form.error(f"the key '{last}' is missing", where=where, mend="Add it.")
    if kind.startswith("union_tag") and form.unknown_branch is not None:
        return form.unknown_branch(where, given)
    shown = "" if isinstance(given, dict | list) else f", not {given!r}"
    words = " or ".join(dict.fromkeys(_words(d) for d in details))
    return form.error(f"{words}{shown}", where=where, mend=_value_mend(details))


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


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field's annotation names, alone or among a union's branches."""
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _joined(faults: list[BadInput], form: Form[M]) -> BadInput:
    """Return one error for all faults: the first as it is, the others after it."""
    first, *others = faults
    if not others:
        return first
    rest = "; ".join(str(fault) for fault in others[: MOST_FAULTS - 1])
    return form.error(
        first.what, where=first.where, mend=" ".join(p for p in (first.mend, f"Also: {rest}") if p)
    )
