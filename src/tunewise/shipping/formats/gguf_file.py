"""GGUF files with tokenizer, template and stop tokens in their metadata, by llama.cpp's converter.

The weights go in float32 from the merge to the converter, so each format is rounded to once.
Knows nothing of proofs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tunewise.candidates.lora import FittedLora
from tunewise.errors import BadInput, did_you_mean
from tunewise.files import disk_errors
from tunewise.progress import Progress, showing
from tunewise.shipping.converter import convert, quantise
from tunewise.shipping.formats.weights import save_whole, tuned_weights
from tunewise.shipping.subject import Subject

CONVERTED = ("f16", "q8_0", "bf16", "f32")  # written by the converter itself
QUANTISED = ("q4_k_m", "q5_k_m", "q6_k")  # by llama-quantize, from float32
DEFAULT = ("f16", "q8_0")


def write(
    subject: Subject,
    fitted: FittedLora,
    folder: Path,
    quantisations: Sequence[str],
    progress: Progress,
) -> list[str]:
    """Write one file per quantisation; return their names.

    Raises:
        BadInput: an unknown quantisation, or one whose program is missing.
        ModelError: the converter doesn't know the model.
    """
    wanted = list(dict.fromkeys(name.lower() for name in quantisations or DEFAULT))
    legal = (*CONVERTED, *QUANTISED)
    for name in wanted:
        if name not in legal:
            raise BadInput(
                f"there is no quantisation '{name}'",
                where="--quantisation",
                mend=did_you_mean(name, legal),
            )
    with (
        disk_errors(folder),
        tempfile.TemporaryDirectory(dir=folder, prefix=".whole-") as scratch,
        showing(progress, "Writing GGUF", len(wanted) + 1, "files") as bar,
    ):
        whole = Path(scratch)
        save_whole(subject, fitted, tuned_weights(subject), whole, end_is_eos=True)
        bar.advance()
        for name in wanted:
            file = folder / f"model-{name}.gguf"
            if name in CONVERTED:
                convert(whole, file, name, subject.task, progress)
            else:
                exact = whole / "exact.gguf"
                if not exact.exists():
                    convert(whole, exact, "f32", subject.task, progress)
                quantise(exact, file, name.upper())
            bar.advance()
    return [f"model-{name}.gguf" for name in wanted]
