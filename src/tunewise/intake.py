"""A task's rows through their first stages: read and split, then checked.

What `tunewise run` and `tunewise audit` have in common, so that neither does again what the other
did. Given a task and its run folder, leaves files in data/ and gives back what they hold. Knows
nothing of candidates, pages or fixes.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tunewise.audit import DEEP, QUICK, Check, Checked, checked, worst_first
from tunewise.audit.sides import sides
from tunewise.audit.store import load_findings, values_of, write_findings
from tunewise.data.columns import GIVEN, shown
from tunewise.data.read import read_dataset
from tunewise.data.sources import input_hashes, sources
from tunewise.data.split import split
from tunewise.data.store import load_dataset, write_dataset
from tunewise.errors import DataError, TunewiseError
from tunewise.files import file_sha256, read_json, read_record, write_json, write_text
from tunewise.progress import Progress
from tunewise.records import Dataset, Finding, Splits
from tunewise.task.settings import DataSettings, Task, columns_asked
from tunewise.version import __version__
from tunewise.workspace.environment import environment
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import run_stage

Hashes = Mapping[str, Sequence[str | None]]  # of each side's files

DATA_VERSION = 4  # each rises when its stage would leave something else for the same inputs
AUDIT_VERSION = 2


@contextlib.contextmanager
def nothing_left_of_a_false_start(path: Path) -> Iterator[None]:
    """Delete a run folder that this call made and in which nothing but the data was finished."""
    known = path.exists()
    try:
        yield
    except TunewiseError:
        done = {p.name for p in path.rglob("stages/*.json") if ".begun." not in p.name}
        if not known and done <= {"data.json", "audit.json"}:
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # 'runs', when nothing else is in it
        raise


def describe(folder: RunFolder, task_text: str) -> None:
    """Keep the task file and the environment in the run folder, rewritten only when they change."""
    if not folder.task.exists() or folder.task.read_text(encoding="utf-8") != task_text:
        write_text(folder.task, task_text)
    now = environment()
    if not folder.environment.exists() or read_json(folder.environment) != now:
        write_json(folder.environment, now)


def read_rows(
    folder: RunFolder, task: Task, task_folder: Path, progress: Progress
) -> tuple[Dataset, Splits]:
    """Return the rows and their sides, read and split unless that was done already."""
    columns = columns_asked(task)

    hashes = input_hashes(task.data, task_folder, progress)

    def work() -> list[Path]:
        dataset = read_dataset(task.data, task_folder, columns, kind=task.kind, progress=progress)
        for choice in dataset.columns:
            if choice.reason != GIVEN:
                progress.line(shown(choice))
        splits = split(dataset, task.data, task.seed)
        _refuse_changed(hashes, task.data, task_folder, progress)
        write_dataset(folder, dataset)
        write_json(folder.splits, splits)
        write_json(folder.sources, _by_name(hashes, task.data, task_folder, progress))
        return [folder.dataset, folder.dataset_about, folder.splits, folder.sources]

    inputs = {
        "files": hashes,
        "settings": task.data,
        "kind": task.kind,
        "columns": columns,
        "seed": task.seed,
    }
    run_stage(folder, "data", version=DATA_VERSION, inputs=inputs, work=work)
    dataset, splits = load_dataset(folder), read_record(folder.splits, Splits)
    left_out = f", {len(dataset.left_out):,} rows left out" if dataset.left_out else ""
    labels = f", {len(dataset.labels)} labels" if dataset.labels else ""
    progress.line(
        f"Data: {len(splits.train):,} rows to learn from, {len(splits.validation):,} to choose on,"
        f" {len(splits.test):,} to judge on{labels}{left_out}."
    )
    return dataset, splits


def quick_findings(
    folder: RunFolder,
    task: Task,
    task_folder: Path,
    data: tuple[Dataset, Splits],
    progress: Progress,
) -> None:
    """Make the checks that belong to every run: data/audit.json."""
    seen = sides(*data, task, task_folder, progress)

    def work() -> list[Path]:
        made = checked(QUICK, seen)
        write_json(folder.timing_of(folder.audit), {one.check: one.seconds for one in made})
        found = write_findings(folder.audit, _found(made))
        return [*found, folder.timing_of(folder.audit)]

    inputs = _inputs(folder, task, QUICK)
    run_stage(folder, "audit", version=AUDIT_VERSION, inputs=inputs, work=work)


def all_findings(
    folder: RunFolder,
    task: Task,
    task_folder: Path,
    data: tuple[Dataset, Splits],
    progress: Progress,
) -> None:
    """Make the checks that take longer as well: data/findings.json has what all of them found."""
    quick_findings(folder, task, task_folder, data, progress)
    seen = sides(*data, task, task_folder, progress)

    def work() -> list[Path]:
        made = checked(DEEP, seen)
        seconds = read_json(folder.timing_of(folder.audit))
        seconds |= {one.check: one.seconds for one in made}
        write_json(folder.timing_of(folder.findings), seconds)
        found = worst_first([*load_findings(folder.audit), *_found(made)])
        return [*write_findings(folder.findings, found), folder.timing_of(folder.findings)]

    quick = [file_sha256(path) for path in (folder.audit, values_of(folder.audit))]
    inputs = _inputs(folder, task, DEEP) | {"quick": quick}
    run_stage(folder, "findings", version=AUDIT_VERSION, inputs=inputs, work=work)


def _inputs(folder: RunFolder, task: Task, checks: Sequence[Check]) -> dict[str, object]:
    return {
        "data": [file_sha256(p) for p in (folder.dataset, folder.dataset_about, folder.splits)],
        "task": task.model_dump(mode="json", exclude={"decide"}),
        "checks": [check.__name__ for check in checks],
        "tunewise": __version__,
    }


def _found(made: Sequence[Checked]) -> list[Finding]:
    return worst_first(finding for one in made for finding in one.findings)


def _refuse_changed(
    hashes: Hashes, settings: DataSettings, task_folder: Path, progress: Progress
) -> None:
    """Stop when a file was written to while it was read: no hash would be that of its rows."""
    now = input_hashes(settings, task_folder, progress)
    for side, source in sources(settings, task_folder, progress).items():
        pairs = zip(source.files, hashes[side], now[side], strict=True)
        for (_, path), before, after in pairs:
            if before != after:
                raise DataError(
                    "the file was changed while it was read",
                    where=str(path),
                    mend="Wait until it is whole, and run the same command again.",
                )


def _by_name(
    hashes: Hashes, settings: DataSettings, task_folder: Path, progress: Progress
) -> dict[str, str | None]:
    """Return the hash of each file by the name that its rows are told under."""
    found = sources(settings, task_folder, progress)
    return {
        name: sha256
        for side, source in found.items()
        for (name, _), sha256 in zip(source.files, hashes[side], strict=True)
    }
