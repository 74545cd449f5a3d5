"""Faults these catch: a GGUF file that can't be asked, or is asked anew though it has answered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from test_asked import LABELS, TEST, TRAIN, VALIDATION, Told

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked import AskedPrompt
from tunewise.engines.asks import Ask
from tunewise.engines.endpoint.book import Book
from tunewise.engines.llama_cpp import LlamaCpp
from tunewise.errors import FileMissing, ModelError, TaskFileError
from tunewise.files import file_sha256
from tunewise.progress import Silent
from tunewise.records import Message
from tunewise.shipping.converter import convert
from tunewise.task.load import load_task
from tunewise.task.settings import PromptSettings


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_chat_models import tiny_chat_folder

    home = tmp_path_factory.mktemp("gguf")
    tiny_chat_folder("llama", home / "tiny")
    convert(home / "tiny", home / "tiny.gguf", "f16", "tiny", Silent())
    return home / "tiny.gguf"


def prompt(folder: Path) -> AskedPrompt:
    told = {"model": "tiny.gguf", "engine": "llama.cpp", "shots": [0]}
    return AskedPrompt(
        PromptSettings.model_validate(told), Setup(LABELS, 0, folder, "Which fruit?")
    )


def test_a_gguf_file_is_asked_in_llama_cpp_and_not_twice(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path / "cache"))
    shutil.copyfile(gguf, tmp_path / "tiny.gguf")
    told = Told()
    fitted = prompt(tmp_path).fit(TRAIN, VALIDATION[:4], tmp_path, told)
    answers = fitted.predict(TEST[:4], Silent())
    assert fitted.fit.answering == "scored"
    assert fitted.fit.spent is None
    assert all(a.prompt_tokens for a in answers)
    assert all(a.cost is None for a in answers)
    starts = "Loading tiny.gguf in llama.cpp."
    assert told.lines.count(starts) == 1
    again = Told()
    assert prompt(tmp_path).load(tmp_path).predict(TEST[:4], again) == answers
    assert starts not in again.lines  # all of it is in the book
    with (tmp_path / "tiny.gguf").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="isn't the one that was used"):
        prompt(tmp_path).load(tmp_path)


def test_llama_cpp_gives_alternatives_and_keeps_to_a_schema(gguf: Path, tmp_path: Path) -> None:
    engine = LlamaCpp(gguf, file_sha256(gguf), Book(tmp_path))
    messages = (Message("user", "Which fruit?"),)
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": ["plum", "pear"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    free = Ask("t.csv:1", messages, 6, alternatives=True)
    bound = Ask("t.csv:2", messages, 32, schema)
    try:
        one, other = engine.generate([free], Silent(), "Asking") + engine.generate(
            [bound], Silent(), "Asking"
        )
    finally:
        engine.close()
    assert len(one.tokens) == one.completion_tokens == 6
    assert len(one.tokens[0].alternatives) == 20
    assert not one.ended
    assert json.loads(other.text)["answer"] in ("plum", "pear")


def test_a_file_that_is_no_gguf_is_told_and_no_server_stays(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"GGUF but no more")
    engine = LlamaCpp(tmp_path / "no.gguf", "x", Book(tmp_path))
    with pytest.raises(ModelError, match=r"llama\.cpp doesn't load the file"):
        engine.generate([Ask("t.csv:1", (Message("user", "x"),), 4)], Silent(), "Asking")
    engine.close()
    with pytest.raises(FileMissing, match="no GGUF file here"):
        prompt(tmp_path / "none").fit(TRAIN, VALIDATION, tmp_path, Silent())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("engine: llama.cpp, model: smollm2", "llama.cpp runs GGUF files"),
        ("engine: llama.cpp, model: a.gguf, endpoint: 'http://h/v1'", "has its own engine"),
    ],
)
def test_settings_that_llama_cpp_cannot_run_are_refused(
    tmp_path: Path, settings: str, words: str
) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(f"task: t\ndata: {{train: x.csv}}\ncandidates:\n  - prompt: {{{settings}}}\n")
    with pytest.raises(TaskFileError, match=words):
        load_task(path)
