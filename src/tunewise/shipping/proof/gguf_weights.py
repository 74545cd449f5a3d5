"""The tensors of a GGUF file under their names in transformers, unpacked, one by one.

llama.cpp's names come from the package gguf's own table. What the converter does to a tensor on
the way (Llama's rotary order of queries and keys, Gemma's norms around 1) is done to the trained
one before they are compared. Knows nothing of what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

KNOWN = ("llama", "qwen2", "qwen3", "gemma2", "gemma3")  # whose converters' changes are known here
PERMUTED = ("attn_q.weight", "attn_k.weight")


def gguf_pairs(
    file: Path, trained: dict[str, Tensor], config: Any
) -> Iterator[tuple[str, Tensor, Tensor]] | None:
    """Give name, exported and trained tensor for each in the file; None for other architectures.

    Args:
        file: the GGUF file.
        trained: tensors by their names in transformers.
        config: of the model.
    """
    from gguf import GGUFReader

    reader = GGUFReader(str(file))
    field = reader.get_field("general.architecture")
    architecture = str(field.contents()) if field else ""
    if architecture not in KNOWN:
        return None
    return _pairs(reader, architecture, trained, config)


def _pairs(
    reader: Any, architecture: str, trained: dict[str, Tensor], config: Any
) -> Iterator[tuple[str, Tensor, Tensor]]:
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map
    from gguf.quants import dequantize

    kind = next(arch for arch in MODEL_ARCH if MODEL_ARCH_NAMES[arch] == architecture)
    names = get_tensor_name_map(kind, config.num_hidden_layers)
    inside = {tensor.name: tensor for tensor in reader.tensors}
    for name, wanted in trained.items():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None or found not in inside:
            continue  # such as a head that is tied to the embeddings
        tensor = inside[found]
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).float()
        yield (
            name,
            values.reshape(_shape(tensor)),
            _as_converted(found, wanted, architecture, config),
        )


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in reversed(tensor.shape))


def _as_converted(name: str, wanted: Tensor, architecture: str, config: Any) -> Tensor:
    """Return a trained tensor as the converter writes it."""
    wanted = wanted.float()
    if architecture == "llama" and name.endswith(PERMUTED):
        of_keys = name.endswith("attn_k.weight")
        heads = config.num_key_value_heads if of_keys else config.num_attention_heads
        rows, columns = wanted.shape
        return wanted.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, -1)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return wanted + 1
    return wanted
