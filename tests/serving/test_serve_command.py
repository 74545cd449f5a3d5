"""Faults these catch: a traceback where the command line is wrong, a model that isn't the run's."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import httpx2
import pytest
from serving_runs import PROBE, Served, served

from tunewise.cli import main
from tunewise.errors import BadInput, RunFolderError
from tunewise.serving.serve import LOOPBACK, Wanted, _hosts


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run the verb, which must end with one line and exit status 2; return the line."""
    assert main.status(["serve", *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert err.startswith("tunewise: ")
    return err


def test_a_port_in_use_is_one_line(labels_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        line = told(capsys, str(labels_folder), "--port", port)
    assert "the port is in use" in line
    assert f"--port {port}" in line


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.1.1.1", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_one_line(
    labels_folder: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"--host {host}" in told(capsys, str(labels_folder), "--host", host, "--port", "0")


def test_no_run_no_candidate_no_key_are_one_line(
    labels_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = str(labels_folder)
    assert "there is no run here" in told(capsys, str(tmp_path), "--port", "0")
    assert "Did you mean" in told(capsys, run, "--port", "0", "--candidate", "prob-minilm-l6")
    assert "looks its answers up" in told(capsys, run, "--port", "0", "--candidate", "existing")
    monkeypatch.setenv("WEAK", "secret")
    assert "isn't set" in told(capsys, run, "--key-env", "NOT_SET")
    line = told(capsys, run, "--key-env", "WEAK")
    assert "16 plain characters" in line
    assert "secret" not in line


def test_a_run_without_a_winner_is_one_line(
    labels_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(labels_folder, run)
    (run / "stages" / "verdict.json").unlink()
    assert "isn't finished" in told(capsys, str(run), "--port", "0")
    shutil.copy(labels_folder / "stages" / "verdict.json", run / "stages")
    verdict = json.loads((run / "verdict.json").read_text()) | {"winner": None}
    (run / "verdict.json").write_text(json.dumps(verdict))
    assert "was changed" in told(capsys, str(run), "--port", "0")
    record = json.loads((run / "stages" / "verdict.json").read_text())
    from tunewise.files import file_sha256

    record["outputs"]["verdict.json"] = file_sha256(run / "verdict.json")
    (run / "stages" / "verdict.json").write_text(json.dumps(record))
    assert "the run has no winner" in told(capsys, str(run), "--port", "0")


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_model_file_that_is_gone_or_changed_is_one_line(
    labels_folder: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(labels_folder, run)
    weights = run / "candidates" / PROBE / "probe.safetensors"
    if damage == "missing":
        weights.unlink()
    else:
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    line = told(capsys, str(run), "--port", "0")
    assert "probe.safetensors" in line
    assert "missing or was changed" in line


def test_rows_that_were_changed_are_told(labels_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(labels_folder, run)
    (run / "data" / "splits.json").write_text("{}")
    with pytest.raises(RunFolderError, match="was changed"), served(run, PROBE):
        pass


def test_the_port_is_free_again_and_the_thread_gone_after_a_failed_start(
    labels_folder: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    for _ in range(2):
        with pytest.raises(BadInput), served(labels_folder, PROBE, shadow=PROBE):
            pass
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_only_loopback_asks_for_a_name(labels_folder: Path) -> None:
    assert set(LOOPBACK) < set(_hosts(Wanted(labels_folder, hosts=("a.example",))))
    assert _hosts(Wanted(labels_folder, host="0.0.0.0")) == ()
    assert "a.example" in _hosts(Wanted(labels_folder, host="0.0.0.0", hosts=("A.example",)))


def test_health_figures_and_the_page(labels: Served) -> None:
    assert httpx2.get(labels.url + "/healthz").json() == {"status": "ok"}
    assert httpx2.get(labels.url + "/readyz").json() == {"status": "ready", "model": PROBE}
    labels.post("/v1/classify", {"input": "my card has not arrived"})
    metrics = httpx2.get(labels.url + "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    for name in (
        'tunewise_requests_total{route="/v1/classify",status="200"}',
        'tunewise_answers_total{label="card_arrival"}',
        'tunewise_tokens_total{kind="read"}',
        'tunewise_request_seconds_bucket{le="0.005",route="/v1/classify"}',
        "tunewise_line_length 0.0",
        "process_resident_memory_bytes",
    ):
        assert name in metrics.text, name
    httpx2.get(labels.url + "/made/up/path")
    assert "made/up" not in httpx2.get(labels.url + "/metrics").text
    page = httpx2.get(labels.url + "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text


def test_labels_below_the_threshold_are_rejected(labels_folder: Path) -> None:
    with served(labels_folder, PROBE, threshold=0.6) as server:
        texts = ["my card has not arrived", "hm"]
        found = server.post("/v1/classify", {"input": texts, "top": 2}).json()
        sure, unsure = found["data"]
        assert found["threshold"] == 0.6
        assert (sure["label"], sure["rejected"]) == ("card_arrival", False)
        assert (unsure["label"], unsure["rejected"]) == (None, True)
        assert unsure["probability"] < 0.6 < sure["probability"]
        assert list(sure["probabilities"].values())[0] == sure["probability"]  # noqa: RUF015
        assert len(sure["probabilities"]) == 2
        asked = server.post("/v1/classify", {"input": texts, "threshold": 0}).json()
        assert asked["data"][1]["label"] is not None
        assert "tunewise_answers_rejected_total 1.0" in httpx2.get(server.url + "/metrics").text


def test_the_answers_are_those_of_predict(labels: Served, labels_folder: Path) -> None:
    import tunewise

    texts = ["my card has not arrived", "top up failed", "🙂", "a\x00b", "x " * 3000]
    wanted = tunewise.load(labels_folder, PROBE).predictions(texts)
    found = labels.post("/v1/classify", {"input": texts}).json()["data"]
    for row, answer in zip(found, wanted, strict=True):
        assert row["label"] == answer.answer
        assert row["probability"] == pytest.approx(max(answer.scores), abs=2e-3)
