"""Faults these catch: a schema that editors reject, or that refuses what load_task accepts."""

from __future__ import annotations

from io import StringIO

import jsonschema
import pytest
from ruamel.yaml import YAML

from tunewise.task.settings import task_schema

SCHEMA = task_schema()
BASE = "task: x\ndata: {train: a.csv}\n"


def valid(text: str) -> bool:
    value = YAML(typ="safe", pure=True).load(StringIO(BASE + text))
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(value)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidates: [probe, majority, {prompt: {shots: [0]}}]",
        "candidates:\n- probe:\n- encoder: {lora: true}\n- encoder: {lora: {r: 8}}",
        "candidates: [existing: {column: a}]\ndecide: {metric: macro_f1}",
    ],
)
def test_the_schema_accepts_what_may_be_written(text: str) -> None:
    assert valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "candidates: [probee]",
        "candidates: [probe: {c: 1}]",
        "sede: 1",
        "decide: {metric: f1}",
        "candidates: []",
    ],
)
def test_the_schema_refuses_what_may_not(text: str) -> None:
    assert not valid(text)
