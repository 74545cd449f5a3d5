"""Faults these catch: rows sent without consent, a job made twice, a model asked in other words
than it was tuned on.

A local server that takes files and fine-tuning jobs as the OpenAI API publishes them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_server import ChatServer, serving
from test_asked import LABELS, TEST, TRAIN, VALIDATION, Told, fruit, task_in

from tunewise import api
from tunewise.candidates import Outward, Setup
from tunewise.candidates.api.candidate import RECORD, Api, TuningRecord
from tunewise.cli.main import status
from tunewise.engines.endpoint.engine import ANNOUNCED
from tunewise.errors import BadInput, CapReached, DataError, ModelError, TaskFileError
from tunewise.files import read_record
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.load import load_task
from tunewise.task.settings import ApiSettings

PRICE = {"training": 3.0, "input": 1.0, "output": 4.0}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep answers of other tests out, and look at jobs without waiting."""
    monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tunewise.engines.endpoint.tuning.POLL", 0.0)
    monkeypatch.setattr("tunewise.engines.endpoint.waiting.FIRST", 0.02)
    ANNOUNCED.clear()


def server_of(**other: object) -> ChatServer:
    return ChatServer(lambda _: "red pear", tuned_says=fruit, **other)  # type: ignore[arg-type]


def made(
    server: ChatServer, *, consents: bool = True, usd: float | None = None, **more: object
) -> Api:
    told = {"endpoint": server.url, "model": "big-model", "key_env": None, "price": PRICE, **more}
    outward = Outward("run", usd, personal=("2 rows hold 2 phone numbers",), consents=consents)
    setup = Setup(LABELS, 0, Path(), "Which fruit?", "api", outward=outward)
    return Api(ApiSettings.model_validate(told), setup)


def lines_of(data: bytes) -> list[dict[str, list[dict[str, str]]]]:
    return [json.loads(line) for line in data.splitlines()]


def test_a_tuned_model_is_asked_in_the_words_it_was_tuned_on(tmp_path: Path) -> None:
    told = Told()
    with serving(server_of()) as server:
        candidate = made(server, num_train_epochs=2)
        fitted = candidate.fit(TRAIN, VALIDATION, tmp_path, told)
        answers = fitted.predict(TEST, Silent())
        again = candidate.load(tmp_path).predict(TEST, Silent())
    assert [a.answer for a in answers] == [row.target for row in TEST]
    assert again == answers
    train, validation = (lines_of(server.files[name]) for name in ("file-1", "file-2"))
    assert (len(train), len(validation)) == (len(TRAIN), len(VALIDATION))
    assert train[0]["messages"][-1] == {"role": "assistant", "content": "blue plum"}
    asked = server.asked[-1]["messages"]
    assert asked[0] == train[0]["messages"][0]
    assert [m["role"] for m in asked] == [m["role"] for m in train[0]["messages"][:-1]]
    record = read_record(tmp_path / RECORD, TuningRecord)
    assert record.model == "ft:big-model:tw::ftjob-1"
    assert record.usd == pytest.approx(3e-6 * (record.trained_tokens or 0))
    (job,) = server.jobs
    assert job["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}
    for state in ("queued", "running", "succeeded"):
        assert any(line.endswith(f"{state}.") for line in told.lines)


def test_nothing_is_sent_without_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    with serving(server_of()) as server:
        with pytest.raises(BadInput, match=r"nobody has agreed.*--yes"):
            made(server, consents=False).fit(TRAIN, VALIDATION, tmp_path, told)
        assert server.calls == server.asked == []
    for words in ("24 rows (train.jsonl)", "30 rows (validation.jsonl)", "for about $0.01"):
        assert words in told.lines[0]
    assert "2 phone numbers" in told.lines[0]


@pytest.mark.parametrize("after", ["POST /v1/files", "POST /v1/fine_tuning/jobs", "GET running"])
def test_a_run_that_is_cut_off_carries_on_and_makes_no_second_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """The process ends right after a call, before what it gave is on the disk."""
    from tunewise.engines.endpoint.book import Book

    keep, kept = Book.keep, []

    def cut_off(book: Book, asked: str, body: dict[str, object]) -> None:
        kept.append(body)
        if (
            len(kept)
            == ["POST /v1/files", "POST /v1/fine_tuning/jobs", "GET running"].index(after) + 1
        ):
            raise KeyboardInterrupt
        keep(book, asked, body)

    with serving(server_of()) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Book, "keep", cut_off)
            with pytest.raises(KeyboardInterrupt):
                made(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
        fitted = made(server, consents=after == "POST /v1/files").fit(
            TRAIN, VALIDATION, tmp_path, Silent()
        )
        assert [a.answer for a in fitted.predict(TEST[:3], Silent())] == list(LABELS)
        asked = len(server.calls)
        made(server, consents=False).fit(TRAIN, VALIDATION, tmp_path / "anew", Silent())
        assert len(server.calls) == asked  # known to the book
    assert len(server.jobs) == 1
    assert len(server.files) == (4 if after == "POST /v1/files" else 2)


def test_a_job_that_no_book_knows_is_found_at_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(server_of()) as server:
        made(server).fit(TRAIN, VALIDATION, tmp_path / "one", Silent())
        monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path / "other"))
        made(server).fit(TRAIN, VALIDATION, tmp_path / "two", Silent())
    assert len(server.jobs) == 1
    assert len(server.files) == 2


def test_calls_that_fail_on_the_way_are_tried_again(tmp_path: Path) -> None:
    def fault(name: str, attempt: int) -> str | None:
        return "500" if "/v1/f" in name and attempt % 3 == 0 else None

    with serving(server_of(fault=fault)) as server:
        fitted = made(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
        assert fitted.predict(TEST[:1], Silent())[0].answer == TEST[0].target
    assert len(server.jobs) == 1


def test_a_job_that_fails_is_told_and_another_can_be_made(tmp_path: Path) -> None:
    error = {"code": "invalid_training_file", "param": "training_file", "message": "Line 3 is odd."}
    with serving(server_of(job_fails=error)) as server:
        with pytest.raises(ModelError, match=r"ftjob-1 failed \(training_file\): Line 3 is odd"):
            made(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
        server.job_fails = None
        made(server).fit(TRAIN, VALIDATION, tmp_path, Silent())
    assert [job["status"] for job in server.jobs] == ["failed", "succeeded"]


def test_a_model_that_the_provider_does_not_tune_is_told(tmp_path: Path) -> None:
    with (
        serving(
            server_of(refuses_job="Model big-model is not available for fine-tuning.")
        ) as server,
        pytest.raises(ModelError, match=r"refuses the job \(model\): Model big-model is not"),
    ):
        made(server).fit(TRAIN, VALIDATION, tmp_path, Silent())


def test_rows_that_cannot_be_trained_on_are_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    half = Example("x", "half \ud83d", LABELS[0], 7, "t.csv")
    empty = Example("y", "text", " ", 8, "t.csv")
    with serving(server_of()) as server:
        with pytest.raises(DataError, match="9 training rows, and fine-tuning takes 10"):
            made(server).fit(TRAIN[:9], VALIDATION, tmp_path, Silent())
        with pytest.raises(
            DataError, match=r"t\.csv:7: the text holds half a character \(U\+D83D\)"
        ):
            made(server).fit([*TRAIN, half], VALIDATION, tmp_path, Silent())
        with pytest.raises(DataError, match=r"t\.csv:8: the row's answer is empty"):
            made(server).fit([*TRAIN, empty], VALIDATION, tmp_path, Silent())
    assert server.calls == []


def test_tuning_counts_under_the_spending_cap(tmp_path: Path) -> None:
    with serving(server_of()) as server:
        with pytest.raises(CapReached, match="spending cap"):
            made(server, usd=0.001).fit(TRAIN, VALIDATION, tmp_path, Silent())
        assert server.calls == []
        with pytest.raises(ModelError, match="no price is known"):
            made(server, usd=1.0, price=None).fit(TRAIN, VALIDATION, tmp_path, Silent())


TASK = """
task: fruits
instruction: Which fruit?
data: {{train: rows.jsonl}}
spending: {{usd: {usd}}}
candidates:
  - majority
  - api: {{endpoint: "{url}", model: big-model, key_env: EP_KEY,
      price: {{training: 3.0, input: 1.0, output: 4.0}}}}
"""


def test_a_task_with_a_tuned_model_needs_yes_and_reaches_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EP_KEY", "sk-something")
    with serving(server_of(key="sk-something")) as server:
        task = task_in(tmp_path, server, text=TASK)
        assert status(["run", str(task)]) == 2
        assert "Agree with: tunewise run --yes" in capsys.readouterr().err
        assert status(["run", str(task), "--yes"]) == 0
        run = api.Run(tmp_path / "runs" / "fruits")
        assert (run.verdict.decision, run.verdict.winner) == ("tune", "api-big-model")
        assert api.load(run.folder).predict(["a plum"]) == ["blue_plum"]
        asked = len(server.asked), len(server.calls)
        assert status(["run", str(task)]) == 0
        assert (len(server.asked), len(server.calls)) == asked


def test_offline_forbids_tuning_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(
        "task: t\noffline: true\ndata: {train: x.csv}\ncandidates:\n  - api: {model: m}\n"
    )
    with pytest.raises(TaskFileError, match="'offline: true' forbids"):
        load_task(path)
