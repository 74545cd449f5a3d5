"""Tiny random language models of several families with SmolLM2's real tokenizer and template.

llama.cpp's converter knows that tokenizer, as it doesn't know the made-up ones.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tiny_language_models import tiny_model

from tunewise.models.loading import load_tokenizer, quiet_transformers
from tunewise.models.resolve import resolve
from tunewise.progress import Silent

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def tiny_chat_folder(family: str, folder: Path, **wider: int) -> Path:
    """Write a tiny model of a family with SmolLM2's tokenizer to `folder`."""
    real = resolve("smollm2-135m-instruct", Silent()).path
    tokenizer = load_tokenizer(real)
    ids = {"pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
    shape = {"vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 128}
    model = tiny_model(family, **(shape | ids | wider))
    with quiet_transformers():
        model.save_pretrained(str(folder))
    for name in TOKENIZER:
        if (real / name).exists():
            shutil.copyfile(real / name, folder / name)
    return folder
