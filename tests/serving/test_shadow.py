"""Faults these catch: a shadow in the way, pairs lost or mixed up, texts kept unasked."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from serving_runs import LABELS, PROBE, Served, served

from tunewise.errors import BadInput, RunFolderError
from tunewise.records import Example, Prediction
from tunewise.serving.engine import RunEngine

TEXTS = [f"my card has not arrived {n}" for n in range(6)] + ["what is the exchange rate"] * 2


def pairs_of(server: Served) -> list[dict[str, Any]]:
    path = server.ready.service.watch.shadow.path
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_both_answers_are_written_down_without_texts(labels_folder: Path) -> None:
    with served(labels_folder, PROBE, shadow="majority") as server:
        first = [server.post("/v1/classify", {"input": text}) for text in TEXTS]
    answers = [answer.json()["data"][0]["label"] for answer in first]
    pairs = pairs_of(server)
    assert len(pairs) == len(TEXTS)
    by_request = {pair["request"].partition(":")[0]: pair for pair in pairs}
    for answer, response in zip(answers, first, strict=True):
        pair = by_request[response.headers["x-request-id"]]
        assert pair["first"]["answer"] == answer
        assert pair["second"]["candidate"] == "majority"
        assert pair["second"]["answer"] in LABELS
        assert pair["same"] == (pair["first"]["answer"] == pair["second"]["answer"])
        assert pair["text"] is None
    path = server.ready.service.watch.shadow.path
    assert path.is_relative_to(labels_folder / "shadow" / "majority")
    assert "card has not" not in path.read_text()
    summary = json.loads(path.with_suffix(".summary.json").read_text())
    assert summary["texts"] == summary["shadow"]["both"] == len(TEXTS)
    same = sum(pair["same"] for pair in pairs) / len(pairs)
    assert summary["shadow"]["same"]["value"] == pytest.approx(same)


def test_texts_are_kept_where_they_are_asked_for(labels_folder: Path) -> None:
    with served(labels_folder, PROBE, shadow="majority", record_text=True) as server:
        server.post("/v1/classify", {"input": TEXTS})
    assert sorted(pair["text"] for pair in pairs_of(server)) == sorted(TEXTS)


def test_written_answers_are_compared_but_not_kept(writing_folder: Path) -> None:
    with served(writing_folder, "lora-tiny", shadow="majority") as server:
        body = {"model": "letters", "prompt": "dcbaab"}
        written = server.post("/v1/completions", body).json()["choices"][0]["text"]
        assert server.post("/v1/completions", body | {"stream": True}).is_success
    pairs = pairs_of(server)
    assert len(pairs) == 2
    for pair in pairs:
        assert pair["first"]["answer"] is pair["second"]["answer"] is None
        assert 0 <= pair["overlap"] <= 1
    assert written not in json.dumps(pairs)


def test_a_second_that_writes_is_asked_too(writing_folder: Path) -> None:
    with served(writing_folder, "majority", shadow="lora-tiny", record_text=True) as server:
        server.post("/v1/completions", {"model": "letters", "prompt": "dcbaab"})
    (pair,) = pairs_of(server)
    assert pair["second"]["candidate"] == "lora-tiny"
    assert len(pair["second"]["answer"]) >= 3


def test_a_second_that_hangs_or_fails_never_delays_the_first(labels_folder: Path) -> None:
    gate = threading.Event()

    class Hangs:
        def predict(self, examples: Sequence[Example], progress: object) -> list[Prediction]:
            assert gate.wait(30)
            raise ValueError("it fails as well")

    with served(labels_folder, PROBE, shadow="majority") as server:
        shadow = server.ready.service.watch.shadow
        shadow.worker.engine = RunEngine(shadow.second, Hangs())
        shadow.worker.most_waiting = 3
        for text in TEXTS:
            assert server.post("/v1/classify", {"input": text}).is_success
        assert not gate.is_set()
        left_out = shadow.tally().left_out
        assert left_out >= len(TEXTS) - 3 - shadow.worker.together
        gate.set()
    tally = shadow.tally()
    assert tally.both == 0
    assert tally.failed + tally.left_out == len(TEXTS)
    assert any(line["event"].startswith("shadow failed") for line in server.lines())


def test_pairs_that_cannot_be_written_are_told_and_counted(labels_folder: Path) -> None:
    with served(labels_folder, PROBE, shadow="majority") as server:
        shadow = server.ready.service.watch.shadow
        shadow.path = labels_folder / "run.json" / "no folder"
        for text in TEXTS:
            assert server.post("/v1/classify", {"input": text}).is_success
    assert shadow.tally().unwritten == len(TEXTS)
    told = [line for line in server.lines() if line["event"].startswith("pairs can't be written")]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("second", "error", "words"),
    [
        (PROBE, BadInput, "is the candidate that answers"),
        ("majorty", RunFolderError, "Did you mean 'majority'"),
        ("existing", RunFolderError, "looks its answers up"),
    ],
)
def test_a_second_that_is_none_is_refused(
    labels_folder: Path, second: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), served(labels_folder, PROBE, shadow=second):
        pass
