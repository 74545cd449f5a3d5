"""The candidates lora and full: what they leave behind, and that it answers as it was tuned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_language_models import reversing, tiny_folder

from tunewise.candidates import Setup, candidate
from tunewise.errors import ModelError, RunFolderError
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import FullSettings, LoraCandidateSettings

LABELS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    tiny_folder("llama", place / "tiny")
    return place


def labelled(count: int) -> list[Example]:
    return [replace(example, target=example.input[0]) for example in reversing(count)]


def blind(examples: Sequence[Example]) -> list[Example]:
    return [replace(example, target="") for example in examples]


def settings(**more: object) -> LoraCandidateSettings:
    given: dict[str, object] = {
        "model": "tiny", "num_train_epochs": 12, "learning_rate": 1e-2, "bf16": False,
        "train_batch_size": 8,
    }  # fmt: skip
    return LoraCandidateSettings.model_validate(given | more)


def test_labels_are_learned_and_only_legal_ones_are_answered(folder: Path, tmp_path: Path) -> None:
    rows = labelled(120)
    setup = Setup(LABELS, 0, folder, "First letter?")
    fitted = candidate("lora", settings(), setup).fit(rows[:90], rows[90:105], tmp_path, Silent())
    found = fitted.predict(blind(rows[105:]), Silent())
    right = sum(p.answer == row.target for p, row in zip(found, rows[105:], strict=True))
    assert right >= 10, [p.answer for p in found]
    for prediction in found:
        assert prediction.scores is not None
        assert sum(prediction.scores) == pytest.approx(1)
        assert prediction.answer == LABELS[prediction.scores.index(max(prediction.scores))]


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_what_is_loaded_writes_what_was_tuned(kind: str, folder: Path, tmp_path: Path) -> None:
    rows = reversing(140)
    setup = Setup((), 0, folder, task_kind="generation")
    chosen = (
        settings()
        if kind == "lora"
        else FullSettings(
            model="tiny", num_train_epochs=25, learning_rate=2e-3, bf16=False, train_batch_size=8
        )
    )
    made = candidate(kind, chosen, setup)
    fitted = made.fit(rows[:110], rows[110:125], tmp_path, Silent())
    found = fitted.predict(blind(rows[125:]), Silent())
    assert sum(p.answer == r.target for p, r in zip(found, rows[125:], strict=True)) >= 8
    again = made.load(tmp_path).predict(blind(rows[125:]), Silent())
    assert [p.answer for p in again] == [p.answer for p in found]
    assert all(p.completion_tokens == 4 for p in found if len(p.answer) == 3)
    one_by_one = [made.load(tmp_path).predict([row], Silent())[0] for row in blind(rows[125:128])]
    assert [p.answer for p in one_by_one] == [p.answer for p in found[:3]]


def test_the_folder_holds_what_the_ecosystem_expects(folder: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = reversing(24)
    setup = Setup((), 0, folder, task_kind="generation")
    candidate("lora", settings(num_train_epochs=1), setup).fit(
        rows[:16], rows[16:], tmp_path, Silent()
    )
    names = {file.name for file in (tmp_path / "adapter").iterdir()}
    assert {
        "adapter_config.json", "adapter_model.safetensors", "tokenizer.json",
        "chat_template.jinja", "README.md",
    } <= names  # fmt: skip
    about = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == "tiny"
    base = AutoModelForCausalLM.from_pretrained(folder / "tiny")
    from tunewise.models.loading import quiet_peft

    with quiet_peft():
        model = PeftModel.from_pretrained(base, tmp_path / "adapter")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "adapter")
    assert "<|assistant|>" in tokenizer.chat_template
    with torch.no_grad():
        assert torch.isfinite(model(input_ids=torch.tensor([[6, 7, 8]])).logits).all()
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert card.startswith("---\nbase_model: tiny\n")
    assert not list(tmp_path.glob("checkpoint-*"))


def test_an_adapter_whose_base_has_changed_is_refused(tmp_path: Path) -> None:
    tiny_folder("llama", tmp_path / "tiny")
    rows = reversing(24)
    setup = Setup((), 0, tmp_path, task_kind="generation")
    made = candidate("lora", settings(num_train_epochs=1), setup)
    (tmp_path / "work").mkdir()
    made.fit(rows[:16], rows[16:], tmp_path / "work", Silent())
    tiny_folder("qwen2", tmp_path / "tiny")
    with pytest.raises(RunFolderError, match="isn't the one that this adapter was trained on"):
        made.load(tmp_path / "work")


def test_an_encoder_is_refused(tmp_path: Path) -> None:
    setup = Setup((), 0, tmp_path, task_kind="generation")
    with pytest.raises(ModelError, match="is an encoder"):
        candidate("lora", LoraCandidateSettings(model="minilm-l6"), setup).fit(
            [], [], tmp_path, Silent()
        )
