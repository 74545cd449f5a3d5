"""A model folder becomes loaded weights and a tokenizer: safetensors only, no code of its own.

Given a path, gives back transformers' objects, in evaluation mode and on the CPU; nothing is
fetched. Knows nothing of names, sources or what the model is used for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewise.errors import ModelError, one_line

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAFELY = {"local_files_only": True, "trust_remote_code": False}
NO_LENGTH = 10**9  # tokenizers that know no longest input say some huge number
COUNT_FROM_PADDING = (  # kinds whose first position is padding's id + 1
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' bars and warnings off the terminal for the length of a block."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep to ourselves that PEFT asks transformers by a name which transformers will drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning
        )
        yield


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model folder.

    Raises:
        ModelError: it can't be read.
    """
    from transformers import AutoTokenizer

    with _readable(folder, "tokenizer"), quiet_transformers():
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder), **SAFELY)
    return tokenizer


def load_encoder(folder: Path, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """Return the model without a head: it maps tokens to hidden states [rows, tokens, hidden].

    Args:
        folder: the model folder.
        dtype: of the weights; left out: float32.

    Raises:
        ModelError: it can't be read.
    """
    import torch
    from transformers import AutoModel

    return _loaded(AutoModel, folder, dtype or torch.float32)


def load_causal(folder: Path, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """Return the language model with its head: it maps tokens to logits [rows, tokens, vocab].

    Args:
        folder: the model folder.
        dtype: of the weights; left out: bfloat16, in which small models are stored.

    Raises:
        ModelError: it can't be read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    return _loaded(AutoModelForCausalLM, folder, dtype or torch.bfloat16)


def context_length(folder: Path, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return how many tokens the model in a folder reads at most; None where nothing says so.

    Raises:
        ModelError: its config can't be read.
    """
    from transformers import AutoConfig

    with _readable(folder, "config"), quiet_transformers():
        config = AutoConfig.from_pretrained(str(folder), **SAFELY)
    return most_tokens(config, tokenizer)


def most_tokens(config: Any, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return how many tokens a model of this config reads at most; None where nothing says so."""
    longest = (positions_of(config), tokenizer.model_max_length)
    known = [int(length) for length in longest if length and length < NO_LENGTH]
    return min(known, default=None)


def positions_of(config: Any) -> int | None:
    """Return how many tokens a model of this config has places for; None where it doesn't say."""
    text = config.get_text_config()
    positions: int | None = getattr(text, "max_position_embeddings", None)
    if positions and text.model_type in COUNT_FROM_PADDING:
        positions -= text.pad_token_id + 1
    return positions or None


def cached_bytes(config: Any, itemsize: int) -> int:
    """Return the bytes that a language model remembers of one token: keys and values of all layers.

    Args:
        config: of the model.
        itemsize: bytes of a number.
    """
    text = config.get_text_config()
    heads = text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    keys = getattr(text, "num_key_value_heads", None) or heads
    return int(2 * text.num_hidden_layers * keys * size * itemsize)


def stop_ids(folder: Path) -> set[int]:
    """Return the ids of the tokens at which the model in a folder stops writing.

    Raises:
        ModelError: its config can't be read.
    """
    from transformers import AutoConfig, GenerationConfig

    with _readable(folder, "config"), quiet_transformers():
        if (folder / "generation_config.json").exists():
            found = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
        else:
            found = AutoConfig.from_pretrained(str(folder), **SAFELY)
    ids = found.eos_token_id
    return set() if ids is None else {ids} if isinstance(ids, int) else {*ids}


def _loaded(auto: Any, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    with _readable(folder, "model"), quiet_transformers():
        model: PreTrainedModel = auto.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, **SAFELY
        )
    return model.eval()


@contextmanager
def _readable(folder: Path, what: str) -> Iterator[None]:
    """Turn what transformers and safetensors say of an unreadable folder into a ModelError."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"the {what} can't be loaded ({one_line(str(error), 300)})",
            where=str(folder),
            mend="Fetch or save the folder anew; tunewise reads what save_pretrained writes.",
        ) from error
