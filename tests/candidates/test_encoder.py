"""Faults these catch: an architecture that doesn't train or answers otherwise once it is saved."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from tiny_encoders import ARCHITECTURES, LABELS, tickets, tiny_encoder
from transformers import AutoModel

from tunewise.candidates import Setup, candidate
from tunewise.candidates.encoder import (
    Encoder,
    FittedEncoder,
    adapted,
    answering_order,
    prepared_encoder,
)
from tunewise.errors import DataError, ModelError, RunFolderError, TaskFileError
from tunewise.models.loading import load_encoder, load_tokenizer, most_tokens, quiet_transformers
from tunewise.progress import Silent
from tunewise.records import Example, Prediction
from tunewise.task.settings import EncoderSettings, LoraSettings
from tunewise.training.encoder.batches import Padding, tokenised
from tunewise.training.encoder.classifier import save_classifier, with_head
from tunewise.training.encoder.fit import Job, Texts, tuned

TRAIN, VALIDATION, TEST = tickets(150, seed=1), tickets(45, seed=2), tickets(90, seed=3)
FAST = {"learning_rate": 3e-3, "num_train_epochs": 6, "per_device_train_batch_size": 16}


def setup(folder: Path, labels: tuple[str, ...] = LABELS) -> Setup:
    return Setup(labels=labels, seed=0, task_folder=folder)


def accuracy(predictions: list[Prediction], examples: list[Example]) -> float:
    assert [p.id for p in predictions] == [e.id for e in examples]
    right = [p.answer == e.target for p, e in zip(predictions, examples, strict=True)]
    return sum(right) / len(right)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny_encoder(name, folder / name) for name in ARCHITECTURES}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["full", "lora"])
def lora(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def run(
    architecture: str,
    lora: bool,
    models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Encoder, Path]:
    """Return a candidate that was fitted on a copy of its base model, and its folder."""
    folder = tmp_path_factory.mktemp("run")
    base = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(models[architecture], base)
    fast = FAST | ({"learning_rate": 1e-2} if lora else {})
    made = Encoder(EncoderSettings(model=str(base), lora=lora, **fast), setup(folder))
    made.fit(TRAIN, VALIDATION, folder, Silent())
    return made, folder


def test_every_architecture_learns_and_leaves_only_what_it_needs(
    run: tuple[Encoder, Path], lora: bool
) -> None:
    made, folder = run
    reached = accuracy(made.load(folder).predict(TEST, Silent()), TEST)
    assert reached > (0.6 if lora else 0.9)  # chance is a third; a random base bounds adapters
    left = {path.name for path in folder.iterdir()}
    assert left == {"adapter" if lora else "model", "settings.json", "training.json"}


def test_settings_say_which_epoch_was_chosen_and_what_was_trained(
    run: tuple[Encoder, Path], lora: bool
) -> None:
    about = json.loads((run[1] / "settings.json").read_text())
    values = about["validation_accuracy"]
    assert len(values) == FAST["num_train_epochs"]
    last = values[-1]
    clearly = max(values) - last > math.sqrt(last * (1 - last) / len(VALIDATION))
    assert about["chosen_epoch"] == (1 + values.index(max(values)) if clearly else len(values))
    assert about["trainable_parameters"] < about["total_parameters"] * (0.6 if lora else 1)
    curve = json.loads((run[1] / "training.json").read_text())["curve"]
    losses = [entry["loss"] for entry in curve if "loss" in entry]
    assert losses[-1] < losses[0]


def test_a_run_folder_can_be_moved_and_a_whole_model_needs_no_base(
    run: tuple[Encoder, Path], lora: bool, tmp_path: Path
) -> None:
    made, folder = run
    before = made.load(folder).predict(TEST, Silent())
    moved = shutil.copytree(folder, tmp_path / "moved")
    base = Path(made.settings.model)
    if not lora:
        base.rename(base.with_name("away"))
    try:
        assert made.load(moved).predict(TEST, Silent()) == before
        if not lora:
            with quiet_transformers():  # transformers alone reads it too
                config = AutoModel.from_pretrained(str(moved / "model")).config
            assert config.id2label == dict(enumerate(LABELS))
    finally:
        if not lora:
            base.with_name("away").rename(base)


def test_what_is_loaded_answers_as_what_was_trained(
    architecture: str, lora: bool, models: dict[str, Path], tmp_path: Path
) -> None:
    adapter = LoraSettings(r=4) if lora else None
    tokenizer = load_tokenizer(models[architecture])
    encoder = prepared_encoder(load_encoder(models[architecture]), adapter, "encoder")
    done = tuned(encoder, tokenizer, job(tmp_path, adapter), Silent())
    ids = tokenised(tokenizer, [e.input for e in TEST], 40).ids
    batch = Padding(tokenizer.pad_token_id).padded(ids)
    with torch.inference_mode():
        trained = done.model(**batch)["logits"]
    save_classifier(done.model, tokenizer, LABELS, tmp_path / "saved")
    if not lora:
        loaded = load_encoder(tmp_path / "saved")
    else:
        loaded = adapted(load_encoder(models[architecture]), tmp_path / "saved")
    with torch.inference_mode():
        answered = with_head(loaded, tmp_path / "saved", "mean")(**batch)["logits"]
    torch.testing.assert_close(answered, trained, atol=1e-4, rtol=1e-4)
    assert float(trained.std()) > 0.1  # equality of constants would prove nothing


def job(folder: Path, lora: LoraSettings | None = None) -> Job:
    from tunewise.training.encoder.arguments import effective

    settings = EncoderSettings(**FAST, lora=lora or False)
    texts = {
        side: Texts([e.input for e in rows], [LABELS.index(e.target) for e in rows])
        for side, rows in (("train", TRAIN[:48]), ("validation", VALIDATION))
    }
    return Job(
        **texts,
        labels=LABELS,
        arguments=effective(settings, rows=48, parameters=1000, max_length=40, bf16=False, seed=0),
        folder=folder,
        model_fingerprint="tiny",
    )


@pytest.fixture(scope="module")
def fitted(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> FittedEncoder:
    folder = tmp_path_factory.mktemp("fitted")
    settings = EncoderSettings(model=str(models["bert"]), **FAST)
    return Encoder(settings, setup(folder)).fit(TRAIN, VALIDATION, folder, Silent())


def test_scores_are_probabilities_and_the_answer_is_the_likeliest(fitted: FittedEncoder) -> None:
    for prediction in fitted.predict(TEST, Silent()):
        assert prediction.scores is not None
        assert math.isclose(sum(prediction.scores), 1, abs_tol=1e-4)
        assert prediction.answer == LABELS[prediction.scores.index(max(prediction.scores))]
        assert prediction.prompt_tokens is not None
        assert 4 <= prediction.prompt_tokens <= 22


def test_a_row_is_answered_alone_as_among_others(fitted: FittedEncoder) -> None:
    together = fitted.predict(TEST, Silent())
    for row in (0, 7, 44):
        alone = fitted.predict([TEST[row]], Silent())[0]
        assert alone.scores == pytest.approx(together[row].scores, abs=2e-2)  # bfloat16


def test_no_rows_give_no_answers(fitted: FittedEncoder) -> None:
    assert fitted.predict([], Silent()) == []


def test_a_label_without_training_rows_has_probability_zero(
    models: dict[str, Path], tmp_path: Path
) -> None:
    labels = ("absent", *LABELS)
    settings = EncoderSettings(model=str(models["bert"]), **FAST)
    made = Encoder(settings, setup(tmp_path, labels))
    predictions = made.fit(TRAIN, VALIDATION, tmp_path, Silent()).predict(TEST, Silent())
    assert accuracy(predictions, TEST) > 0.9
    assert {p.scores[0] for p in predictions if p.scores} == {0.0}


def test_two_labels_are_learned_from_the_head_start(
    models: dict[str, Path], tmp_path: Path
) -> None:
    labels = LABELS[:2]
    train, test = tickets(160, 1, labels), tickets(60, 3, labels)
    settings = EncoderSettings(model=str(models["minilm"]), **FAST)
    made = Encoder(settings, setup(tmp_path, labels))
    fitted = made.fit(train, tickets(20, 2, labels), tmp_path, Silent())
    assert accuracy(fitted.predict(test, Silent()), test) > 0.9


def test_one_label_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    settings = EncoderSettings(model=str(models["bert"]))
    rows = [e for e in TRAIN if e.target == "card"]
    with pytest.raises(DataError, match="only the label 'card'"):
        Encoder(settings, setup(tmp_path)).fit(rows, rows, tmp_path, Silent())


def test_an_unknown_lora_layer_is_refused_with_the_nearest_one(
    models: dict[str, Path], tmp_path: Path
) -> None:
    settings = EncoderSettings(
        model=str(models["bert"]), lora=LoraSettings(target_modules=["querry"])
    )
    with pytest.raises(TaskFileError, match="Did you mean 'query'"):
        Encoder(settings, setup(tmp_path)).fit(TRAIN, VALIDATION, tmp_path, Silent())


def test_an_adapter_is_not_put_on_another_base_model(
    models: dict[str, Path], tmp_path: Path
) -> None:
    base, folder = tmp_path / "base", tmp_path / "run"
    shutil.copytree(models["bert"], base)
    folder.mkdir()
    settings = EncoderSettings(model=str(base), lora=True, num_train_epochs=1)
    made = Encoder(settings, setup(tmp_path))
    made.fit(TRAIN[:48], VALIDATION, folder, Silent())
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.1}))
    with pytest.raises(RunFolderError, match="isn't the one that this adapter was trained on"):
        made.load(folder)


def test_other_labels_than_those_trained_are_refused(tmp_path: Path) -> None:
    assert answering_order(["b", "a"], ["a", "b"], tmp_path) == {"a": 1, "b": 0}
    with pytest.raises(RunFolderError):
        answering_order(["a", "b"], ["a", "c"], tmp_path)


def test_the_longest_input_can_be_read(architecture: str, models: dict[str, Path]) -> None:
    encoder, tokenizer = load_encoder(models[architecture]), load_tokenizer(models[architecture])
    tokenizer.model_max_length = 10**6
    most = most_tokens(encoder.config, tokenizer)
    ids = tokenised(tokenizer, ["card " * 100], most).ids
    assert len(ids[0]) == most
    encoder(**Padding(0).padded(ids))  # one more would be an IndexError


def test_a_language_model_is_refused(smollm2: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an encoder"):
        Encoder(EncoderSettings(model="smollm2-135m-instruct"), setup(tmp_path)).fit(
            TRAIN, VALIDATION, tmp_path, Silent()
        )


def test_the_registry_knows_it(tmp_path: Path) -> None:
    assert isinstance(candidate("encoder", EncoderSettings(), setup(tmp_path)), Encoder)
