"""Faults these catch: scores in the wrong order, a C chosen elsewhere, a probe on another model."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tiny_encoders import LABELS, tickets, tiny_encoder

from tunewise.candidates import Setup, candidate
from tunewise.candidates.logistic import coefficients, probabilities
from tunewise.errors import ModelError
from tunewise.files import read_json
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import ProbeSettings

DATA = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
INTENTS = ("card_arrival", "exchange_rate", "lost_or_stolen_card", "top_up_failed")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return tiny_encoder("minilm", tmp_path_factory.mktemp("probe") / "encoder")


def probe(model, labels=LABELS, task_folder=Path(), **settings):
    setup = Setup(labels, seed=0, task_folder=task_folder)
    return candidate("probe", ProbeSettings(model=str(model), **settings), setup)


def test_what_is_loaded_answers_as_what_was_fitted(encoder, tmp_path):
    made = probe(encoder)
    fitted = made.fit(tickets(90), tickets(30, seed=1), tmp_path, Silent())
    rows = [replace(row, target="") for row in tickets(40, seed=2)]
    answers = fitted.predict(rows, Silent())
    assert made.load(tmp_path).predict(rows, Silent()) == answers
    assert [answer.id for answer in answers] == [row.id for row in rows]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "probe.safetensors",
        "settings.json",
    ]


def test_scores_are_probabilities_in_the_order_of_the_labels(encoder, tmp_path):
    rows = tickets(40, seed=2)
    for answer in probe(encoder).fit(tickets(90), [], tmp_path, Silent()).predict(rows, Silent()):
        assert sum(answer.scores) == pytest.approx(1)
        assert answer.answer == LABELS[int(np.argmax(answer.scores))]


def test_prompt_tokens_are_those_that_the_encoder_reads(encoder, tmp_path):
    fitted = probe(encoder, max_length=6).fit(tickets(30), [], tmp_path, Silent())
    rows = [
        Example(id=str(n), input=" ".join(["card"] * n), target="", row=n, source="x")
        for n in (1, 3, 9)
    ]
    assert [answer.prompt_tokens for answer in fitted.predict(rows, Silent())] == [3, 5, 6]


def test_settings_say_what_was_tried_and_chosen_on_validation(encoder, tmp_path):
    strengths = [100.0, 0.0001, 1.0]
    probe(encoder, C=strengths).fit(tickets(90), tickets(60, seed=1), tmp_path, Silent())
    about = read_json(tmp_path / "settings.json")
    tried = {attempt["C"]: attempt["validation_accuracy"] for attempt in about["tried"]}
    assert sorted(tried) == sorted(strengths)
    assert tried[0.0001] < max(tried.values())  # too strong a penalty, so the choice matters
    best = min(C for C, accuracy in tried.items() if accuracy == max(tried.values()))
    assert about["chosen"]["C"] == best
    assert about["model"]["source"] == str(encoder)
    assert len(about["model"]["fingerprint"]) == 64
    assert about["labels"] == list(LABELS)
    assert about["rows"] == {"train": 90, "validation": 60}


def test_a_tie_goes_to_the_smaller_c(encoder, tmp_path):
    one = tickets(1, seed=1)  # one row: every C that gets it right ties
    probe(encoder, C=[100.0, 50.0]).fit(tickets(90), one, tmp_path, Silent())
    about = read_json(tmp_path / "settings.json")
    assert len({attempt["validation_accuracy"] for attempt in about["tried"]}) == 1
    assert about["chosen"]["C"] == 50.0


def test_without_validation_rows_the_smallest_c_is_taken_and_said_so(encoder, tmp_path):
    probe(encoder, C=[10.0, 1.0]).fit(tickets(30), [], tmp_path, Silent())
    chosen = read_json(tmp_path / "settings.json")["chosen"]
    assert chosen["C"] == 1.0
    assert "no validation rows" in chosen["by"]


def test_a_label_without_training_rows_has_probability_zero(encoder, tmp_path):
    labels = ("card", "nobody", "refund", "transfer")
    validation = [replace(tickets(1, seed=1)[0], target="nobody"), *tickets(9, seed=3)]
    fitted = probe(encoder, labels).fit(tickets(60), validation, tmp_path, Silent())
    for answer in fitted.predict(tickets(20, seed=2), Silent()):
        assert answer.scores[1] == 0
        assert answer.answer != "nobody"
        assert sum(answer.scores) == pytest.approx(1)


def test_training_rows_of_one_label_only_are_always_answered_with_it(encoder, tmp_path):
    train = tickets(10, labels=("refund",))
    fitted = probe(encoder).fit(train, [], tmp_path, Silent())
    for answer in fitted.predict(tickets(10), Silent()):
        assert answer.answer == "refund"
        assert answer.scores == (0, 1, 0)


@pytest.mark.parametrize("present", [[0, 1], [1, 3], [0, 1, 2], [0, 2, 3]])
def test_probabilities_are_those_of_scikit_learn(present):
    chance = np.random.default_rng(0)
    y = chance.choice(present, size=80)
    X = (chance.normal(size=(80, 6)) + y[:, None] * 0.3).astype(np.float32)
    found = probabilities(coefficients(X, y, 4, C=1.0).logits(X))
    plain = LogisticRegression(C=1.0, max_iter=1000).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found[:, present], plain, atol=1e-5)
    assert found[:, [n for n in range(4) if n not in present]].sum() == 0


def test_a_regression_that_stops_early_is_told_of(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("tunewise.candidates.logistic.MAX_ITER", 2)
    warnings = []
    progress = Silent()
    monkeypatch.setattr(progress, "warn", warnings.append)
    probe(encoder, C=[10.0]).fit(tickets(90), tickets(9, seed=1), tmp_path, progress)
    assert warnings == ["the probe with C = 10 stopped at 2 iterations"]
    assert read_json(tmp_path / "settings.json")["tried"][0]["converged"] is False


def test_a_probe_refuses_an_encoder_it_was_not_fitted_on(encoder, tmp_path):
    own = tmp_path / "task" / "encoder"
    shutil.copytree(encoder, own)
    folder = tmp_path / "probe"
    folder.mkdir()
    made = probe("./encoder", task_folder=own.parent)
    made.fit(tickets(30), [], folder, Silent())
    tiny_encoder("bert", own)  # other weights under the same name
    with pytest.raises(ModelError, match="isn't the one that the probe was fitted on") as caught:
        made.load(folder)
    assert caught.value.exit_status == 2


def test_real_tickets_are_told_apart(minilm, tmp_path):
    rows = {intent: [] for intent in INTENTS}
    with DATA.open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.DictReader(file)):
            if line["category"] in rows:
                rows[line["category"]].append(
                    Example(str(number), line["text"], line["category"], number, "train.csv")
                )
    part = {name: [row for many in rows.values() for row in many[cut]] for name, cut in PARTS}
    fitted = probe("minilm-l6", INTENTS).fit(part["train"], part["validation"], tmp_path, Silent())
    answers = fitted.predict(part["test"], Silent())
    right = [a.answer == row.target for a, row in zip(answers, part["test"], strict=True)]
    assert len(right) == 24
    assert sum(right) >= 22
    about = read_json(tmp_path / "settings.json")["model"]
    assert about["fingerprint"] == minilm.fingerprint
    assert about["licence"] == "Apache-2.0"


PARTS = (
    ("train", slice(0, 14)),
    ("validation", slice(14, 18)),
    ("test", slice(18, 24)),
)
