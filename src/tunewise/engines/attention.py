"""Who sees whom: attention masks in the form each architecture of transformers takes them.

Given positions and a rule of what may be seen, gives back additive masks, one per kind of layer
(full or sliding window). Knows nothing of labels or caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

from tunewise.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Mask: TypeAlias = "torch.Tensor | dict[str, torch.Tensor]"
FULL, SLIDING = "full_attention", "sliding_attention"


def layer_kinds(model: PreTrainedModel) -> tuple[set[str], int | None]:
    """Return the kinds of attention layer that a model has, and its sliding window in tokens.

    Raises:
        ModelError: a kind whose masks aren't known here, or an implementation of attention that
            takes no mask of its own.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or [SLIDING if window else FULL])
    strange = sorted(kinds - {FULL, SLIDING})
    if strange:
        raise ModelError(
            f"models with layers of '{strange[0]}' ({config.model_type}) can't score labels as"
            " a tree",
            mend="Choose one with full or sliding-window attention, such as Llama, Qwen, Gemma or"
            " Mistral.",
        )
    if config._attn_implementation not in ("sdpa", "eager"):
        raise ModelError(
            f"attention '{config._attn_implementation}' takes no mask of one's own",
            mend="Load the model with attn_implementation='sdpa'.",
        )
    return kinds, window if SLIDING in kinds else None


def takes_masks(model: PreTrainedModel) -> bool:
    """Whether each of a model's layers can be told who sees whom."""
    try:
        layer_kinds(model)
    except ModelError:
        return False
    return True


def masks(
    model: PreTrainedModel, sees: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor
) -> Mask:
    """Return what to pass as `attention_mask` so that layers see what they may, and no more.

    Args:
        model: decides the form: one mask, or one per kind of layer.
        sees: whether a query may see a key at all, [rows, queries, keys].
        queries: position of each query in its text, [rows, queries].
        keys: position of each key in its text, [rows, keys].
    """
    kinds, window = layer_kinds(model)
    found = {FULL: _additive(sees, model.dtype)} if FULL in kinds else {}
    if window is not None:  # as transformers counts it: a token sees itself and window - 1 before
        near = queries[:, :, None] - keys[:, None, :] < window
        found[SLIDING] = _additive(sees & near, model.dtype)
    return found if len(found) > 1 else next(iter(found.values()))


def _additive(sees: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return 0 where a key is seen and the lowest finite number elsewhere, [rows, 1, q, k].

    Additive, because eager attention adds its mask and sdpa accepts both forms.
    """
    mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
    return mask.masked_fill_(~sees, torch.finfo(dtype).min)[:, None]
