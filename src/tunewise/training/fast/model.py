"""A causal language model as it is trained here: rows laid end to end in, their summed loss out.

Given a model of transformers, with a PEFT adapter or without, gives back a module whose forward
computes each supervised token's loss and nothing that isn't needed for it; and beside it the plain
way, row by row through the model's own forward pass. Knows nothing of the training's loop.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tunewise.training.fast import attention
from tunewise.training.fast.head import head_shape, shaped, summed_loss
from tunewise.training.fast.packed import Packed


class RowsLoss(nn.Module):
    """The summed loss of packed rows.

    Args:
        model: a causal language model, wrapped by PEFT or not. Its attention is set to attend
            among rows that lie end to end.
        supervised_head: whether the head scores supervised positions only, in pieces.
    """

    def __init__(self, model: nn.Module, *, supervised_head: bool = True) -> None:
        super().__init__()
        self.model = model
        self.supervised_head = supervised_head
        self.shape = head_shape(self.causal.config.get_text_config())
        attention.register()
        self.causal.set_attn_implementation(attention.NAME)

    @property
    def causal(self) -> Any:
        """The language model itself."""
        return base_of(self.model)

    def forward(self, packed: Packed) -> Tensor:
        """Return the cross entropy summed over all targets, a float32 scalar."""
        states = self.causal.get_decoder()(
            input_ids=packed.input_ids,
            position_ids=packed.position_ids,
            attention_mask=None,
            use_cache=False,
            cu_seq_lens_q=packed.starts,
            cu_seq_lens_k=packed.bounds,
            # Tensors, because compiled code is made anew for each number that it is given.
            max_length_q=torch.tensor(packed.longest),
            max_length_k=torch.tensor(packed.longest),
            shared=torch.tensor(packed.shared),
        ).last_hidden_state[0]  # [tokens, hidden]
        head = self.causal.get_output_embeddings()
        if self.supervised_head and type(head) is nn.Linear:
            chosen = states.index_select(0, packed.places)
            return summed_loss(head, chosen, packed.targets, self.shape)
        logits = shaped(head(states).float(), self.shape)
        return _cross_entropy(logits, packed)


class PlainLoss(nn.Module):
    """The same sum row by row, by the model's own forward pass and attention: slow and plain.

    Args:
        model: a causal language model, wrapped by PEFT or not.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def causal(self) -> Any:
        """The language model itself."""
        return base_of(self.model)

    def forward(self, packed: Packed) -> Tensor:
        """Return the cross entropy summed over all targets, a float32 scalar."""
        assert not packed.shared, "rows that share a beginning can't be taken apart"
        parts = [
            self.model(input_ids=packed.input_ids[:, start:end], use_cache=False).logits[0]
            for start, end in pairwise(packed.starts.tolist())
        ]
        return _cross_entropy(torch.cat(parts).float(), packed)


def base_of(model: nn.Module) -> Any:
    """Return the language model inside a PEFT wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _cross_entropy(logits: Tensor, packed: Packed) -> Tensor:
    chosen = logits.index_select(0, packed.places)
    return nn.functional.cross_entropy(chosen, packed.targets, reduction="sum")
