"""A causal language model as it is trained here: rows laid end to end in, their summed loss out.

Given a model of transformers, with a PEFT adapter or without, gives back a module whose forward
computes each supervised token's loss and nothing that isn't needed for it. Which of the ways to
save work are taken is said by name, so that each can be switched off. Knows nothing of the
training's loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tunewise.training.fast import attention
from tunewise.training.fast.head import head_shape, summed_loss
from tunewise.training.fast.packed import Packed


class RowsLoss(nn.Module):
    """The summed loss of packed rows.

    Args:
        model: a causal language model, wrapped by PEFT or not. Its attention is set to attend
            among rows that lie end to end.

    Attributes:
        causal: the language model itself.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.causal: Any = model.get_base_model() if hasattr(model, "get_base_model") else model
        attention.register()
        self.causal.set_attn_implementation(attention.NAME)
        self.shape = head_shape(self.causal.config.get_text_config())

    @property
    def decoder(self) -> Any:
        """The model without its head."""
        return self.causal.get_decoder()

    @property
    def layers(self) -> nn.ModuleList:
        """The decoder's layers."""
        found: nn.ModuleList = self.decoder.layers
        return found

    def forward(self, packed: Packed) -> Tensor:
        """Return the cross entropy summed over all targets, a float32 scalar."""
        states = self.decoder(
            input_ids=packed.input_ids,
            position_ids=packed.position_ids,
            attention_mask=None,
            use_cache=False,
            cu_seq_lens_q=packed.starts,
            cu_seq_lens_k=packed.starts,
            max_length_q=packed.longest,
            max_length_k=packed.longest,
            shared=packed.shared,
        ).last_hidden_state[0]  # [tokens, hidden]
        chosen = states.index_select(0, packed.places)
        return summed_loss(self.causal.get_output_embeddings(), chosen, packed.targets, self.shape)


def plain_loss(model: nn.Module, ids: Tensor, supervised: Tensor) -> Tensor:
    """Return the same sum by the model's own forward pass, for one row; slow and plain.

    Args:
        model: a causal language model, wrapped by PEFT or not, with an attention of its own.
        ids: [tokens].
        supervised: [tokens].
    """
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].float()
    found = nn.functional.cross_entropy(logits, ids[1:], reduction="none")
    return torch.where(supervised[1:], found, 0.0).sum()
