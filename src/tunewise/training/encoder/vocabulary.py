"""Only the rows of the token embedding that occur in the data are trained.

A small encoder keeps half of its weights in the token embedding, and a few thousand texts touch
a tenth of its rows. The others get no gradient, so clearing, clipping, updating and saving them
is work for nothing. While training, the rows that occur stand in a small table of their own;
afterwards they are written back. Knows nothing of what is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class OccurringRows(nn.Module):
    """The token embedding, of which only the rows of `tokens` can be looked up and trained.

    Weight decay aside (rows that never occur aren't decayed), it trains exactly as the whole
    table does: a row without a gradient isn't moved by AdamW whose moments are zero.
    """

    def __init__(self, whole: nn.Embedding, tokens: Sequence[int]) -> None:
        super().__init__()
        kept = torch.tensor(sorted(set(tokens)), dtype=torch.long)
        place = torch.full((whole.num_embeddings,), -1, dtype=torch.long)
        place[kept] = torch.arange(len(kept))
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("place", place, persistent=False)
        self.rows = nn.Parameter(whole.weight.detach()[kept].clone())
        padding = -1 if whole.padding_idx is None else int(place[whole.padding_idx])
        self.padding_idx = padding if padding >= 0 else None  # never trained, as in the whole table

    def forward(self, input_ids: Tensor) -> Tensor:
        """Return the embeddings [rows, tokens, hidden].

        Raises:
            IndexError: a token that isn't kept.
        """
        return nn.functional.embedding(self.place[input_ids], self.rows, self.padding_idx)


def keep_occurring_rows(encoder: nn.Module, tokens: Iterable[int]) -> nn.Embedding:
    """Put a small table of the rows of `tokens` in the embedding's place; return the whole one."""
    whole: nn.Embedding = encoder.get_input_embeddings()
    encoder.set_input_embeddings(OccurringRows(whole, list(tokens)))
    return whole


def put_back(encoder: nn.Module, whole: nn.Embedding) -> None:
    """Write the trained rows into the whole embedding, and put that back in its place."""
    small = encoder.get_input_embeddings()
    with torch.no_grad():
        whole.weight[small.kept] = small.rows.to(whole.weight.dtype)
    encoder.set_input_embeddings(whole)
