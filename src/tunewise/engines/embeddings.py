"""Texts become vectors: mean-pooled hidden states of an encoder, of unit length.

Given a model folder, gives back one float32 vector per text, in the texts' order. Batches hold
texts of similar length up to a number of tokens, so hardly any padding is computed. Knows nothing
of labels or of what the vectors are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from tunewise.engines.precision import fastest_dtype
from tunewise.models.loading import load_encoder, load_tokenizer, positions_of
from tunewise.progress import Progress, Silent, showing

CPU_TOKENS = 1024  # per batch: fills two cores' caches; measured flat from 512 to 2048
GPU_TOKENS = 16_384
SAME_ENOUGH = 0.999  # least cosine between bf16 and float32 embeddings of the sample texts
SAMPLE = (
    "My card was declined at the shop, what can I do?",
    "ok",
    "The transfer that I made on Monday hasn't arrived yet, although 250.00 left my account.",
    "Ich habe meine PIN vergessen. ¿Dónde está mi tarjeta? 42 €",
)


class Embedder:
    """A loaded encoder that embeds texts.

    Attributes:
        dtype: of the weights: bfloat16 where it is faster here and its embeddings of sample
            texts have a cosine of at least 0.999 with those of float32.
        max_length: tokens read of each text, at most; the model's own limit holds as well.
    """

    def __init__(
        self, model_folder: Path, max_length: int = 256, dtype: torch.dtype | None = None
    ) -> None:
        """Load the encoder.

        Args:
            model_folder: with safetensors and a tokenizer.
            max_length: tokens read of each text, at most.
            dtype: of the weights; left out: the fastest that is exact enough.

        Raises:
            ModelError: the folder can't be loaded.
        """
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = load_tokenizer(model_folder)
        self.model = load_encoder(model_folder, dtype or torch.float32).to(self.device)
        self.max_length = min(max_length, positions_of(self.model.config) or max_length)
        self.pad = self.tokenizer.pad_token_id or 0
        if dtype is None and fastest_dtype(self.device) == torch.bfloat16:
            self._try_bf16(model_folder)
        self.dtype = self.model.dtype

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return the texts' embeddings, float32 [texts, hidden], each of unit length."""
        return self.embed_tokens(self.tokens(texts), progress)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids that the model reads of each text, special tokens included."""
        if not texts:
            return []
        read = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        return [list(ids) or [self.pad] for ids in read["input_ids"]]

    def embed_tokens(
        self, tokens: Sequence[Sequence[int]], progress: Progress | None = None
    ) -> np.ndarray:
        """Return the embeddings of texts given as ids, float32 [texts, hidden]."""
        found = np.zeros((len(tokens), self.model.config.hidden_size), dtype=np.float32)
        budget = CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS
        batches = length_batches([len(ids) for ids in tokens], budget)
        with showing(progress or Silent(), "Embedding", max(1, len(tokens)), "texts") as bar:
            for batch in batches:
                found[batch] = self._pooled([tokens[row] for row in batch])
                bar.advance(len(batch))
        return found

    def _pooled(self, tokens: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the mean of each text's hidden states, at unit length: [rows, hidden]."""
        longest = max(len(ids) for ids in tokens)
        padded = [[*ids, *[self.pad] * (longest - len(ids))] for ids in tokens]
        with torch.inference_mode():
            ids = torch.tensor(padded, device=self.device)  # [rows, tokens]
            lengths = torch.tensor([len(ids) for ids in tokens], device=self.device)
            read = torch.arange(longest, device=self.device) < lengths[:, None]
            states = self.model(input_ids=ids, attention_mask=read.long()).last_hidden_state
            summed = (states.float() * read[..., None]).sum(dim=1)  # [rows, hidden]
            mean: np.ndarray = normalize(summed / lengths[:, None], dim=-1).cpu().numpy()
        return mean

    def _try_bf16(self, model_folder: Path) -> None:
        """Go over to bf16 weights if the sample texts' embeddings stay where they were."""
        exact = self.embed(SAMPLE)
        self.model.to(torch.bfloat16)
        if float((exact * self.embed(SAMPLE)).sum(axis=1).min()) < SAME_ENOUGH:
            self.model = load_encoder(model_folder, torch.float32).to(self.device)


def length_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return rows grouped by falling length, so that rows times the longest stays in the budget.

    Args:
        lengths: tokens of each row.
        budget: tokens of a batch, padding included; a longer row has a batch of its own.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and (len(batches[-1]) + 1) * longest <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
            longest = lengths[row]
    return batches
