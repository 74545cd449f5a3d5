"""Faults these catch: an alarm without a change, or none with one, texts kept in memory."""

from __future__ import annotations

import random
from pathlib import Path

import httpx2
import pytest
from serving_runs import LABELS, Served, served
from tiny_encoders import tickets

from tunewise.serving.drift import FEWEST, Drift, Known, known_of

ROWS = tickets(900)
KNOWN_LABELS = ("card", "refund", "transfer")


@pytest.fixture(scope="module")
def known() -> Known:
    return known_of(ROWS[:600], ROWS[600:], KNOWN_LABELS)


def drifted(drift: Drift) -> dict[str, bool]:
    return {measure.name: measure.drifted for measure in drift.measures()}


def test_texts_like_the_rows_raise_no_alarm(known: Known) -> None:
    for seed in range(20):
        drift = Drift(known)
        for row in tickets(400, seed=100 + seed):
            drift.add(row.input, row.target)
        assert drifted(drift) == {"length": False, "unknown_words": False, "labels": False}


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        ("length", lambda row: (row.input + " word1" * 12, row.target)),
        ("unknown_words", lambda row: (row.input.replace("word1", "flibber"), row.target)),
        ("labels", lambda row: (row.input, "card" if row.row % 2 else row.target)),
    ],
)
def test_each_change_is_told_by_its_own_measure(known: Known, measure: str, change) -> None:
    drift = Drift(known)
    for row in tickets(400, seed=7):
        drift.add(*change(row))
    assert {name for name, is_so in drifted(drift).items() if is_so} == {measure}


def test_few_texts_say_nothing_and_only_the_last_ones_count(known: Known) -> None:
    drift = Drift(known)
    for row in tickets(FEWEST - 1, seed=3):
        drift.add("a" + row.input, row.target)
    assert drift.measures() == []
    drift.add("so?", None)
    assert drift.measures()
    for row in tickets(2000, seed=4):
        drift.add(row.input, row.target)
    assert not any(drifted(drift).values())
    assert drift.texts == 1000


def test_no_text_is_kept(known: Known) -> None:
    drift = Drift(known)
    drift.add("a secret word", "card")
    assert "secret" not in repr(drift.__dict__["_seen"])


def test_empty_texts_and_strange_labels_are_borne(known: Known) -> None:
    drift = Drift(known)
    chance = random.Random(0)
    for _ in range(FEWEST):
        drift.add(chance.choice(["", " ", "\x00", "🙂", "名前" * 50]), "none of them")
    assert set(drifted(drift)) == {"length", "unknown_words"}
    one_label = Drift(known_of(ROWS[:3], [], ("card",)))
    for _ in range(FEWEST):
        one_label.add("card", "card")
    assert set(drifted(one_label)) == {"length"}


def test_metrics_and_summary_tell_of_drift(labels_folder: Path) -> None:
    with served(labels_folder, "majority") as server:
        assert figure(server, "tunewise_drift_texts") == 0
        texts = ["zorgle blaf wuntz"] * 60
        answer = server.post("/v1/classify", {"input": texts})
        assert {row["label"] for row in answer.json()["data"]} <= set(LABELS)
        assert figure(server, "tunewise_drift_texts") == 60
        assert figure(server, 'tunewise_drifted{measure="unknown_words"}') == 1
        assert figure(server, 'tunewise_drift_distance{measure="unknown_words"}') > 0.5
        summary = httpx2.get(server.url + "/summary").json()
        assert summary["texts"] == 60
        told = {measure["name"]: measure["drifted"] for measure in summary["drift"]}
        assert told["unknown_words"]
        assert told["labels"]


def figure(server: Served, name: str) -> float:
    page = httpx2.get(server.url + "/metrics").text
    return float(next(line for line in page.splitlines() if line.startswith(name)).split()[-1])
