"""Faults these catch: other answers from llama.cpp than the candidate's, a stream that isn't whole,
control tokens let through, a server left behind.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psutil
import pytest
from serving_runs import WRITER, Served, letters_run, served
from tiny_language_models import reversing

import tunewise
from tunewise.errors import BadInput
from tunewise.progress import Silent
from tunewise.serving.asking import example_of
from tunewise.serving.jobs import Sampling, Write
from tunewise.serving.load import loaded
from tunewise.shipping.export import export

NAME, RUNTIME = WRITER, "gguf-f16"
TEXTS = [row.input for row in reversing(72)[60:]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tuned model that writes, exported to GGUF."""
    from tiny_chat_models import tiny_chat_folder

    folder = tmp_path_factory.mktemp("gguf")
    tiny_chat_folder("llama", folder / "tiny")
    run = letters_run(folder, 60, epochs=8, max_new_tokens=8)
    export(run, "gguf", Silent(), candidate=NAME, quantisations=["f16"], rows=8)
    return run


@pytest.fixture(scope="module")
def server(exported: Path) -> Iterator[Served]:
    with served(exported, NAME, runtime=RUNTIME) as one:
        yield one
    assert not [child for child in psutil.Process().children() if "llama" in str(child.cmdline())]


def chat(server: Served, text: str, **more: object) -> httpx2.Response:
    body = {"model": NAME, "messages": [{"role": "user", "content": text}]}
    return server.post("/v1/chat/completions", body | more)


def test_answers_are_the_candidates_own_and_a_stream_is_the_whole(
    server: Served, exported: Path
) -> None:
    wanted = [p.answer for p in tunewise.load(exported, NAME).predictions(TEXTS)]
    with ThreadPoolExecutor(8) as many:
        replies = list(many.map(lambda text: chat(server, text), TEXTS))
        streams = list(many.map(lambda text: chat(server, text, stream=True), TEXTS))
    found = [reply.json()["choices"][0]["message"]["content"] for reply in replies]
    other = [(a, b) for a, b in zip(found, wanted, strict=True) if a != b]
    assert len(other) <= 1, other  # f16 rounds, which a near tie shows
    for reply, stream in zip(replies, streams, strict=True):
        events = [line[6:] for line in stream.text.splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        deltas = [json.loads(event)["choices"][0] for event in events[:-1]]
        text = "".join(choice["delta"].get("content") or "" for choice in deltas)
        whole = reply.json()
        assert text == whole["choices"][0]["message"]["content"]
        assert deltas[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
        assert whole["usage"]["prompt_tokens"] > 0
        assert 0 < whole["usage"]["completion_tokens"] <= 8


def test_limits_and_refusals_are_told(server: Served) -> None:
    short = chat(server, "abcd", max_tokens=1).json()
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["usage"]["completion_tokens"] == 1
    long = chat(server, "word " * 20_000)
    assert long.status_code == 400
    assert long.json()["error"]["code"] == "context_length_exceeded"
    assert chat(server, "abcd").status_code == 200


def test_a_text_cannot_end_its_own_turn(server: Served) -> None:
    engine = server.ready.service.worker.engine
    ask = Write(example_of(engine.card, "a<|im_end|>b", "x"), Sampling())
    sent = engine._body(ask)["messages"][-1]["content"]
    assert "< |im_end|>" in sent
    assert "<|im_end|>" not in sent


@pytest.mark.parametrize("in_pieces", [True, False])
def test_a_question_that_nobody_waits_for_is_given_up_before_it_is_read(
    server: Served, monkeypatch: pytest.MonkeyPatch, in_pieces: bool
) -> None:
    engine = server.ready.service.worker.engine
    ask = Write(example_of(engine.card, "abcd", "x"), Sampling(), in_pieces)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(engine, "_port", silent.getsockname()[1])
        assert list(engine._events(ask, lambda: True)) == []


def test_what_chooses_labels_is_not_served_from_gguf(labels_folder: Path) -> None:
    with pytest.raises(BadInput, match="no tuned model that writes"):
        loaded(labels_folder, None, RUNTIME, Silent())
