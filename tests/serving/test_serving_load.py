"""Faults these catch: another's answer, lost requests, places that stay taken, an unending stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from serving_runs import PROBE, Served, sent_raw, served
from tiny_language_models import reversing

import tunewise
from tunewise.records import Example, Prediction
from tunewise.serving.engine import Card, RunEngine
from tunewise.serving.jobs import Failed, Job, Predict, Predicted
from tunewise.serving.limits import Limits
from tunewise.serving.worker import Busy, Stopping, Worker

CARD = Card("echo", "probe", "t", "classification", ("a",), "columns", "none", False, None, 0)


class Echo:
    """Answers each text with itself; waits at a gate, and fails at texts that say so."""

    def __init__(self) -> None:
        self.gate, self.entered = threading.Event(), threading.Event()
        self.batches: list[list[str]] = []
        self.gate.set()

    def predict(self, examples: Sequence[Example], progress: object) -> list[Prediction]:
        texts = [example.input for example in examples]
        self.batches.append(texts)
        self.entered.set()
        assert self.gate.wait(30)
        if "fail" in texts:
            raise ValueError("as the text says")
        return [Prediction(example.id, example.input) for example in examples]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def worker(echo: Echo) -> Any:
    made = Worker(lambda: RunEngine(CARD, echo), name="echo", most_waiting=40, together=8)
    made.start()
    yield made
    echo.gate.set()
    assert made.stop(10)


def asked(*texts: str) -> Predict:
    return Predict(tuple(Example(f"id-{text}", text, "", 1, "test") for text in texts))


def run(worker: Worker, scene: Callable[[Callable[..., Job]], Any]) -> Any:
    """Run an asynchronous scene, which submits by the function it is given."""

    async def played() -> Any:
        loop = asyncio.get_running_loop()

        def submit(*texts: str) -> Job:
            job = Job(asked(*texts), loop)
            worker.submit(job)
            return job

        return await asyncio.wait_for(scene(submit), 30)

    return asyncio.run(played())


def test_what_waits_together_is_answered_together_each_its_own(worker: Worker, echo: Echo) -> None:
    async def scene(submit: Callable[..., Job]) -> None:
        echo.gate.clear()
        first = submit("first")
        await asyncio.to_thread(echo.entered.wait, 10)
        jobs = [submit(*(f"{n}-{k}" for k in range(1 + n % 3))) for n in range(20)]
        echo.gate.set()
        for job in [first, *jobs]:
            found = await job.event()
            assert isinstance(found, Predicted)
            assert [p.answer for p in found.predictions] == [e.input for e in job.ask.examples]

    run(worker, scene)
    assert max(map(len, echo.batches)) > 4
    assert all(len(batch) <= 8 for batch in echo.batches)


def test_a_text_that_fails_fails_alone(worker: Worker, echo: Echo) -> None:
    async def scene(submit: Callable[..., Job]) -> None:
        echo.gate.clear()
        submit("first")
        await asyncio.to_thread(echo.entered.wait, 10)
        jobs = [submit(text) for text in ("a", "fail", "b")]
        echo.gate.set()
        found = [await job.event() for job in jobs]
        assert [isinstance(event, Failed) for event in found] == [False, True, False]
        assert found[2].predictions[0].answer == "b"

    run(worker, scene)


def test_a_full_line_says_when_to_come_back_and_a_withdrawn_job_frees_its_place(
    worker: Worker, echo: Echo
) -> None:
    async def scene(submit: Callable[..., Job]) -> None:
        echo.gate.clear()
        submit("first")
        await asyncio.to_thread(echo.entered.wait, 10)
        jobs = [submit(f"text {n}") for n in range(40)]
        with pytest.raises(Busy) as told:
            submit("one too many")
        assert told.value.seconds >= 1
        worker.withdraw(jobs[7])
        assert worker.waiting == 39
        last = submit("now there is room")
        echo.gate.set()
        assert isinstance(await last.event(), Predicted)

    run(worker, scene)
    assert "text 7" not in [text for batch in echo.batches for text in batch]


def test_a_worker_that_stops_answers_what_waits_and_takes_no_more(
    worker: Worker, echo: Echo
) -> None:
    async def scene(submit: Callable[..., Job]) -> None:
        echo.gate.clear()
        submit("first")
        await asyncio.to_thread(echo.entered.wait, 10)
        jobs = [submit(f"text {n}") for n in range(20)]
        stopped = asyncio.create_task(asyncio.to_thread(worker.stop, 20))
        while not worker._stopping:
            await asyncio.sleep(0)
        with pytest.raises(Stopping):
            submit("late")
        echo.gate.set()
        assert all([isinstance(await job.event(), Predicted) for job in jobs])
        assert await stopped

    run(worker, scene)


def test_many_clients_at_once_get_the_answers_to_their_own_texts(
    labels: Served, labels_folder: Path
) -> None:
    texts = [f"{words} {n}" for n in range(12) for words in (
        "my card has not come", "at what rate do you exchange", "I lost my card", "top up failed",
        "is it", "ça marche")]  # fmt: skip
    wanted = tunewise.load(labels_folder, PROBE).predictions(texts)
    first = {t: w.scores[0] for t, w in zip(texts, wanted, strict=True)}

    def ask(text: str) -> float:
        found = labels.post("/v1/classify", {"input": text}).json()["data"][0]
        return found["probabilities"]["card_arrival"]

    with ThreadPoolExecutor(32) as pool:
        for text, probability in zip(texts, pool.map(ask, texts), strict=True):
            assert probability == pytest.approx(first[text], abs=5e-3)


def test_writers_side_by_side_get_their_own_answers(writing: Served, writing_folder: Path) -> None:
    texts = [example.input for example in reversing(60)]
    wanted = tunewise.load(writing_folder, "lora-tiny").predict(texts)

    def ask(text: str) -> str:
        body = {"model": "letters", "prompt": text, "stream": True}
        with httpx2.stream("POST", f"{writing.url}/v1/completions", json=body, timeout=60) as got:
            events = [line[6:] for line in got.iter_lines() if line.startswith("data: {")]
        return "".join(json.loads(event)["choices"][0]["text"] for event in events)

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(ask, texts)) == wanted


def test_a_client_that_goes_away_frees_its_place(labels_folder: Path) -> None:
    with served(labels_folder, "majority", limits=Limits(seconds=30, waiting=1)) as server:
        worker = server.ready.service.worker
        echo = Echo()
        worker.engine = RunEngine(server.ready.service.card, echo)
        echo.gate.clear()
        head = (
            b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 14\r\n\r\n"
        )
        thread = threading.Thread(target=server.post, args=("/v1/classify", {"input": "a"}))
        thread.start()
        assert echo.entered.wait(10)
        sent_raw(server.url, head + b'{"input": "b"}', reads=0)  # waits in line, then hangs up
        deadline = time.monotonic() + 10
        while server.ready.service.meters.cancelled._value.get() < 1:
            assert time.monotonic() < deadline, "the server doesn't notice"
        assert worker.waiting == 0
        threads = [threading.Thread(target=server.post, args=("/v1/classify", {"input": "c"}))]
        threads[0].start()
        while worker.waiting < 1:
            assert time.monotonic() < deadline
        busy = server.post("/v1/classify", {"input": "d"})
        assert busy.status_code == 429
        assert int(busy.headers["retry-after"]) >= 1
        assert busy.json()["error"]["code"] == "line_full"
        echo.gate.set()
        for one in (thread, *threads):
            one.join()
        assert [text for batch in echo.batches for text in batch] == ["a", "c"]


def test_a_stream_that_is_hung_up_on_is_written_no_further(
    writing: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = writing.ready.service
    decoder = service.worker.engine._decoder
    gone = service.meters.cancelled._value.get()
    step, steps = decoder.step, []

    def slow_step() -> None:  # or so small a model has written it all before anybody notices
        steps.append(1)
        time.sleep(0.05)
        step()

    monkeypatch.setattr(decoder, "step", slow_step)
    body = {"model": "letters", "prompt": "dcba", "stream": True, "max_tokens": 490,
            "temperature": 2, "seed": 1, "stop": "never so"}  # fmt: skip
    with httpx2.stream("POST", f"{writing.url}/v1/completions", json=body, timeout=60) as got:
        assert next(got.iter_lines()).startswith("data: {")
    deadline = time.monotonic() + 20
    while service.meters.cancelled._value.get() == gone or decoder.rows:
        assert time.monotonic() < deadline, "it is written on"
    assert 0 < len(steps) < 400


def test_an_answer_that_takes_too_long_is_given_up(labels_folder: Path) -> None:
    with served(labels_folder, "majority", limits=Limits(seconds=0.3)) as server:
        echo = Echo()
        server.ready.service.worker.engine = RunEngine(server.ready.service.card, echo)
        echo.gate.clear()
        late = server.post("/v1/classify", {"input": "a"})
        echo.gate.set()
        assert late.status_code == 504
        assert late.json()["error"]["code"] == "timeout"


def test_a_bug_is_told_without_its_traceback_and_logged_with_it(labels_folder: Path) -> None:
    with served(labels_folder, "majority") as server:
        server.ready.service.worker.engine = RunEngine(server.ready.service.card, Echo())
        found = server.post("/v1/classify", {"input": "fail"})
        assert found.status_code == 500
        told = found.json()["error"]
        assert told["type"] == "server_error"
        assert "as the text says" not in found.text
        assert found.headers["x-request-id"] in told["message"]
        assert server.post("/v1/classify", {"input": "a"}).is_success
    logged = next(line for line in server.lines() if line["level"] == "error")
    assert "as the text says" in logged["traceback"]
    assert logged["request_id"] == found.headers["x-request-id"]


def test_sigterm_under_load_finishes_what_was_begun(labels_folder: Path) -> None:
    code = "from tunewise.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "serve", str(labels_folder), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"on (http://\S+) \(Ctrl-C", line):
                break
        reader = threading.Thread(target=lambda: lines.extend(process.stderr))
        reader.start()
        url = found[1]
        answers: list[tuple[str, int, str]] = []
        refused = threading.Event()

        def client(number: int) -> None:
            with httpx2.Client(timeout=60) as http:
                for turn in range(10_000):
                    text = f"my card has not arrived {number} {turn}"
                    try:
                        got = http.post(f"{url}/v1/classify", json={"input": text})
                    except httpx2.ConnectError:
                        refused.set()  # nobody is let in any more: what a client may see
                        return
                    answers.append((text, got.status_code, got.text))
                    if len(answers) == 30:
                        os.kill(process.pid, signal.SIGTERM)

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(client, number) for number in range(8)]:
                done.result()
        assert process.wait(30) == 0
        reader.join()
    assert refused.is_set()
    assert len(answers) >= 30
    for text, status, body in answers:
        assert status == 200, (text, body)
        assert json.loads(body)["data"][0]["label"] == "card_arrival"
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert next(line["event"] for line in logged if line["event"] != "request") == "stopping"
    assert sum(line.get("route") == "/v1/classify" for line in logged) == len(answers)
    assert "Traceback" not in "".join(lines)
    assert not any("my card" in line for line in lines), "no text in the log unless asked for"


def test_the_log_holds_texts_only_where_they_are_asked_for(labels_folder: Path) -> None:
    with served(labels_folder, PROBE, log_text=True) as server:
        server.post("/v1/classify", {"input": "my card has not arrived"})
    line = next(line for line in server.lines() if line["event"] == "request")
    assert line["inputs"] == ["my card has not arrived"]
    assert line["answers"] == ["card_arrival"]
