"""Faults these catch: a tracker told less than there is; a missing one found too late."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import made_run

from tests.report.conftest import small_plan
from tunewise.errors import TaskFileError
from tunewise.files import read_record
from tunewise.records import Scorecard
from tunewise.report.build import write_report
from tunewise.report.track import check_trackers, tell_tracker, told_of
from tunewise.workspace.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = made_run(tmp_path / "run", small_plan())[0]
    write_report(made)
    return made


def test_every_candidate_and_the_verdict_are_told(folder: RunFolder) -> None:
    told = told_of(folder)
    card = read_record(folder.candidate("encoder-minilm-l6").scorecard("test"), Scorecard)
    assert told.figures["encoder-minilm-l6/accuracy"] == card.metrics["accuracy"].value
    assert told.figures["encoder-minilm-l6/accuracy_low"] == card.metrics["accuracy"].low
    assert "majority/latency_p50" not in told.figures  # unknown is never zero
    assert {name.partition("/")[0] for name in told.figures} == set(small_plan().right)
    assert {"verdict.json", "report.html", "README.md", "task.yaml"} <= set(told.files)
    assert all(path.is_file() for path in told.files.values())


def test_a_tracker_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TaskFileError, match="track names mlflow, which isn't installed"):
        check_trackers(["mlflow"])
    check_trackers([])


@pytest.mark.filterwarnings("default")  # mlflow's own
def test_mlflow_keeps_figures_verdict_and_report(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")  # what the slim package can, too
    tell_tracker(folder, "mlflow")
    told, client = told_of(folder), mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("support-tickets")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.data.metrics == pytest.approx(told.figures)
    assert kept.data.tags["sentence"] == told.words["sentence"]
    assert {one.path for one in client.list_artifacts(kept.info.run_id)} == set(told.files)
    page = mlflow.artifacts.load_text(f"{kept.info.artifact_uri}/report.html")
    assert page == folder.report.read_text(encoding="utf-8")


@pytest.mark.filterwarnings("default")  # trackio's own
def test_trackio_keeps_figures_verdict_and_report(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio")
    tell_tracker(folder, "trackio")
    told = told_of(folder)
    (kept,) = trackio.Api().runs("support-tickets")
    assert kept.config["decision"] == told.words["decision"]
    (logged,) = trackio.sqlite_storage.SQLiteStorage.get_logs("support-tickets", kept.name)
    assert {key: logged[key] for key in told.figures} == pytest.approx(told.figures)
    pages = [p for p in (tmp_path / "trackio").rglob("*") if p.is_file()]
    assert folder.report.read_bytes() in [p.read_bytes() for p in pages]
