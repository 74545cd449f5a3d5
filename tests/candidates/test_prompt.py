"""Faults these catch: a prompt that answers otherwise once it is loaded, or with another model.

The real language model and the real encoder, on real tickets of three intents.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from tunewise.candidates import Setup
from tunewise.candidates.prompt.candidate import FittedPrompt, Prompt
from tunewise.candidates.prompt.settings_file import SETTINGS
from tunewise.errors import DataError, ModelError, RunFolderError
from tunewise.models.model_folder import ModelFolder
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import PromptSettings

TICKETS = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
LABELS = ("card_arrival", "exchange_rate", "top_up_failed")


def tickets() -> list[Example]:
    """Return 16 tickets of each of three intents, taking turns."""
    by_label = defaultdict(list)
    with TICKETS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row["text"])
    texts = [(text, label) for n in range(16) for label in LABELS for text in [by_label[label][n]]]
    return [Example(f"id{n}", text, label, n, "t.csv") for n, (text, label) in enumerate(texts)]


ROWS = tickets()
TRAIN, VALIDATION, TEST = ROWS[:24], ROWS[24:36], ROWS[36:]


class Told(Silent):
    """Keeps the lines that a user would see."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


def made(folder: Path, **settings: object) -> Prompt:
    setup = Setup(LABELS, 0, folder, "Which intent has the message?")
    return Prompt(PromptSettings.model_validate({"shots": [0, 2], **settings}), setup)


@pytest.fixture(scope="module")
def fitted(
    tmp_path_factory: pytest.TempPathFactory, minilm: ModelFolder, smollm2: ModelFolder
) -> tuple[Path, FittedPrompt]:
    folder = tmp_path_factory.mktemp("prompt")
    return folder, made(folder).fit(TRAIN, VALIDATION, folder, Silent())


def test_answers_are_legal_labels_with_probabilities_and_better_than_chance(
    fitted: tuple[Path, FittedPrompt],
) -> None:
    answers = fitted[1].predict(TEST, Silent())
    assert [a.id for a in answers] == [row.id for row in TEST]
    for answer in answers:
        assert answer.scores is not None
        assert sum(answer.scores) == pytest.approx(1)
        assert answer.answer == LABELS[answer.scores.index(max(answer.scores))]
        assert (answer.prompt_tokens or 0) > 50
        assert (answer.completion_tokens or 0) > 1
    right = [a.answer == row.target for a, row in zip(answers, TEST, strict=True)]
    assert sum(right) >= 10  # of 12; chance is 4


def test_what_was_chosen_and_tried_is_on_record_with_its_proof(
    fitted: tuple[Path, FittedPrompt],
) -> None:
    about = json.loads((fitted[0] / SETTINGS).read_text())
    tried = {(t["shots"], t["normalisation"]): t["accuracy"] for t in about["tried"]}
    chosen = about["chosen"]
    assert tried[chosen["shots"], chosen["normalisation"]] == max(tried.values())
    assert {shots for shots, _ in tried} == {0, 2}
    assert 0 <= about["proof"] < 2  # nats, in the model's own number format
    assert "Which intent has the message?" in about["example"]
    assert all(label in about["example"] for label in about["label_texts"])


def test_what_is_loaded_answers_the_same(fitted: tuple[Path, FittedPrompt], tmp_path: Path) -> None:
    folder = shutil.copytree(fitted[0], tmp_path / "moved")
    before = fitted[1].predict(TEST[:4], Silent())
    after = made(folder).load(folder).predict(TEST[:4], Silent())
    assert [a.answer for a in after] == [b.answer for b in before]
    for one, other in zip(before, after, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


def test_other_labels_or_another_model_are_refused(
    fitted: tuple[Path, FittedPrompt], tmp_path: Path
) -> None:
    folder = shutil.copytree(fitted[0], tmp_path / "moved")
    with pytest.raises(RunFolderError, match="aren't those of the task"):
        Prompt(PromptSettings(), Setup(("a", "b"), 0, folder)).load(folder)
    about = json.loads((folder / SETTINGS).read_text())
    about["model"]["fingerprint"] = "0" * 64
    (folder / SETTINGS).write_text(json.dumps(about))
    with pytest.raises(ModelError, match="isn't the one that was used"):
        made(folder).load(folder)


def test_a_text_longer_than_the_model_reads_is_told_with_its_row(
    fitted: tuple[Path, FittedPrompt],
) -> None:
    long = Example("long", "card " * 9000, "", 77, "new.csv")
    with pytest.raises(DataError, match=r"new\.csv:77: the prompt has"):
        fitted[1].predict([long], Silent())


def test_an_encoder_cannot_be_prompted(minilm: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="isn't a causal language model"):
        made(tmp_path, model="minilm-l6").fit(TRAIN, VALIDATION, tmp_path, Silent())


def test_a_search_tries_instructions_and_examples_within_its_budget(
    minilm: ModelFolder, smollm2: ModelFolder, tmp_path: Path
) -> None:
    told = Told()
    search = {"requests": 96, "proposals": 1, "draws": 1, "instructions": ["Sort this message."]}
    first = made(tmp_path, search=search).fit(TRAIN, VALIDATION, tmp_path, told)
    about = json.loads((tmp_path / SETTINGS).read_text())
    assert about["instructions"][:2] == ["Which intent has the message?", "Sort this message."]
    tried = {(t["shots"], t["instruction"], t["draw"]): t["rows"] for t in about["tried"]}
    assert len(tried) > 2
    assert (0, 0, 0) in tried  # the plain prompt
    assert sum(tried.values()) <= 96
    assert len({instruction for _, instruction, _ in tried}) > 1
    chosen = about["chosen"]
    most = max(tried.values())
    finalists = [t["accuracy"] for t in about["tried"] if t["rows"] == most]
    best = next(
        t for t in about["tried"] if all(t[key] == chosen[key] for key in chosen if key in t)
    )
    assert best["accuracy"] == max(finalists)
    assert about["instruction"] == about["instructions"][chosen["instruction"]]
    assert any("Prompt search: " in line for line in told.lines)
    again = made(tmp_path).load(tmp_path).predict(TEST[:2], Silent())
    for one, other in zip(first.predict(TEST[:2], Silent()), again, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


def test_a_search_reads_no_more_tokens_than_it_may(
    minilm: ModelFolder, smollm2: ModelFolder, tmp_path: Path
) -> None:
    told = Told()
    search = {"requests": 200, "tokens": 1_500, "proposals": 0, "draws": 0}
    made(tmp_path, shots=[0], search=search).fit(TRAIN, VALIDATION, tmp_path, told)
    assert any("ended early" in line for line in told.lines)
    about = json.loads((tmp_path / SETTINGS).read_text())
    rows = {t["instruction"]: t["rows"] for t in about["tried"]}
    assert 0 < sum(rows.values()) * 60 < 1_500  # no prompt of these has fewer than 60 tokens
