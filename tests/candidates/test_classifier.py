"""Faults these catch: a decoder that is read before its end, or at its padding; one that answers
otherwise once it is saved; scaled embeddings that lose their scale; the wrong kind of model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_language_models import tiny_folder
from transformers import AutoModel

from tunewise.candidates import Candidate, Setup, candidate
from tunewise.errors import ModelError
from tunewise.files import read_json
from tunewise.models.loading import load_encoder, load_tokenizer
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import ClassifierSettings, EncoderSettings
from tunewise.training.encoder.batches import Padding, tokenised
from tunewise.training.encoder.classifier import EncoderClassifier

FAMILIES = ("llama", "gemma3", "qwen2", "phi3")
LABELS = ("ab", "cd", "ef")


def rows(count: int, seed: int) -> list[Example]:
    """Return texts of letters whose label is told by which of three pairs occurs in them."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for number in range(count):
        label = LABELS[number % 3]
        letters = [
            label[int(torch.randint(2, (1,), generator=draw))]
            for _ in range(int(torch.randint(2, 12, (1,), generator=draw)))
        ]
        found.append(Example(f"{seed}-{number}", "x" + "".join(letters), label, number, "tiny"))
    return found


TRAIN, VALIDATION, TEST = rows(90, 1), rows(30, 2), rows(60, 3)


def made(folder: Path, model: Path, **settings: object) -> Candidate:
    chosen = ClassifierSettings(
        model=str(model), num_train_epochs=4, per_device_train_batch_size=16, **settings
    )
    return candidate("classifier", chosen, Setup(LABELS, 0, folder))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("lora", [True, False], ids=["lora", "full"])
def test_a_decoder_learns_to_classify_and_answers_the_same_once_loaded(
    family: str, lora: bool, tmp_path: Path
) -> None:
    model = tiny_folder(family, tmp_path / "model")
    one = made(tmp_path, model, lora=lora, learning_rate=3e-3)
    (tmp_path / "fit").mkdir()
    fitted = one.fit(TRAIN, VALIDATION, tmp_path / "fit", Silent())
    answers = fitted.predict(TEST, Silent())
    right = [a.answer == e.target for a, e in zip(answers, TEST, strict=True)]
    assert sum(right) / len(right) > 0.9
    again = one.load(tmp_path / "fit").predict(TEST[:7], Silent())
    for before, after in zip(answers, again, strict=False):
        assert after.scores == pytest.approx(before.scores, abs=0.02)
    about = read_json(tmp_path / "fit" / "settings.json")
    assert about["kind"] == "classifier"
    assert about["training"]["pooling"] == "last"
    assert (tmp_path / "fit" / ("adapter" if lora else "model") / "head.safetensors").exists()


def test_what_is_read_is_the_end_token_whatever_the_padding(tmp_path: Path) -> None:
    folder = tiny_folder("llama", tmp_path)
    tokenizer = load_tokenizer(folder)
    ids = tokenised(tokenizer, ["abc", "a longer text", "abc<|end|>"], 8, tokenizer.eos_token_id)
    assert [row[-1] for row in ids.ids] == [tokenizer.eos_token_id] * 3
    assert [len(row) for row in ids.ids] == [4, 8, 4]  # cut, and not ended twice
    assert ids.cut == 1
    model = EncoderClassifier(load_encoder(folder), 3, 32, "last").eval()
    together = model.pooled(**Padding(0).padded(ids.ids))
    for row, alone in zip(ids.ids, together, strict=True):
        plain = AutoModel.from_pretrained(str(folder))(input_ids=torch.tensor([row]))
        torch.testing.assert_close(alone, plain.last_hidden_state[0, -1], atol=1e-5, rtol=1e-4)


def test_an_encoder_is_refused_with_where_it_belongs(tmp_path: Path) -> None:
    from tiny_encoders import tiny_encoder

    model = tiny_encoder("minilm", tmp_path / "minilm")
    with pytest.raises(ModelError, match="Use it under encoder"):
        made(tmp_path, model).fit(TRAIN, VALIDATION, tmp_path, Silent())
    decoder = tiny_folder("llama", tmp_path / "llama")
    as_encoder = candidate(
        "encoder", EncoderSettings(model=str(decoder)), Setup(LABELS, 0, tmp_path)
    )
    with pytest.raises(ModelError, match="Use it under classifier or prompt"):
        as_encoder.fit(TRAIN, VALIDATION, tmp_path, Silent())
