"""Label scores the plain way: the whole prompt is read anew for every label.

Slow and easy to believe: no cache, no trie, no mask of our own. Tests and the benchmark hold
label_scoring.py against it, and so does the proof that is made when a prompt is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def naive_scores(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    *,
    batch: int = 1,
) -> np.ndarray:
    """Return log P(label | prompt) in nats for every prompt and label, [prompts, labels].

    Args:
        model: a causal language model.
        prompts: token ids of each prompt.
        labels: token ids of each label, the end token last.
        batch: labels that are read together, shorter ones padded on the right.
    """
    found = np.empty((len(prompts), len(labels)))
    with torch.inference_mode():
        for row, prompt in enumerate(prompts):
            for start in range(0, len(labels), batch):
                some = labels[start : start + batch]
                found[row, start : start + batch] = _scores(model, prompt, some)
    return found


def _scores(
    model: PreTrainedModel, prompt: Sequence[int], labels: Sequence[Sequence[int]]
) -> np.ndarray:
    longest = max(map(len, labels))
    width = len(prompt) + longest
    tokens = torch.zeros((len(labels), width), dtype=torch.long)
    real = torch.zeros((len(labels), width), dtype=torch.long)
    for row, label in enumerate(labels):
        tokens[row, : len(prompt) + len(label)] = torch.tensor([*prompt, *label])
        real[row, : len(prompt) + len(label)] = 1
    tokens, real = tokens.to(model.device), real.to(model.device)
    padded = None if bool(real.all()) else real
    kept = longest + 1  # the token before a label predicts its first
    logits = model(
        input_ids=tokens, attention_mask=padded, use_cache=False, logits_to_keep=kept
    ).logits  # [labels, longest + 1, vocab]
    wanted = tokens[:, -longest:]
    logps = logits[:, :-1].float().log_softmax(-1).gather(-1, wanted[:, :, None])[:, :, 0]
    total: np.ndarray = (logps.double() * real[:, -longest:]).sum(1).cpu().numpy()
    return total
