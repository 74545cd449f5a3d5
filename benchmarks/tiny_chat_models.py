"""Tiny random language models of several families with SmolLM2's real tokenizer and template.

llama.cpp's converter knows that tokenizer, as it doesn't know made-up ones.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen3Config

from tunewise.models.loading import load_tokenizer, quiet_transformers
from tunewise.models.resolve import resolve
from tunewise.progress import Silent

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
CONFIGS: dict[str, Any] = {"llama": LlamaConfig, "gemma3": Gemma3TextConfig, "qwen3": Qwen3Config}
OWN: dict[str, dict[str, Any]] = {
    "llama": {},
    "gemma3": {  # every sixth layer sees all, which llama.cpp takes for granted
        "num_hidden_layers": 6,
        "head_dim": 16,
        "sliding_window": 64,
        "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
        "query_pre_attn_scalar": 16,
    },
    "qwen3": {"head_dim": 16},
}


def tiny_chat_folder(family: str, folder: Path) -> Path:
    """Write a tiny model of a family with SmolLM2's tokenizer to `folder`; return it."""
    real = resolve("smollm2-135m-instruct", Silent()).path
    shape = {
        "vocab_size": len(load_tokenizer(real)),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "pad_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
    }
    torch.manual_seed(0)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_config(CONFIGS[family](**(shape | OWN[family])))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.ndim > 1:
                    parameter.normal_(std=0.3 if "embed" in name else 0.15)
        model.save_pretrained(str(folder))
    for name in TOKENIZER:
        if (real / name).exists():
            shutil.copyfile(real / name, folder / name)
    return folder
