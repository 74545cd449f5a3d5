"""One process of a training in several; run by accelerate, see launched.py.

    accelerate launch -m tunewise.training.language.worker FOLDER

Reads the job in FOLDER, trains its share; the first process writes weights and figures there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save_file

from tunewise.errors import TunewiseError
from tunewise.files import write_json
from tunewise.progress import Silent, progress_for
from tunewise.training.callbacks import trainable_state
from tunewise.training.language.fit import processes, tuned
from tunewise.training.language.launched import (
    RESULT,
    WEIGHTS,
    read_job,
    write_error,
)


def main(folder: Path) -> int:
    """Train this process's share of the job in `folder`; return the exit status."""
    state = processes()
    progress = progress_for(json_events=False) if state.is_main_process else Silent()
    try:
        done = tuned(read_job(folder), progress)
    except TunewiseError as error:
        if state.is_main_process:
            write_error(folder, error)
        return error.exit_status
    finally:
        progress.close()
    if state.is_main_process:
        weights = {n: w.cpu().contiguous() for n, w in trainable_state(done.model).items()}
        save_file(weights, str(folder / WEIGHTS))
        told = {name: value for name, value in vars(done).items() if name != "model"}
        write_json(folder / RESULT, told)
    state.wait_for_everyone()
    state.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
