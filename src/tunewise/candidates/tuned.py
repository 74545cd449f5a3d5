"""What tuned models share when they are loaded to answer: an adapter's base, the number format.

Given what settings.json says, gives back what this machine has. Knows nothing of training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tunewise.engines.precision import fastest_dtype
from tunewise.errors import RunFolderError
from tunewise.models.resolve import resolve
from tunewise.progress import Silent


def base_of(about: dict[str, Any], place: Path, task_folder: Path) -> Path:
    """Return the folder of the base model that an adapter was trained on.

    Args:
        about: the candidate's settings.json.
        place: where the adapter lies, for errors.
        task_folder: where the user's relative paths start.

    Raises:
        RunFolderError: the name now leads to another model.
    """
    base = resolve(about["model"]["name"], Silent(), task_folder=task_folder)
    if base.fingerprint != about["model"]["fingerprint"]:
        raise RunFolderError(
            f"the model '{base.name}' isn't the one that this adapter was trained on",
            where=str(place),
            mend="Bring back the model as it was, or run the task again.",
        )
    return base.path


def answering_dtype(about: dict[str, Any], device: torch.device) -> torch.dtype:
    """Return the format to answer in: as on record, but float32 where bfloat16 is slower here.

    The machine that answers may not be the one that trained.
    """
    dtype: torch.dtype = getattr(torch, about["answering"]["dtype"])
    slower = dtype is torch.bfloat16 and fastest_dtype(device) is not dtype
    return torch.float32 if slower else dtype
