"""A model on the Hugging Face Hub, pinned to a commit: safetensors or GGUF, never pickles or code.

huggingface_hub does the fetching, so its cache, token, mirror (HF_ENDPOINT) and offline mode
(HF_HUB_OFFLINE) hold.
"""

from __future__ import annotations

from tunewise.models.sources import Found
from tunewise.progress import Progress


def from_hub(name: str, progress: Progress) -> Found:
    """Return the folder of a Hub model."""
    raise NotImplementedError(name)
