"""One file per format: each writes a candidate into a folder.

A writer is given a Subject, the loaded candidate and an empty folder, and returns the model files
that a runtime loads ('.' for the folder itself). Knows nothing of proofs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.errors import BadInput
from tunewise.progress import Progress
from tunewise.shipping.subject import Subject

WHOLE = "."


@dataclass(frozen=True, slots=True)
class Format:
    """A format: who writes it, and which kinds of candidate can be written so."""

    writer: str
    kinds: tuple[str, ...]
    what: str


FORMATS = {
    "adapter": Format(
        "adapter:write", ("lora", "encoder", "classifier"), "a LoRA adapter in PEFT's layout"
    ),
    "merged": Format("merged:write", ("lora", "full", "encoder", "classifier"), "safetensors"),
    "gguf": Format("gguf_file:write", ("lora", "full"), "GGUF for llama.cpp"),
    "ollama": Format("ollama:write", ("lora", "full"), "a Modelfile with its GGUF"),
    "onnx": Format("onnx_file:write", ("encoder", "probe"), "ONNX for onnxruntime"),
}
Writer = Callable[[Subject, Any, Path, Sequence[str], Progress], list[str]]


def writer(form: str, subject: Subject) -> Writer:
    """Return what writes a candidate in this format.

    Raises:
        BadInput: this kind of candidate can't be written so.
    """
    known = FORMATS[form]
    if subject.kind not in known.kinds:
        fits = [name for name, other in FORMATS.items() if subject.kind in other.kinds]
        raise BadInput(
            f"{known.what} can't hold a candidate of kind {subject.kind} ('{subject.name}')",
            where=f"--to {form}",
            mend=f"It can be exported to: {', '.join(fits)}.",
        )
    module, _, name = known.writer.partition(":")
    made: Writer = getattr(importlib.import_module(f"tunewise.shipping.formats.{module}"), name)
    return made
