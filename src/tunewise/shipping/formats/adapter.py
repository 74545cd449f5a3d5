"""An adapter in PEFT's layout, with tokenizer, template and, for encoders, the head.

The adapter's files are those that training left, byte for byte. Knows nothing of proofs.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunewise.candidates.lora import FittedLora
from tunewise.errors import BadInput
from tunewise.models.loading import quiet_transformers
from tunewise.progress import Progress
from tunewise.shipping.formats import WHOLE
from tunewise.shipping.formats.weights import save_tokenizer
from tunewise.shipping.subject import Subject

NOT_COPIED = ("README.md",)  # the card is written anew, with the proof


def write(
    subject: Subject,
    fitted: Any,
    folder: Path,
    quantisations: Sequence[str],  # noqa: ARG001 - of other formats
    progress: Progress,  # noqa: ARG001 - there is nothing to wait for
) -> list[str]:
    """Copy the adapter; return '.'.

    Raises:
        BadInput: all weights were tuned, so that there is none.
    """
    source = subject.folder / "adapter"
    if not source.is_dir():
        raise BadInput(
            f"all weights of '{subject.name}' were tuned, so there is no adapter",
            where="--to adapter",
            mend="Export it to merged.",
        )
    for file in sorted(source.iterdir()):
        if file.is_file() and file.name not in NOT_COPIED:
            shutil.copyfile(file, folder / file.name)
    if isinstance(fitted, FittedLora):
        save_tokenizer(fitted, folder)
        with quiet_transformers():
            config = fitted.model.generation_config.__class__(eos_token_id=sorted(fitted.ends))
            config.save_pretrained(str(folder))
    return [WHOLE]
