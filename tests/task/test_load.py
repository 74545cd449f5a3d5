"""Faults these catch: a wrong key accepted, a message without line, key or mend, YAML 1.1 traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.errors import FileMissing, TaskFileError
from tunewise.task.load import load_task
from tunewise.task.settings import named

GOOD = "task: x\ndata: {train: a.csv}\n"


def loaded(tmp_path: Path, text: str | bytes):
    path = tmp_path / "task.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_task(path)


def test_defaults(tmp_path: Path) -> None:
    task = loaded(tmp_path, GOOD)
    assert [*named(task.candidates)] == [
        "majority",
        "probe-minilm-l6",
        "prompt-smollm2-135m-instruct",
        "encoder-minilm-l6",
    ]
    assert task.decide.metric == "accuracy"


def test_yaml_1_2_reads_no_as_text_and_1e_4_as_a_number(tmp_path: Path) -> None:
    text = GOOD + "instruction: no\ncandidates: [encoder: {learning_rate: 1e-4}]\n"
    task = loaded(tmp_path, text)
    assert task.instruction == "no"
    assert task.candidates[0].settings.learning_rate == 1e-4  # type: ignore[attr-defined]


def test_names_are_unique(tmp_path: Path) -> None:
    text = GOOD + "candidates: [probe, probe, probe: {name: mine}, encoder: {lora: true}]\n"
    names = [*named(loaded(tmp_path, text).candidates)]
    assert names == ["probe-minilm-l6", "probe-minilm-l6-2", "mine", "encoder-minilm-l6-lora"]


BAD = [
    ("task: x\ndata:\n  trian: a\n", ":3: data.trian: there is no key 'trian'", "mean 'train'"),
    ("task: x\n", ":1: data: the key 'data' is missing", "Add it"),
    ("data: {train: a}\n", ":1: task: the key 'task' is missing", "Add it"),
    ("task: 3\ndata: {train: a}\n", ":1: task: should be text, not 3", "in quotes: '3'"),
    ("task: a b\ndata: {train: a}\n", ":1: task: should be letters", "not 'a b'"),
    (GOOD + "seed: '1'\n", ":3: seed: should be a whole number, not '1'", ""),
    (GOOD + "seed: -1\n", ":3: seed: should be greater than or equal to 0, not -1", ""),
    (GOOD + "sede: 1\n", ":3: sede: there is no key 'sede'", "Did you mean 'seed'?"),
    (GOOD + "kind: clasification\n", ":3: kind: should be", "Did you mean 'classification'?"),
    (GOOD + "candidates: probe\n", ":3: candidates: should be a list", ""),
    (GOOD + "candidates: []\n", ":3: candidates: should have at least one item", ""),
    (GOOD + "candidates:\n- probe\n- encodr\n", ":5: candidates.1: there is no", "mean 'encoder'?"),
    (GOOD + "candidates: [3]\n", ":3: candidates.0: a candidate is one kind", "Start each"),
    (GOOD + "candidates: [{probe: , majority: }]\n", "a candidate is one kind", "Start each"),
    (GOOD + "candidates:\n- probe:\n  C: [1]\n", "a candidate is one kind", "indented below"),
    (GOOD + "candidates:\n- probe:\n    c: [1]\n", ":5: candidates.0.probe.c: ", "mean 'C'?"),
    (GOOD + "candidates: [probe: {C: [a]}]\n", "candidates.0.probe.C.0: should be a number", ""),
    (GOOD + "candidates: [encoder: {lora: {rank: 3}}]\n", "encoder.lora.rank: there is no", "r"),
    (GOOD + "candidates: [encoder: {lora: {r: 0}}]\n", "encoder.lora.r: should be greater", ""),
    (GOOD + "candidates: [encoder: {lora: 3}]\n", "keys and values or should be true or", ""),
    (GOOD + "candidates: [existing]\n", "give exactly one of column, file and command", ""),
    (GOOD + "candidates: [existing: {column: a, file: b}]\n", "give exactly one", ""),
    (GOOD + "candidates: [probe: {name: ../x}]\n", "probe.name: should be letters", ""),
    (GOOD + "decide: {metric: f1}\n", "decide.metric: should be 'accuracy'", "Choose from"),
    (GOOD + "data: {train: b}\n", ':3: found duplicate key "data"', "Keep one"),
    ("task: [\n", "this isn't YAML", "Check the indentation"),
    ("\ttask: x\n", "this isn't YAML", "Check the indentation"),
    ("", ":1: a task file is keys and values", "tunewise init"),
    ("- a\n", ":1: a task file is keys and values", "tunewise init"),
    (b"task: \xff\n", "isn't UTF-8 (byte 6)", "Save it as UTF-8"),
]


@pytest.mark.parametrize(("text", "what", "mend"), BAD)
def test_faults_are_told_with_line_key_and_mend(
    tmp_path: Path, text: str | bytes, what: str, mend: str
) -> None:
    with pytest.raises(TaskFileError) as error:
        loaded(tmp_path, text)
    message = str(error.value)
    assert what in message
    assert mend in message
    assert message.startswith(str(tmp_path / "task.yaml"))
    assert "\n" not in message


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as error:
        loaded(tmp_path, "task: x\ndata: {train: a, inptu: b}\nsede: 1\n")
    assert "inptu" in str(error.value)
    assert "Also: " in str(error.value)
    assert "sede" in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="tunewise init"):
        load_task(tmp_path / "task.yaml")
    with pytest.raises(TaskFileError, match="this is a folder"):
        load_task(tmp_path)
