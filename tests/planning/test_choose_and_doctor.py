"""Faults these catch: a model against what was asked, a reason that isn't one, a missing mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewise.cli.main import status
from tunewise.errors import BadInput, ModelError
from tunewise.models.catalogue import catalogue
from tunewise.planning import doctor
from tunewise.planning.choose import Wanted, found, known_model, recommended
from tunewise.planning.hardware import machine


def test_words_find_models_and_a_slip_names_the_nearest() -> None:
    assert set(found("qwen3")) == {name for name in catalogue() if name.startswith("qwen3")}
    assert set(found("llama-3 gated 8b")) <= set(catalogue())
    with pytest.raises(ModelError, match="Did you mean 'mistral-7b'"):
        known_model("mistrall-7b")


def test_licence_access_and_context_are_kept_to() -> None:
    offers = recommended(Wanted(kind="causal", commercial=True, open=True, context=16_000))
    assert offers
    for offer in offers:
        assert offer.known.commercial == "yes"
        assert not offer.known.gated
        assert offer.known.context >= 16_000
        assert offer.known.kind == "causal"


def test_what_is_recommended_for_a_card_fits_on_it_and_says_how() -> None:
    card = machine("rtx-3060")
    offers = recommended(Wanted(kind="causal", largest=4.5e9, machine=card))
    assert all(offer.peak and offer.peak <= card.bytes for offer in offers)
    names = [offer.name for offer in offers]
    assert "llama-3.3-70b" not in names
    assert any("tuned by" in reason for offer in offers for reason in offer.reasons)


def test_nothing_as_wanted_says_what_stands_in_the_way() -> None:
    with pytest.raises(BadInput, match=r"stands in the way of most.*it reads fewer than 500,000"):
        recommended(Wanted(context=500_000))


def test_models_explains_one_and_tells_of_its_gate(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["models", "llama-2-7b"]) == 0
    told = capsys.readouterr().out
    for words in ("6.7B parameters", "commercial use on conditions", "Gated", "hf auth login"):
        assert words in told
    assert status(["models", "nonsense"]) == 2


def test_doctor_tells_what_there_is_and_how_to_get_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert status(["doctor", "--no-measure", "--json"]) == 0
    checks = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"system", "processor", "memory", "disk", "bfloat16"} <= checks.keys()
    assert checks["compiler"]["verdict"] == "missing"
    assert "g++" in checks["compiler"]["mend"]


def test_instruction_sets_are_read_off_the_kernels_list(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("model name : x\nflags : fpu avx2 avx512f amx_bf16 avx512_bf16\n")
    assert doctor.instruction_sets(file) == ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    assert doctor.instruction_sets(tmp_path / "none") == ()


def test_little_memory_and_disk_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1e30)
    monkeypatch.setattr(doctor, "LITTLE_MEMORY", 1e30)
    checks = {check.name: check for check in doctor.examined(measure=False)}
    assert checks["disk"].verdict == "slow"
    assert checks["memory"].mend
