"""Tuned weights, whole: merged in float32, with template, stop tokens and tokenizer.

Given a Subject of a language model, gives back the model or writes its folder as save_pretrained
does. Knows nothing of formats that are made from it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import torch

from tunewise.candidates.lora import FittedLora, trained_weights
from tunewise.models.loading import load_causal, quiet_transformers
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.rendering.chat import Chat
from tunewise.shipping.subject import Subject

NO_THINKING = "{%- set enable_thinking = false -%}\n"
BEGINS = re.compile(r"{%(-?)\s*generation\s*(-?)%}")
ENDS = re.compile(r"{%(-?)\s*endgeneration\s*(-?)%}")
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty")


def tuned_weights(subject: Subject) -> Any:
    """Return the tuned model in float32, an adapter merged into it.

    Raises:
        RunFolderError: the base model isn't the one it was trained on.
    """
    if subject.about["training"]["method"] == "full":
        return load_causal(subject.folder / "model", torch.float32)
    task_folder = subject.setup.task_folder
    return trained_weights(subject.about, subject.folder / "adapter", task_folder)


def shipped_template(chat: Chat) -> str:
    """Return the chat template as the task uses it, whoever renders it.

    The day that some templates ask for is written into it, and a template that would ask for
    reasoning where its caller says nothing doesn't, since the answers that were learnt have none.
    Marks of answers, which transformers alone knows, become conditions that always hold.
    """
    asks = re.search(r"\benable_thinking\b", chat.source)
    source = BEGINS.sub(r"{%\1 if true \2%}", chat.source)
    source = ENDS.sub(r"{%\1 endif \2%}", source)
    return (NO_THINKING if asks else "") + source


def save_whole(
    subject: Subject, fitted: FittedLora, model: Any, folder: Path, *, end_is_eos: bool = False
) -> None:
    """Write a model with all that answering needs to a folder.

    Args:
        subject: of the model.
        fitted: with tokenizer and template.
        model: the tuned weights, in the number format that is written.
        folder: exists.
        end_is_eos: whether the tokenizer names what ends an answer as its end token, for runtimes
            that know but one.
    """
    ends = sorted(fitted.ends)
    config = model.generation_config
    config.eos_token_id = ends
    config.do_sample = False
    for name in SAMPLING:
        setattr(config, name, None)
    with quiet_transformers():
        model.save_pretrained(str(folder))
    save_tokenizer(fitted, folder, end_is_eos=end_is_eos)
    base = resolve(subject.base.name, Silent(), task_folder=subject.setup.task_folder)
    spiece = base.path / "tokenizer.model"
    if spiece.exists():
        shutil.copyfile(spiece, folder / spiece.name)


def save_tokenizer(fitted: FittedLora, folder: Path, *, end_is_eos: bool = False) -> None:
    """Write the tokenizer with the template as it is shipped."""
    tokenizer = fitted.chat.tokenizer
    template, end = tokenizer.chat_template, tokenizer.eos_token
    try:
        tokenizer.chat_template = shipped_template(fitted.chat)
        if end_is_eos:
            tokenizer.eos_token = fitted.chat.end_token
        with quiet_transformers():
            tokenizer.save_pretrained(str(folder))
    finally:
        tokenizer.chat_template, tokenizer.eos_token = template, end
