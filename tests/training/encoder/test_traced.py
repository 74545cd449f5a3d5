"""Faults these catch: an encoder's foreseen peak that its real training doesn't have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import BertConfig, BertModel

from tunewise.candidates.encoder import prepared_encoder
from tunewise.models.loading import quiet_transformers
from tunewise.task.settings import EncoderSettings
from tunewise.tracing.ledger import Ledger
from tunewise.training.callbacks import BestWeights
from tunewise.training.encoder import preflight
from tunewise.training.encoder.arguments import Arguments, effective, lora_settings
from tunewise.training.encoder.batches import LabelledRows, Padding
from tunewise.training.encoder.classifier import EncoderClassifier
from tunewise.training.encoder.traced import Batch, traced
from tunewise.training.encoder.trainer import EncoderTrainer
from tunewise.training.encoder.vocabulary import keep_occurring_rows

CONFIG = BertConfig(
    vocab_size=500, hidden_size=64, intermediate_size=128, num_hidden_layers=3,
    num_attention_heads=4, max_position_embeddings=128,
)  # fmt: skip
ROWS, TOKENS, LABELS, OCCURRING = 8, 60, 5, 300


def measured(
    settings: EncoderSettings,
    arguments: Arguments,
    work: Path,
    *,
    size: int = ROWS,
    count: int = 2 * ROWS,
    tokens: int = TOKENS,
) -> int:
    """Return the peak of the real trainer's tensors over two epochs."""
    rng = np.random.default_rng(0)
    shorter = min(size, 3)  # lengths that a batch mixes
    ids = [rng.integers(1, OCCURRING, tokens - row % shorter).tolist() for row in range(count)]
    ids[0] = list(range(1, tokens + 1))
    rows = LabelledRows(ids, [row % LABELS for row in range(count)])
    with quiet_transformers():
        encoder = prepared_encoder(BertModel(CONFIG), lora_settings(settings), "test")
        model = EncoderClassifier(encoder, LABELS, CONFIG.hidden_size)
        if encoder.get_input_embeddings().weight.requires_grad:
            keep_occurring_rows(encoder, range(OCCURRING))
        preflight.check_step(model, rows, Padding(0), arguments, "test")
        trainer = EncoderTrainer(
            model, arguments, rows, LabelledRows(ids[:2], [0, 1]), padding=Padding(0), folder=work,
            key="key", best=BestWeights(model, "accuracy", 2), callbacks=[],
        )  # fmt: skip
        ledger = Ledger()
        ledger.note_all([*model.parameters(), *model.buffers()], "weights")
        with ledger:
            trainer.train()
    return ledger.trace().peak


@pytest.mark.parametrize(("lora", "bf16"), [(False, False), (True, False), (False, True)])
def test_the_foreseen_peak_is_that_of_the_real_trainer(
    tmp_path: Path, lora: bool, bf16: bool
) -> None:
    settings = EncoderSettings(lora=lora, num_train_epochs=2, per_device_train_batch_size=ROWS)
    arguments = effective(
        settings, rows=2 * ROWS, parameters=10**5, max_length=128, bf16=bf16, seed=0
    )
    real = measured(settings, arguments, tmp_path)
    foreseen = traced(CONFIG, arguments, Batch(ROWS, TOKENS, LABELS, OCCURRING)).peak
    assert foreseen == pytest.approx(real, rel=0.02)


def test_rows_of_one_length_need_no_mask(tmp_path: Path) -> None:
    settings = EncoderSettings(num_train_epochs=2, per_device_train_batch_size=1)
    arguments = effective(settings, rows=2, parameters=10**5, max_length=128, bf16=True, seed=0)
    real = measured(settings, arguments, tmp_path, size=1, count=2, tokens=128)
    batch = Batch(1, 128, LABELS, OCCURRING, padded=False)
    assert traced(CONFIG, arguments, batch).peak == pytest.approx(real, rel=0.02)
    assert traced(CONFIG, arguments, replace(batch, padded=True)).peak > 1.02 * real
