from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_run import HOSTILE_LABELS, TASK, Plan
from ruamel.yaml import YAML

from tests.report.conftest import evidence_of, hopeless_plan, small_plan
from tunewise.records import Dataset
from tunewise.report.card import model_card
from tunewise.report.gather import Evidence, gathered
from tunewise.workspace.folder import RunFolder


def front_matter(card: str) -> dict[str, Any]:
    assert card.startswith("---\n")
    found: dict[str, Any] = YAML(typ="safe").load(card.split("---\n")[1])
    return found


def test_front_matter_is_what_the_hub_reads(evidence: Evidence) -> None:
    known = front_matter(model_card(evidence))
    assert known["license"] == "apache-2.0"
    assert known["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert known["pipeline_tag"] == "text-classification"
    assert "tunewise" in known["tags"]
    metrics = known["model-index"][0]["results"][0]["metrics"]
    expected = round(evidence.finalists[0].figure("accuracy").value, 4)
    assert metrics[0] == {"type": "accuracy", "name": "Accuracy", "value": expected}


@pytest.mark.parametrize(
    ("model", "base", "licence"),
    [
        ("someone/some-model", "someone/some-model", "unknown"),
        ("/home/me/secret/folder", None, "unknown"),
        ("roberta-base", "FacebookAI/roberta-base", "mit"),
    ],
)
def test_base_model_is_named_only_where_it_is_known(
    tmp_path: Path, model: str, base: str | None, licence: str
) -> None:
    task = TASK.replace("- encoder", f"- encoder: {{model: {model}, name: encoder-minilm-l6}}")
    right = Plan().right | {"encoder-minilm-l6": 1.0, "probe-minilm-l6": 0.4}
    card = model_card(evidence_of(tmp_path, replace(small_plan(), task=task, right=right)))
    known = front_matter(card)
    assert known.get("base_model") == base
    assert known["license"] == licence
    assert "/home/me" not in card
    assert ("isn't known to tunewise" in card) == (licence == "unknown")


def test_card_has_the_figures_of_every_candidate(evidence: Evidence) -> None:
    card = model_card(evidence)
    lines = [line for line in card.splitlines() if line.startswith("| ")]
    for one in evidence.judged:
        assert any(line.startswith(f"| {one.name}") for line in lines)
    widths = {line.count("|") for line in lines[:6]}
    assert widths == {7}
    assert "400 of 3,080" in card
    assert evidence.data_fingerprint in card


def test_card_says_how_to_use_the_model(evidence: Evidence) -> None:
    card = model_card(evidence)
    assert "tunewise predict runs/support-tickets new.csv" in card
    assert 'tunewise.load("runs/support-tickets")' in card


def test_no_row_of_the_data_stands_in_the_card(tmp_path: Path) -> None:
    secret = "Jane Roe, card 4929 1234 5678 9012"
    plan = replace(small_plan(), hostile=(secret,) * 12)
    evidence = evidence_of(tmp_path, plan)
    assert secret in str(evidence.winner and evidence.winner.settings)
    card = model_card(evidence)
    assert "Jane" not in card
    assert "4929" not in card
    assert evidence.splits.how not in card  # it names the user's files and folders


def test_hostile_labels_break_neither_markdown_nor_front_matter(tmp_path: Path) -> None:
    plan = Plan(
        labels=(*HOSTILE_LABELS, "plain"),
        sizes={"train": 60, "validation": 30, "test": 60},
        part=20,
    )
    card = model_card(evidence_of(tmp_path, plan))
    front_matter(card)
    prose = re.sub(r"```.*?```", "", card, flags=re.DOTALL)
    assert not re.search(r"<[A-Za-z/!?]", prose)
    headings = [line for line in prose.splitlines() if line.startswith("#")]
    assert headings == [
        "# support-tickets",
        "## How to use it",
        "## Figures",
        "## Data",
        "## Settings",
        "## Limits",
    ]
    assert "\u202e" not in card


def test_card_without_a_winner_offers_no_model(tmp_path: Path) -> None:
    card = model_card(evidence_of(tmp_path, hopeless_plan()))
    known = front_matter(card)
    assert "base_model" not in known
    assert "It has no winner" in card
    assert "tunewise predict" not in card


def test_same_run_gives_the_same_card(run: tuple[RunFolder, Dataset], evidence: Evidence) -> None:
    assert model_card(gathered(*run)) == model_card(evidence)
