"""Prompts that were scored already: an interrupted fit carries on, and nothing is scored twice.

Given a file and what the scores depend on, gives back the log-probabilities of known prompts.
A score is a function of the prompt's tokens, the labels' tokens and the weights, so a kept one is
the one that would come again, but for the rounding of another batch. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tunewise.errors import RunFolderError
from tunewise.files import written_whole

FILE = "scored.safetensors"


class Scored:
    """Log-probabilities [labels] by prompt, in a file that is read at once.

    Args:
        folder: where scored.safetensors stands or will.
        depends_on: hash of all that scores depend on beside the prompt; a file with another is
            as good as none.
    """

    def __init__(self, folder: Path, depends_on: str) -> None:
        self.path = folder / FILE
        self.depends_on = depends_on
        self._logps = self._read()

    def of(self, prompt: Sequence[int]) -> np.ndarray | None:
        """Return log P(label | prompt), [labels], or None if it isn't known."""
        return self._logps.get(_key(prompt))

    def keep(self, prompts: Sequence[Sequence[int]], logps: np.ndarray) -> None:
        """Remember the scores of prompts, [prompts, labels], and write the file anew."""
        self._logps |= {_key(prompt): row for prompt, row in zip(prompts, logps, strict=True)}
        keys = np.frombuffer(b"".join(self._logps), dtype=np.uint8).reshape(-1, 32)
        tensors = {"prompts_sha256": keys, "logps": np.stack([*self._logps.values()])}
        with written_whole(self.path) as temporary:
            save_file(tensors, temporary, metadata={"depends_on": self.depends_on})

    def _read(self) -> dict[bytes, np.ndarray]:
        if not self.path.exists():
            return {}
        try:
            with safe_open(self.path, framework="numpy") as file:
                if (file.metadata() or {}).get("depends_on") != self.depends_on:
                    return {}
                keys, logps = file.get_tensor("prompts_sha256"), file.get_tensor("logps")
        except (OSError, SafetensorError) as error:
            raise RunFolderError(
                f"the scores can't be read ({error})",
                where=str(self.path),
                mend="It was changed from outside; delete it and run again.",
            ) from error
        return {key.tobytes(): row for key, row in zip(keys, logps, strict=True)}


def _key(prompt: Sequence[int]) -> bytes:
    return hashlib.sha256(np.asarray(prompt, dtype=np.int64).tobytes()).digest()
