"""Each fault that exports have in the field is caught, and named by its right cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted_exports import FAULTS, planted
from tiny_exports import Made

from tunewise.progress import Silent
from tunewise.shipping.export import written
from tunewise.shipping.proof.records import CauseName
from tunewise.shipping.proving import merged_once, proved_language
from tunewise.shipping.trained import Trained, answered


@pytest.fixture(scope="module")
def good(labelling: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("good") / "merged"
    written("merged", labelling.subject, labelling.fitted, place, Silent())
    return place


@pytest.fixture(scope="module")
def whole(labelling: Made) -> Callable[[], Any]:
    return merged_once(labelling.subject)


@pytest.fixture(scope="module")
def trained(labelling: Made) -> Trained:
    return answered(labelling.fitted, labelling.subject.rows, Silent())


def test_what_was_exported_well_passes(
    labelling: Made, good: Path, trained: Trained, whole: Callable[[], Any]
) -> None:
    proof = proved_language(
        "merged",
        labelling.subject,
        labelling.fitted,
        trained,
        good,
        model=".",
        whole=whole,
        progress=Silent(),
    )
    assert proof.passed, proof
    assert proof.agreement == 1.0
    assert proof.prompts_equal == proof.rows == 4
    assert proof.weights_compared
    assert proof.weights_off == 0


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_and_named(
    name: CauseName,
    labelling: Made,
    good: Path,
    trained: Trained,
    whole: Callable[[], Any],
    tmp_path: Path,
) -> None:
    place = planted(name, labelling.subject, good, tmp_path / "merged")
    proof = proved_language(
        "merged",
        labelling.subject,
        labelling.fitted,
        trained,
        place,
        model=".",
        whole=whole,
        progress=Silent(),
    )
    assert not proof.passed
    assert proof.causes[0].name == name, proof.causes
