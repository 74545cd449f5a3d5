"""Merged weights as save_pretrained writes them: language models in bf16, encoders in float32.

An adapter is merged in float32 first; bf16 is rounded to once, at the end. Knows nothing of proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tunewise.progress import Progress
from tunewise.shipping.formats import WHOLE
from tunewise.shipping.formats.weights import save_whole, tuned_weights
from tunewise.shipping.subject import Subject


def write(
    subject: Subject,
    fitted: Any,
    folder: Path,
    quantisations: Sequence[str],  # noqa: ARG001 - of other formats
    progress: Progress,
) -> list[str]:
    """Write the merged weights; return '.'."""
    if subject.kind in ("encoder", "classifier"):
        from tunewise.candidates.encoder import trained_classifier
        from tunewise.training.encoder.classifier import save_classifier

        task_folder = subject.setup.task_folder
        model, tokenizer = trained_classifier(subject.about, subject.folder, task_folder)
        save_classifier(model, tokenizer, subject.about["labels"], folder)
        return [WHOLE]
    progress.line("Merging in float32, saving in bfloat16.")
    save_whole(subject, fitted, tuned_weights(subject).to(torch.bfloat16), folder)
    return [WHOLE]
