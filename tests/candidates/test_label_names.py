"""Faults these catch: names learnt from where they mislead, and left out where they are all."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tiny_encoders import LABELS, tickets, tiny_encoder

from tunewise.candidates import Setup, candidate
from tunewise.candidates.label_names import FEW, WEIGHT, label_names, with_names
from tunewise.engines.embeddings import Embedder
from tunewise.files import read_json
from tunewise.models.model_folder import ModelFolder
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import EncoderSettings, ProbeSettings

DATA = Path(__file__).parents[2] / "examples" / "support-tickets" / "data"


def real(name: str, most: int) -> list[Example]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    step = max(1, len(rows) // most)
    return [
        Example(f"{name}{n}", row["text"], row["category"], n, f"{name}.csv")
        for n, row in list(enumerate(rows))[::step][:most]
    ]


def test_names_win_many_points_with_200_real_tickets(minilm: ModelFolder, tmp_path: Path) -> None:
    train, test = real("train", 200), real("test", 400)
    labels = tuple(sorted({row.target for row in (*train, *test)}))
    right = {}
    for wanted in (False, "auto"):
        folder = tmp_path / str(wanted)
        folder.mkdir()
        setup = Setup(labels, seed=0, task_folder=Path())
        made = candidate("probe", ProbeSettings(label_names=wanted, C=[100.0]), setup)
        answers = made.fit(train, [], folder, Silent()).predict(test, Silent())
        right[wanted] = sum(a.answer == row.target for a, row in zip(answers, test, strict=True))
    assert right["auto"] >= right[False] + 30, "of 400"
    said = read_json(tmp_path / "auto" / "settings.json")["label_names"]
    assert said["used"]
    assert "cross-validation on the training rows" in said["why"]
    assert said["accuracy"][1] > said["accuracy"][0]


def test_names_that_mislead_are_left_out(minilm: ModelFolder) -> None:
    rows = real("train", 300)
    kinds = sorted({row.target for row in rows})
    labels = kinds[1:] + kinds[:1]  # each label bears the name of another
    y = [kinds.index(row.target) for row in rows]
    embedder = Embedder(minilm.path)
    X = embedder.embed([row.input for row in rows])
    found = label_names("auto", labels, y, lambda texts: (X, embedder.embed(texts)))
    assert not found.used
    assert found.accuracy is not None
    assert found.accuracy[0] > found.accuracy[1]
    assert found.examples == ()


def test_many_rows_per_label_are_not_asked() -> None:
    def never(texts: object) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("nothing is to be embedded")

    y = [0, 1] * FEW
    assert not label_names("auto", ("a", "b"), y, never).used
    assert "20 rows per label" in label_names("auto", ("a", "b"), y, never).why
    assert label_names(True, ("card_lost", "b"), y, never).examples[:2] == (("card lost", 0),) * 2
    assert not label_names("auto", ("a", "b"), [0, 1], never).used


def test_names_follow_the_rows() -> None:
    X, names = np.zeros((3, 2)), np.array([[1.0, 0.0], [0.0, 1.0]])
    rows, targets = with_names(X, np.array([0, 1, 1]), names)
    assert len(rows) == 3 + 2 * WEIGHT
    assert targets.tolist() == [0, 1, 1, *[0, 1] * WEIGHT]
    assert rows[3:5].tolist() == names.tolist()
    assert with_names(X, targets[:3], None)[0] is X


@pytest.mark.parametrize("wanted", [True, False])
def test_an_encoder_knows_a_label_by_its_name_alone(*, wanted: bool, tmp_path: Path) -> None:
    """Of a label that no row has, only the name can give its probability more than zero."""
    model = tiny_encoder("minilm", tmp_path / "encoder")
    settings = EncoderSettings(model=str(model), label_names=wanted, num_train_epochs=1)
    labels = tuple(sorted((*LABELS, "zebra")))
    made = candidate("encoder", settings, Setup(labels, seed=0, task_folder=Path()))
    (tmp_path / "fit").mkdir()
    fitted = made.fit(tickets(60), [], tmp_path / "fit", Silent())
    scores = fitted.predict(tickets(5, seed=3), Silent())[0].scores
    assert (scores[labels.index("zebra")] > 0) is wanted
    assert read_json(tmp_path / "fit" / "settings.json")["label_names"]["used"] is wanted
