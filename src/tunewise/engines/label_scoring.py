"""Scores of all labels for each prompt, from one forward pass per batch of prompts.

Given a causal language model, the labels' tokens and prompts as token ids, gives back
log P(label and end of turn | prompt). What the prompts have in common at their start is computed
once; a prompt's rest and the trie of all labels then go through the model together, each token
seeing only what it would see if its label were read alone. The numbers are those of
naive_scoring.py. Knows nothing of texts, templates or tasks. See docs/label-scoring.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from tunewise.engines.attention import layer_kinds, masks
from tunewise.engines.naive_scoring import naive_scores
from tunewise.engines.trie import label_trie
from tunewise.engines.window import MEND
from tunewise.errors import DataError, ModelError
from tunewise.models.loading import positions_of
from tunewise.progress import Progress, Silent, showing

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel

TOKENS_TOGETHER = 1024  # read in one forward pass; more gains nothing on a CPU
LOGITS_TOGETHER = 1 << 28  # held at once, so that large vocabularies fit into memory
LOGITS_IN_FLOAT = 1 << 20  # of these, turned to float32 at once: 4 MB stay in the cache
PROOF_BOUNDS = {torch.float32: 1e-3}  # nats a proof may be off; other formats: PROOF_SHARE
PROOF_SHARE = 0.05  # of a label's log-probability, plus as much in nats per token


class LabelScorer:
    """A model made ready to choose among fixed labels after prompts that begin alike.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        labels: token ids of each label, the token that ends the answer last.
        prefix: token ids that the prompts begin with; computed here, once. A prompt that leaves
            it early is scored just as exactly, only slower.
        tokens_together: tokens read in one forward pass; a prompt that needs more goes alone.

    Raises:
        DataError: the labels can't be told apart; see label_trie.
        ModelError: the architecture has layers that can't be masked as a tree.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        labels: Sequence[Sequence[int]],
        prefix: Sequence[int] = (),
        *,
        tokens_together: int = TOKENS_TOGETHER,
    ) -> None:
        layer_kinds(model)
        self.model = model
        self.labels = [list(label) for label in labels]
        self.trie = label_trie(labels)
        self.prefix = list(prefix)
        self.tokens_together = tokens_together
        self.most_tokens = positions_of(model.config)
        self._sees = torch.from_numpy(self.trie.sees).to(model.device)
        self._tokens = torch.from_numpy(self.trie.tokens).to(model.device)
        self._depths = torch.from_numpy(self.trie.depths).to(model.device)
        self._check_length(self.prefix, "the part that all prompts share")
        self._states = self._prefix_states()

    def scores(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        names: Sequence[str] | None = None,
        progress: Progress | None = None,
        title: str = "Scoring labels",
    ) -> np.ndarray:
        """Return log P(label | prompt) in nats, [prompts, labels].

        Args:
            prompts: token ids of each whole prompt.
            names: of the prompts, for errors; left out: their numbers.
            progress: gets a bar of rows.
            title: of that bar.

        Raises:
            DataError: a prompt is empty, or with its longest label longer than the model reads.
        """
        for number, prompt in enumerate(prompts):
            name = names[number] if names else f"prompt {number + 1}"
            if not prompt:
                raise DataError("the prompt is empty", where=name)
            self._check_length(prompt, name)
        found = np.empty((len(prompts), len(self.labels)))
        with showing(progress or Silent(), title, len(prompts)) as bar:
            for rows in self._batches(prompts):
                found[rows] = self._scores_together([prompts[row] for row in rows])
                bar.advance(len(rows))
        return found

    def prove(self, prompt: Sequence[int]) -> float:
        """Hold a few labels' scores against the plain way; return the largest difference in nats.

        Meant for a model of unknown architecture, before its scores are relied on.

        Raises:
            ModelError: the scores differ by more than rounding explains.
        """
        longest, shortest = int(self.trie.lengths.argmax()), int(self.trie.lengths.argmin())
        some = sorted({longest, shortest, 0 if longest else len(self.labels) - 1})
        ours = self.scores([prompt])[0, some]
        plain = naive_scores(self.model, [prompt], [self.labels[i] for i in some])[0]
        off = np.abs(ours - plain)
        allowed: float | np.ndarray = PROOF_BOUNDS.get(
            self.model.dtype, PROOF_SHARE * (np.abs(plain) + self.trie.lengths[some])
        )
        if not (off <= allowed).all():
            raise ModelError(
                f"labels scored as a tree differ by {off.max():.3g} nats from labels scored one"
                f" by one, so this architecture ({self.model.config.model_type}) can't be used",
                mend="Choose a Llama, Qwen, Gemma or Mistral model, and tell us of this one.",
            )
        return float(off.max())

    def _check_length(self, prompt: Sequence[int], name: str) -> None:
        longest = len(prompt) + self.trie.deepest
        if self.most_tokens is not None and longest > self.most_tokens:
            over = longest - self.most_tokens
            raise DataError(
                f"the prompt has {len(prompt):,} tokens and its longest label"
                f" {self.trie.deepest:,}, {over:,} more than the model's {self.most_tokens:,}; the"
                f" text's last {over:,} tokens would be cut",
                where=name,
                mend=MEND,
            )

    def _prefix_states(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return keys and values of the prefix per layer, each [1, heads, prefix, size]."""
        from transformers import DynamicCache

        if not self.prefix:
            return []
        tokens = torch.tensor([self.prefix], device=self.model.device)
        positions = torch.arange(len(self.prefix), device=self.model.device)[None]
        causal = positions[:, :, None] >= positions[:, None, :]
        cache = DynamicCache()  # without a config no layer forgets what is outside its window
        with torch.inference_mode():
            self.model(
                input_ids=tokens,
                attention_mask=masks(self.model, causal, positions, positions),
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return [(layer.keys, layer.values) for layer in cache.layers]

    def _cache(self, rows: int) -> Cache:
        """Return a cache that begins with the prefix, seen from `rows` rows without copying it."""
        from transformers import DynamicCache

        return DynamicCache(
            [(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in self._states]
        )

    def _shared(self, prompt: Sequence[int]) -> int:
        """Return how many tokens of the prefix a prompt begins with, one left to be read anew."""
        most = min(len(self.prefix), len(prompt) - 1)
        pairs = zip(self.prefix[:most], prompt, strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _batches(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return row numbers in batches of like length within the token budget, longest first."""
        own = [len(prompt) - self._shared(prompt) for prompt in prompts]
        nodes, vocab = len(self.trie.tokens), self.model.config.get_text_config().vocab_size
        most_rows = max(1, LOGITS_TOGETHER // ((nodes + 1) * vocab))
        batches: list[list[int]] = []
        for row in sorted(range(len(prompts)), key=lambda row: -own[row]):
            last = batches[-1] if batches else []
            wide = (own[last[0]] + nodes) * (len(last) + 1) if last else 0
            if last and len(last) < most_rows and wide <= self.tokens_together:
                last.append(row)
            else:
                batches.append([row])
        return batches

    def _scores_together(self, prompts: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the scores of a batch, [rows, labels].

        Columns of the forward pass: padding and the rows' own tokens, flush right, then the trie.
        """
        shared = torch.tensor([self._shared(p) for p in prompts], device=self.model.device)
        lengths = torch.tensor([len(p) for p in prompts], device=self.model.device)
        width = int((lengths - shared).max())
        tokens = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            own = prompt[int(shared[row]) :]
            tokens[row, width - len(own) :] = torch.tensor(own)
        nodes = self._tokens.expand(len(prompts), -1)
        positions, sees = self._layout(shared, lengths, width)
        keys = torch.arange(len(self.prefix), device=self.model.device).expand(len(prompts), -1)
        with torch.inference_mode():
            logits = self.model(
                input_ids=torch.cat([tokens.to(self.model.device), nodes], dim=1),
                attention_mask=masks(
                    self.model, sees, positions, torch.cat([keys, positions], dim=1)
                ),
                position_ids=positions,
                past_key_values=self._cache(len(prompts)),
                use_cache=True,
                logits_to_keep=nodes.shape[1] + 1,
            ).logits  # [rows, 1 + nodes, vocab]
            return self._summed(logits)

    def _layout(
        self, shared: torch.Tensor, lengths: torch.Tensor, width: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each token's position [rows, tokens], and what it sees [rows, tokens, keys].

        Keys are the prefix and then the tokens themselves. Padding sees only itself, and nothing
        else sees padding.
        """
        rows, nodes, device = len(lengths), len(self._tokens), lengths.device
        columns = torch.arange(width, device=device)
        own = columns - width + lengths[:, None]  # position in the text; padding is below `shared`
        real = own >= shared[:, None]
        positions = torch.cat([own.clamp(min=0), lengths[:, None] + self._depths], dim=1)
        sees = torch.zeros(
            (rows, width + nodes, len(self.prefix) + width + nodes), dtype=torch.bool, device=device
        )
        in_prefix, in_own, in_trie = sees.split([len(self.prefix), width, nodes], dim=2)
        prefix = torch.arange(len(self.prefix), device=device) < shared[:, None]
        in_prefix[:] = prefix[:, None, :]
        causal = columns[:, None] >= columns[None, :]
        in_own[:, :width] = causal & real[:, None, :]
        in_own[:, width:] = real[:, None, :]
        in_trie[:, width:] = self._sees
        in_own[:, :width] |= torch.eye(width, dtype=torch.bool, device=device)
        return positions, sees

    def _summed(self, logits: torch.Tensor) -> np.ndarray:
        """Return the labels' log-probabilities [rows, labels], normalised in float32."""
        sources = torch.from_numpy(self.trie.edge_sources).to(logits.device)
        wanted = torch.from_numpy(self.trie.edge_tokens).to(logits.device)
        step = max(1, LOGITS_IN_FLOAT // logits.shape[-1])
        found = np.empty((len(logits), len(self.labels)))
        for row, of_row in enumerate(logits):
            totals = torch.cat([part.float().logsumexp(-1) for part in of_row.split(step)])
            edges = of_row[sources, wanted].float() - totals[sources]
            padded = np.append(edges.double().cpu().numpy(), 0.0)
            found[row] = padded[self.trie.label_edges].sum(axis=1)
        return found
