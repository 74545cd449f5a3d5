"""Tiny random encoders of every architecture, with a tiny tokenizer, and rows they can learn."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from tunewise.models.loading import quiet_transformers
from tunewise.records import Example

ARCHITECTURES = ("minilm", "bert", "distilbert", "roberta", "modernbert")
LABELS = ("card", "refund", "transfer")
WORDS = {
    "card": ["card", "plastic", "pin", "chip", "visa"],
    "refund": ["refund", "money", "back", "returned", "shop"],
    "transfer": ["transfer", "sent", "account", "bank", "pending"],
}
FILLERS = [f"word{i}" for i in range(40)]
SPECIAL = ("<pad>", "[UNK]", "[CLS]", "[SEP]")
POSITIONS = 48


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of whole words, with one word that no row has."""
    words = [*SPECIAL, *FILLERS, *(w for many in WORDS.values() for w in many), "never"]
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=POSITIONS - 1,
    )


def tiny_encoder(architecture: str, folder: Path) -> Path:
    """Write a random encoder of this architecture, and its tokenizer, to `folder`."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    size = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_attention_heads": 4}
    layers = {"num_hidden_layers": 2, "intermediate_size": 64}
    positions = {"max_position_embeddings": POSITIONS, "pad_token_id": 0}
    with quiet_transformers():
        match architecture:
            case "minilm":  # BERT's layers without its pooler
                model = BertModel(
                    BertConfig(**size, **layers, **positions), add_pooling_layer=False
                )
            case "bert":
                model = BertModel(BertConfig(**size, **layers, **positions))
            case "distilbert":
                model = DistilBertModel(
                    DistilBertConfig(
                        vocab_size=len(tokenizer),
                        dim=32,
                        n_heads=4,
                        n_layers=2,
                        hidden_dim=64,
                        **positions,
                    )
                )
            case "roberta":
                model = RobertaModel(RobertaConfig(**size, **layers, **positions))
            case "modernbert":
                model = ModernBertModel(ModernBertConfig(**size, **layers, **positions))
            case _:
                raise ValueError(architecture)
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    return folder


def tickets(count: int, seed: int = 0, labels: tuple[str, ...] = LABELS) -> list[Example]:
    """Return rows of 2 to 20 words, two of which tell the label."""
    chance = random.Random(seed)
    rows = []
    for row in range(count):
        label = labels[row % len(labels)]
        words = chance.choices(FILLERS, k=chance.randint(0, 18)) + chance.sample(WORDS[label], 2)
        chance.shuffle(words)
        text = " ".join(words)
        rows.append(Example(id=f"{seed}-{row}", input=text, target=label, row=row, source="tiny"))
    return rows
