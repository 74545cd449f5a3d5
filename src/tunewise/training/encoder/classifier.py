"""A model with a classification head: hidden states made one, dropout, one linear layer.

Given an encoder (whose hidden states are averaged) or a language model without its head (which has
read all of a text at its last token), as transformers loads it, gives back a module that maps
tokens to logits, and says how it lies on disk: the model as save_pretrained writes it (or its LoRA
adapter as PEFT writes it), with the head beside it in head.safetensors. Knows nothing of data or
training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tunewise.models.loading import quiet_transformers
from tunewise.training.encoder.dropout import ByteDropout, with_byte_dropout

Pooling: TypeAlias = Literal["mean", "last"]

HEAD_FILE = "head.safetensors"
DROPOUT = 0.1  # of the pooled states, as BERT's own classification head has it
NEVER = -200.0  # bias of a label that has no training row: its probability is exactly 0


class EncoderClassifier(nn.Module):
    """Tokens to logits.

    Args:
        encoder: a model without a head (AutoModel), or one wrapped by PEFT.
        labels: number of labels.
        hidden_size: of the encoder's last hidden states.
        pooling: the mean of a row's hidden states, or that of its last token, which is the only
            one that has seen all the others where attention is causal.
    """

    def __init__(
        self, encoder: nn.Module, labels: int, hidden_size: int, pooling: Pooling = "mean"
    ) -> None:
        super().__init__()
        self.encoder = with_byte_dropout(encoder)
        self.pooling = pooling
        self.dropout = ByteDropout(DROPOUT)
        self.head = nn.Linear(hidden_size, labels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return logits [rows, labels], and the mean cross entropy where `labels` [rows] is given.

        Args:
            input_ids: [rows, tokens].
            attention_mask: [rows, tokens], 1 for a token, 0 for padding.
            labels: index of each row's label.
        """
        pooled = self.dropout(self.pooled(input_ids, attention_mask))
        with torch.autocast(pooled.device.type, enabled=False):  # the head is cheap: in float32
            logits = self.head(pooled)
            if labels is None:
                return {"logits": logits}
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return each row's hidden states made one, [rows, hidden], padding left out."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "last":
            rows = torch.arange(len(states), device=states.device)
            last: Tensor = states[rows, attention_mask.sum(1) - 1].float()
            return last
        mask = attention_mask.unsqueeze(-1)
        return (states.float() * mask).sum(1) / mask.sum(
            1
        )  # [rows, tokens, hidden] to [rows, hidden]


def save_head(head: nn.Linear, folder: Path) -> None:
    """Write the head: `weight` [labels, hidden] and `bias` [labels]."""
    tensors = {name: value.detach().contiguous().cpu() for name, value in head.state_dict().items()}
    save_file(tensors, str(folder / HEAD_FILE), metadata={"format": "pt"})


def save_classifier(
    model: EncoderClassifier, tokenizer: Any, labels: Sequence[str], folder: Path
) -> None:
    """Write encoder (or adapter), tokenizer and head to `folder`."""
    with quiet_transformers():
        model.encoder.config.id2label = dict(enumerate(labels))
        model.encoder.config.label2id = {label: i for i, label in enumerate(labels)}
        model.encoder.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    save_head(model.head, folder)


def with_head(encoder: nn.Module, folder: Path, pooling: Pooling) -> EncoderClassifier:
    """Return `encoder` with the head that lies in `folder`, ready to answer."""
    tensors = load_file(str(folder / HEAD_FILE))
    labels, hidden = tensors["weight"].shape
    model = EncoderClassifier(encoder, labels, hidden, pooling)
    model.head.load_state_dict(tensors)
    model.eval()
    return model
