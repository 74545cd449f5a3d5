"""Faults these catch: a training that was cut off ends elsewhere than one that wasn't."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_encoders import LABELS, tickets, tiny_encoder

from tunewise.candidates.encoder import prepared_encoder
from tunewise.models.loading import load_encoder, load_tokenizer
from tunewise.progress import Log, Silent
from tunewise.task.settings import EncoderSettings
from tunewise.training import callbacks
from tunewise.training.checkpoints import checkpoints
from tunewise.training.encoder.arguments import effective
from tunewise.training.encoder.classifier import EncoderClassifier
from tunewise.training.encoder.fit import Job, Texts, tuned

SETTINGS = EncoderSettings(learning_rate=3e-3, num_train_epochs=4, per_device_train_batch_size=16)


class Cut(Exception):
    """Stands for a kill."""


def job(folder: Path, **changes: object) -> Job:
    texts = {
        side: Texts([e.input for e in rows], [LABELS.index(e.target) for e in rows])
        for side, rows in (("train", tickets(60, seed=1)), ("validation", tickets(45, seed=2)))
    }
    arguments = effective(SETTINGS, rows=60, parameters=1000, max_length=40, bf16=False, seed=0)
    wanted = {"arguments": arguments, "model_fingerprint": "tiny", **changes}
    return Job(**texts, labels=LABELS, folder=folder, epoch_seconds=0, step_seconds=0, **wanted)  # type: ignore[arg-type]


def trained(base: Path, folder: Path, **changes: object) -> EncoderClassifier:
    folder.mkdir(exist_ok=True)
    encoder = prepared_encoder(load_encoder(base), None, "encoder")
    return tuned(encoder, load_tokenizer(base), job(folder, **changes), Silent()).model


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_encoder("bert", tmp_path / "base")


@pytest.mark.parametrize("step", [3, 4, 9])
def test_a_training_cut_off_at_any_step_ends_as_one_that_was_not(
    step: int, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(base, tmp_path / "whole").state_dict()

    def cut(self: object, _args: object, state: object, *_: object, **__: object) -> None:
        if state.global_step == step:  # type: ignore[attr-defined]
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Watching, "on_step_begin", cut)
        with pytest.raises(Cut):
            trained(base, tmp_path / "cut")
    assert checkpoints(tmp_path / "cut")  # otherwise nothing is carried on
    for name, value in trained(base, tmp_path / "cut").state_dict().items():
        torch.testing.assert_close(value, whole[name], rtol=0, atol=1e-6)


def test_a_checkpoint_of_other_settings_is_not_carried_on(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    trained(base, tmp_path / "run")
    assert checkpoints(tmp_path / "run")
    encoder = prepared_encoder(load_encoder(base), None, "encoder")
    other = job(tmp_path / "run", model_fingerprint="another")
    tuned(encoder, load_tokenizer(base), other, Log(sys.stderr))
    assert "Carrying on" not in capsys.readouterr().err
