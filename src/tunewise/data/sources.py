"""What data.train, validation and test name -> files on this machine, with a hash for each.

A name is a path from the task's folder, or where nothing is there a data set on the Hugging Face
Hub. Knows nothing of what is in the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from tunewise.data.hub import from_hub, hub_name
from tunewise.data.readers import PACKED, READERS, SHEETS, SPREADSHEETS
from tunewise.errors import DataError
from tunewise.files import file_sha256
from tunewise.progress import Progress
from tunewise.records import Split
from tunewise.task.settings import DataSettings

SIDES: tuple[Split, ...] = ("train", "validation", "test")
SUFFIXES = {*READERS, *SPREADSHEETS, *PACKED, ".txt"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a side's rows come from.

    Attributes:
        name: as the user wrote it.
        files: the name that rows of each are told under, and its path.
        origin: the commit, where it is a data set on the Hub.
    """

    name: str
    files: tuple[tuple[str, Path], ...]
    origin: str | None = None


def sources(settings: DataSettings, task_folder: Path, progress: Progress) -> dict[Split, Source]:
    """Return the source of each side that has one; no file may serve two sides.

    Raises:
        DataError: two sides are the same, or a data set on the Hub can't be used.
        Unreachable: the Hub gives no answer for a data set that isn't on this machine.
    """
    found: dict[Split, Source] = {}
    for side in SIDES:
        name = getattr(settings, side)
        if name is not None:
            source = _source(name, side, task_folder, progress)
            _refuse_same(found, side, source)
            found[side] = source
    return found


def input_hashes(
    settings: DataSettings, task_folder: Path, progress: Progress
) -> dict[str, list[str | None]]:
    """Return the SHA-256 of each side's files.

    A file that can't be read has none, and its reader says why.
    """
    found = sources(settings, task_folder, progress)
    return {side: [_sha256(path) for _, path in source.files] for side, source in found.items()}


def is_on_hub(name: str, task_folder: Path) -> bool:
    """Whether a name means a data set on the Hub: formed like one, and hardly a path."""
    path = task_folder / Path(name).expanduser()
    if hub_name(name) is None or path.exists():
        return False
    return PurePath(name).suffix.lower() not in SUFFIXES and not path.parent.is_dir()


def refuse_sheet(settings: DataSettings, found: dict[Split, Source]) -> None:
    """Stop when task.yaml names a sheet and no file has any."""
    paths = [path for source in found.values() for _, path in source.files]
    if settings.sheet is not None and not any(p.suffix.lower() in SHEETS for p in paths):
        raise DataError(
            f"data.sheet asks for the sheet '{settings.sheet}', and the file is no spreadsheet",
            where=str(paths[0]),
            mend="Leave out data.sheet.",
        )


def _source(name: str, side: Split, task_folder: Path, progress: Progress) -> Source:
    if not is_on_hub(name, task_folder):
        return Source(name, ((name, task_folder / Path(name).expanduser()),))
    named = hub_name(name)
    assert named is not None
    brought = from_hub(named, side, progress)
    alone = len(brought.files) == 1
    files = tuple(
        (name if alone else f"{name}/{file}", brought.folder / file) for file in brought.files
    )
    return Source(name, files, brought.origin)


def _refuse_same(found: dict[Split, Source], side: Split, source: Source) -> None:
    for other, known in found.items():
        for _, path in source.files:
            for _, before in known.files:
                if path.exists() and before.exists() and path.samefile(before):
                    raise DataError(
                        f"{other} and {side} are the same file",
                        where=str(path) if source.origin is None else source.name,
                        mend=f"Leave out data.{side}: its rows are then taken from train.",
                    )


def _sha256(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
