"""transformers.Trainer with checkpoints that hold what is trained and count only when whole.

Given to both kinds of training as their base; each says what its steps are. Knows nothing of what
is trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PrinterCallback, Trainer
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from transformers.utils import SAFE_WEIGHTS_NAME

from tunewise.files import disk_errors
from tunewise.training.callbacks import BestWeights, trainable_state
from tunewise.training.checkpoints import delete_checkpoints, seal


class SealedTrainer(Trainer):
    """Trainer whose checkpoints are sealed, see checkpoints.py.

    Args:
        folder: where checkpoints lie.
        key: of this training; a checkpoint of another is never taken up.
        best: keeps the best weights.
        options: as for Trainer.
    """

    def __init__(self, *, folder: Path, key: str, best: BestWeights, **options: Any) -> None:
        self.folder, self.key, self.best = folder, key, best
        super().__init__(**options)
        self.remove_callback(PrinterCallback)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write what is trained, and nothing else, as safetensors."""
        folder = Path(output_dir or self.args.output_dir)
        weights = {n: w.cpu().contiguous() for n, w in trainable_state(self.model).items()}
        if not self.args.should_save:  # another process writes them
            return
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, str(folder / SAFE_WEIGHTS_NAME), metadata={"format": "pt"})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Check that a checkpoint held what is trained; what isn't trained stays as it was."""
        lost = trainable_state(self.model).keys() & set(load_result.missing_keys)
        assert not lost, f"a sealed checkpoint lacks {sorted(lost)[0]}"
        assert not load_result.unexpected_keys, load_result.unexpected_keys[0]

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = self.folder / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        with disk_errors(folder):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()  # else the others' files may be half written
            if not self.args.should_save:  # another process writes it
                return
            self.best.save(folder)
        seal(folder, self.key)
        delete_checkpoints(self.folder, keep=folder)


def shared_arguments(folder: Path, *, validates: bool) -> dict[str, Any]:
    """Return what all trainings tell Trainer: to be silent, and to write no files but checkpoints.

    Args:
        folder: for checkpoints.
        validates: whether there are rows to validate on after each epoch.
    """
    return {
        "output_dir": str(folder),
        "optim": "adamw_torch_fused",
        "use_cpu": not torch.cuda.is_available(),
        "eval_strategy": "epoch" if validates else "no",
        "save_strategy": "no",  # Saving decides when: by the clock, see callbacks.py
        "logging_nan_inf_filter": False,  # a loss that isn't finite must be seen
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "log_level": "error",
    }
