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


class GgufTensors:
    """A GGUF file's tensors.

    Args:
        file: the GGUF file.
        config: of the model.

    Attributes:
        known: whether what the converter does to this architecture's tensors is known here.
    """

    def __init__(self, file: Path, config: Any) -> None:
        from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFReader, get_tensor_name_map

        reader = GGUFReader(str(file))
        field = reader.get_field("general.architecture")
        self.architecture = str(field.contents()) if field else ""
        self.known = self.architecture in KNOWN
        self._config = config
        self._inside = {tensor.name: tensor for tensor in reader.tensors}
        kinds = [arch for arch in MODEL_ARCH if MODEL_ARCH_NAMES[arch] == self.architecture]
        self._names = get_tensor_name_map(kinds[0], config.num_hidden_layers) if kinds else None

    def pairs(self, trained: dict[str, Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Give name, exported and trained tensor of each that the file has."""
        from gguf.quants import dequantize

        for name, wanted in trained.items():
            found = self._inside.get(self._name(name))
            if found is not None:  # else a head that is tied to the embeddings
                values = torch.from_numpy(dequantize(found.data, found.tensor_type).copy())
                shape = tuple(int(size) for size in reversed(found.shape))
                yield name, values.float().reshape(shape), self.as_converted(name, wanted)

    def as_converted(self, name: str, tensor: Tensor) -> Tensor:
        """Return a tensor of transformers as the converter writes it."""
        tensor, inside, config = tensor.float(), self._name(name), self._config
        if self.architecture == "llama" and inside.endswith(PERMUTED):
            of_keys = inside.endswith("attn_k.weight")
            heads = config.num_key_value_heads if of_keys else config.num_attention_heads
            rows, columns = tensor.shape
            halves = tensor.view(heads, 2, rows // heads // 2, columns)
            return halves.transpose(1, 2).reshape(rows, columns)
        if self.architecture.startswith("gemma") and inside.endswith("norm.weight"):
            return tensor + 1
        return tensor

    def _name(self, name: str) -> str:
        """Return llama.cpp's name of a tensor; empty where it has none."""
        if self._names is None:
            return ""
        return self._names.get_name(name, try_suffixes=(".weight", ".bias")) or ""
