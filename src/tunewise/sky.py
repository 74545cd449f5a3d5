"""A task for a cloud: written down as SkyPilot takes it, and handed to SkyPilot where it is there.

Given a task file and the cards wanted, leaves sky.yaml beside it. Clouds, prices and machines are
SkyPilot's. Knows nothing of models.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from tunewise.errors import BadInput
from tunewise.files import written_whole
from tunewise.task.load import load_task
from tunewise.version import __version__

FILE = "sky.yaml"


def written_for_sky(task_file: Path, accelerators: str) -> Path:
    """Write sky.yaml beside a task file and return its path.

    Args:
        task_file: the task.yaml; its folder is what goes to the cloud.
        accelerators: as SkyPilot spells them, such as 'L4:1' or 'A100:2'.

    Raises:
        BadInput: a data file lies outside the task's folder.
        TunewiseError: the task file can't be read.
    """
    task = load_task(task_file)
    folder = task_file.absolute().parent
    for name in (task.data.train, task.data.validation, task.data.test):
        local = folder / name if name else folder
        if local.exists() and not local.resolve().is_relative_to(folder.resolve()):
            raise BadInput(
                f"'{name}' lies outside the task's folder, and only that goes to the cloud",
                where=str(task_file),
                mend="Copy the file beside task.yaml and name it there.",
            )
    path = folder / FILE
    told = {
        "name": f"tunewise-{task.task}".lower().replace("_", "-").replace(".", "-"),
        "workdir": str(folder),
        "resources": {"accelerators": accelerators},
        "setup": f"pip install tunewise=={__version__}\n",
        "run": f"tunewise launch {task_file.name} --processes $SKYPILOT_NUM_GPUS_PER_NODE\n",
    }
    writer = YAML()
    writer.default_flow_style = False
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write("# Written by tunewise; run it with: sky launch sky.yaml\n")
        writer.dump(told, out)
    return path


def launched_by_sky(path: Path, *, yes: bool) -> int | None:
    """Hand a task file to SkyPilot and return its exit status; None where it isn't installed.

    Args:
        path: of sky.yaml.
        yes: don't let SkyPilot ask before it rents anything.
    """
    program = shutil.which("sky")
    if program is None:
        return None
    return subprocess.run(
        [program, "launch", *(["--yes"] if yes else []), str(path)], check=False
    ).returncode
