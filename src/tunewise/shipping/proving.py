"""Which runtime proves which format, with which bars.

Given an exported folder and what was exported, gives back one Proof per model file. Knows nothing
of how files came about or what becomes of a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewise.candidates.lora import FittedLora, base_weights
from tunewise.candidates.tuned import answering_dtype, base_of
from tunewise.progress import Progress
from tunewise.shipping.formats.weights import tuned_weights
from tunewise.shipping.proof.adapter_files import compared_adapters
from tunewise.shipping.proof.gguf_weights import GgufTensors
from tunewise.shipping.proof.language import proved
from tunewise.shipping.proof.records import Bars, Proof
from tunewise.shipping.proof.weights import EXACT, ROUNDINGS, Compared, compared, from_safetensors
from tunewise.shipping.runtimes import LanguageRuntime
from tunewise.shipping.subject import Subject
from tunewise.shipping.trained import Trained, answered
from tunewise.training.language.fit import device

AGREEMENT = {
    "adapter": 0.99, "merged": 0.99, "f32": 0.99, "bf16": 0.98, "f16": 0.98, "q8_0": 0.97,
    "q6_k": 0.95, "q5_k_m": 0.93, "q4_k_m": 0.90,
}  # fmt: skip


def proofs(
    form: str,
    subject: Subject,
    fitted: Any,
    folder: Path,
    models: Sequence[str],
    *,
    progress: Progress,
) -> Iterator[Proof]:
    """Give the proof of each model file of an exported folder.

    Args:
        form: the format.
        subject: what was exported.
        fitted: the trained candidate, loaded.
        folder: that was exported.
        models: its model files.
        progress: where to say what goes on.

    Raises:
        BadInput: the runtime isn't installed.
        ModelError: it doesn't load a file.
    """
    if not isinstance(fitted, FittedLora):
        from tunewise.shipping.proof.encoders import proved_encoder

        for model in models:
            yield proved_encoder(subject, fitted, folder, model, progress)
        return
    trained = answered(fitted, subject.rows, progress)
    whole = merged_once(subject)
    for model in models:
        yield proved_language(
            form, subject, fitted, trained, folder, model=model, whole=whole, progress=progress
        )


def merged_once(subject: Subject) -> Callable[[], Any]:
    """Return what gives the tuned weights whole, in float32: merged when first asked, then kept."""
    return cache(partial(tuned_weights, subject))


def proved_language(
    form: str,
    subject: Subject,
    fitted: FittedLora,
    trained: Trained,
    folder: Path,
    *,
    model: str,
    whole: Callable[[], Any],
    progress: Progress,
) -> Proof:
    """Return the proof of one model file of a language model.

    Args:
        form: the format.
        subject: what was exported.
        fitted: the trained candidate, loaded.
        trained: the rows as it answers them.
        folder: that was exported.
        model: its model file, or '.'.
        progress: where to say what goes on.
        whole: gives the tuned weights in float32; see `merged_once`.
    """
    tokenizer = fitted.chat.tokenizer
    kind = Path(model).stem.removeprefix("model-") if model.endswith(".gguf") else form
    runtime = _runtime(form, subject, folder, model, trained)
    try:
        return proved(
            subject,
            trained,
            runtime,
            model=model,
            bars=Bars(AGREEMENT[kind]),
            weights=lambda: _weights(form, kind, subject, folder, model, whole),
            decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)).strip(),
            progress=progress,
        )
    finally:
        runtime.close()


def _runtime(
    form: str, subject: Subject, folder: Path, model: str, trained: Trained
) -> LanguageRuntime:
    if form == "gguf":
        from tunewise.shipping.runtimes.in_llama_cpp import LlamaCppRuntime

        return LlamaCppRuntime(folder / model, trained.longest)
    if form == "ollama":
        from tunewise.shipping.runtimes.as_ollama import OllamaRuntime

        return OllamaRuntime(folder / model, trained.longest)
    from tunewise.shipping.runtimes.in_transformers import adapter_runtime, merged_runtime

    dtype = answering_dtype(subject.about, device())
    if form == "merged":
        return merged_runtime(folder, dtype)
    base = base_of(subject.about, folder, subject.setup.task_folder)
    return adapter_runtime(folder, base, dtype)


def _weights(  # noqa: PLR0917
    form: str, kind: str, subject: Subject, folder: Path, model: str, whole: Callable[[], Any]
) -> Compared | None:
    """Compare the weights with those that were trained; None where they can't be read back."""
    if form == "adapter":
        return compared_adapters(subject.folder / "adapter", folder)
    tuned = whole()
    trained: dict[str, Tensor] = tuned.state_dict()
    if form == "merged":
        files = sorted(str(file) for file in folder.glob("*.safetensors"))
        pairs = (
            (name, found, _rounded(name, trained[name]))
            for name, found in from_safetensors(files)
            if name in trained
        )
        return compared(pairs, EXACT, _base(subject, _rounded))
    inside = GgufTensors(folder / model, tuned.config.get_text_config())
    if not inside.known:
        return None
    return compared(inside.pairs(trained), ROUNDINGS[kind], _base(subject, inside.as_converted))


def _rounded(_: str, tensor: Tensor) -> Tensor:
    """Return a tensor as a merged folder has it."""
    return tensor.to(torch.bfloat16).float()


def _base(
    subject: Subject, exported: Callable[[str, Tensor], Tensor]
) -> Callable[[], dict[str, Tensor]] | None:
    """Return what gives the base model's tensors; None where all weights were tuned.

    Args:
        subject: what was exported.
        exported: does to a tensor what the format does.
    """
    if subject.about["training"]["method"] == "full":
        return None

    def tensors() -> dict[str, Tensor]:
        place = subject.folder / "adapter"
        model = base_weights(subject.about, place, subject.setup.task_folder)
        return {name: exported(name, value) for name, value in model.state_dict().items()}

    return tensors
