"""Tiny random language models of several families, with a tiny tokenizer, and rows to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from tunewise.models.loading import quiet_transformers
from tunewise.records import Example
from tunewise.training.fast.packed import Row

FAMILIES = ("llama", "mistral", "gemma2", "gemma3", "qwen2", "qwen3", "phi3")
WINDOW = 12  # of the families with a sliding window: shorter than some rows
LETTERS = list("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,?:'-_0123456789\n")
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
on_a_processor = pytest.mark.skipif(
    torch.cuda.is_available(), reason="what it looks at is the processor's memory"
)
SPECIAL = ("<pad>", "<unk>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")


def tiny_config(family: str, **wider: int) -> Any:
    """Return the config of a model of two layers, `wider` than usual where asked."""
    shape = {
        "vocab_size": len(SPECIAL) + len(LETTERS),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
    } | wider
    if family == "gemma2":
        return Gemma2Config(
            **shape,
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=WINDOW,
            final_logit_softcapping=5.0,
            attn_logit_softcapping=3.0,
        )
    if family == "gemma3":
        types = ["sliding_attention", "full_attention"]
        return Gemma3TextConfig(**shape, head_dim=8, sliding_window=WINDOW, layer_types=types)
    if family == "mistral":
        return MistralConfig(**shape, sliding_window=WINDOW)
    if family == "qwen3":
        return Qwen3Config(**shape, head_dim=8)
    kinds = {"llama": LlamaConfig, "qwen2": Qwen2Config, "phi3": Phi3Config}
    return kinds[family](**shape)


def tiny_model(family: str, dtype: torch.dtype = torch.float32, **wider: int) -> Any:
    """Return a random model whose logits aren't all alike."""
    torch.manual_seed(0)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_config(
            tiny_config(family, **wider), attn_implementation="eager"
        )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3 if "embed" in name else 0.15)
    return model.to(dtype)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of letters with a chat template."""
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *LETTERS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split("", "isolated")
    tokenizer.decoder = Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<|end|>",
        additional_special_tokens=list(SPECIAL[3:]),
        model_max_length=512,
    )
    fast.chat_template = TEMPLATE
    return fast


def tiny_folder(family: str, folder: Path, **wider: int) -> Path:
    """Write a tiny model and its tokenizer to `folder`, as a user would have them."""
    with quiet_transformers():
        tiny_model(family, **wider).save_pretrained(str(folder))
        tiny_tokenizer().save_pretrained(str(folder))
    return folder


def random_rows(count: int, seed: int = 0, longest: int = 40, common: int = 0) -> list[Row]:
    """Return rows of random tokens, the first `common` of them the same in all."""
    rng = np.random.default_rng(seed)
    vocabulary = len(SPECIAL) + len(LETTERS)
    beginning = rng.integers(6, vocabulary, common)
    rows = []
    for _ in range(count):
        own = rng.integers(6, vocabulary, rng.integers(4, longest))
        ids = np.concatenate([beginning, own]).astype(np.int32)
        supervised = np.zeros(len(ids), dtype=bool)
        supervised[-int(rng.integers(1, 4)) :] = True
        rows.append(Row(ids, supervised))
    return rows


def reversing(count: int) -> list[Example]:
    """Return examples whose answer is the input's first letter, three times."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(count):
        word = "".join(rng.choice(list("abcd"), 6))
        found.append(Example(f"id{number}", word, word[0] * 3, number + 1, "rows.csv"))
    return found
