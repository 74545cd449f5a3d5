"""Where every file of a run lies, who holds the folder, and which version made it.

Given a path, gives back a RunFolder. Knows nothing of what the files mean.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import RunFolderError, RunInUse
from tunewise.files import disk_errors, read_json, write_json, write_text
from tunewise.version import __version__

FORMAT = 1  # rises when an older version's run folder can no longer be read


@dataclass(frozen=True)
class CandidateFolder:
    """The files of one candidate."""

    path: Path

    @property
    def settings(self) -> Path:
        """What was fitted, exactly; written last."""
        return self.path / "settings.json"

    def predictions(self, split: str) -> Path:
        """One Prediction a line."""
        return self.path / f"predictions.{split}.jsonl"

    def timing(self, split: str) -> Path:
        """The Timing of these predictions."""
        return self.path / f"timing.{split}.json"

    def scorecard(self, split: str) -> Path:
        """The Scorecard of these predictions."""
        return self.path / f"scorecard.{split}.json"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def about(self) -> Path:
        """Format, version of tunewise and name of the task."""
        return self.path / "run.json"

    @property
    def task(self) -> Path:
        """The task file as it was when the run was last made."""
        return self.path / "task.yaml"

    @property
    def environment(self) -> Path:
        """Machine, Python and package versions."""
        return self.path / "environment.json"

    @property
    def dataset(self) -> Path:
        """All rows, with their ids."""
        return self.path / "data" / "dataset.parquet"

    @property
    def dataset_about(self) -> Path:
        """Labels, chosen columns and rows left out."""
        return self.path / "data" / "dataset.json"

    @property
    def sources(self) -> Path:
        """SHA-256 of each data file, by its name in the task."""
        return self.path / "data" / "sources.json"

    @property
    def splits(self) -> Path:
        """Ids on each side."""
        return self.path / "data" / "splits.json"

    @property
    def audit(self) -> Path:
        """List of Findings of the quick checks."""
        return self.path / "data" / "audit.json"

    @property
    def findings(self) -> Path:
        """List of Findings of all checks, where `tunewise audit` was asked."""
        return self.path / "data" / "findings.json"

    def timing_of(self, findings: Path) -> Path:
        """Seconds of each check behind a list of Findings."""
        return findings.with_name(f"timing.{findings.name}")

    @property
    def audit_page(self) -> Path:
        """The page of all findings, for people."""
        return self.path / "audit.html"

    @property
    def fixes(self) -> Path:
        """Proposed changes of rows, on which the user decides."""
        return self.path / "fixes.yaml"

    @property
    def looks(self) -> Path:
        """How often the test set was looked at, and when."""
        return self.path / "looks.json"

    @property
    def verdict(self) -> Path:
        """The Verdict."""
        return self.path / "verdict.json"

    @property
    def comparisons(self) -> Path:
        """List of Comparisons that verdicts on these answers were told from, before Holm."""
        return self.path / "comparisons.json"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    @property
    def readme(self) -> Path:
        """The model card."""
        return self.path / "README.md"

    @property
    def plan(self) -> Path:
        """What the run was foreseen to take, where its task has a budget."""
        return self.path / "plan.json"

    @property
    def curve(self) -> Path:
        """The LearningCurves, if they were drawn."""
        return self.path / "curve.json"

    @property
    def curve_page(self) -> Path:
        """The learning curves for people."""
        return self.path / "curve.html"

    @property
    def curve_work(self) -> Path:
        """The points of the learning curves, and their stages."""
        return self.path / "curve"

    @property
    def shadow(self) -> Path:
        """Answers of second candidates beside those of the first, while they were served."""
        return self.path / "shadow"

    @property
    def stages(self) -> Path:
        """One record per finished stage."""
        return self.path / "stages"

    def candidate(self, name: str) -> CandidateFolder:
        """The files of the candidate `name`."""
        return CandidateFolder(self.path / "candidates" / name)


def opened(path: Path) -> RunFolder:
    """Return the run folder at `path`, which must be one that this version can read.

    Raises:
        RunFolderError: there is none, or another version's.
    """
    folder = RunFolder(path)
    if not folder.about.exists():
        inside = path / "runs"
        mend = "Make one with: tunewise run task.yaml"
        if inside.is_dir():
            known = sorted(str(p) for p in inside.iterdir() if (p / "run.json").exists())
            mend = f"Did you mean '{known[0]}'?" if known else mend
        raise RunFolderError("there is no run here", where=str(path), mend=mend)
    _check_format(folder)
    return folder


def made(path: Path, task_name: str, task_folder: Path) -> RunFolder:
    """Return the run folder at `path`, made if it isn't there.

    Args:
        path: of the run folder.
        task_name: the task's own.
        task_folder: where task.yaml stands, from which the user's relative paths start.

    Raises:
        RunFolderError: the folder is there and isn't a run folder, or another version's.
    """
    folder = RunFolder(path)
    if path.exists() and not path.is_dir():
        raise RunFolderError("this is a file, not a folder", where=str(path))
    about = {
        "format": FORMAT,
        "tunewise": __version__,
        "task": task_name,
        "task_folder": str(task_folder.absolute()),
    }
    if folder.about.exists():
        _check_format(folder)
        if read_json(folder.about) != about:
            write_json(folder.about, about)
        return folder
    inside = path.iterdir() if path.exists() else ()
    strangers = sorted(p.name for p in inside if p.name != "lock" and p.name[0] != ".")
    if strangers:
        raise RunFolderError(
            f"the folder holds other things ('{strangers[0]}') and is no run folder",
            where=str(path),
            mend="Name another with --runs, or move them away.",
        )
    write_json(folder.about, about)
    return folder


def task_folder_of(folder: RunFolder) -> Path:
    """Return where the run's task.yaml stood when it was last run."""
    return Path(read_json(folder.about)["task_folder"])


def _check_format(folder: RunFolder) -> None:
    about = read_json(folder.about)
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        version = about.get("tunewise", "unknown") if isinstance(about, dict) else "unknown"
        raise RunFolderError(
            f"the run folder was made by tunewise {version} (format {found}), and this is"
            f" {__version__} (format {FORMAT})",
            where=str(folder.path),
            mend="Use that version for it, or name a new folder with --runs.",
        )


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the run folder for the length of a block; the system lets go of it on any death.

    Raises:
        RunInUse: another process holds it.
    """
    import filelock  # loads asyncio and ssl, for which `decide` has no time

    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path / "lock", timeout=0)
    holder = path / ".holder"
    try:
        lock.acquire()
    except filelock.Timeout as error:
        who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "another process"
        raise RunInUse(
            f"the run folder is in use by {who}",
            where=str(path),
            mend="Wait for it to end, or name another folder with --runs.",
        ) from error
    try:
        write_text(holder, f"process {os.getpid()} on {platform.node() or 'this machine'}\n")
        _clear_partial(path)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _clear_partial(path: Path) -> None:
    """Delete what a killed process left half written; nobody else writes while we hold the lock."""
    for leftover in path.rglob(".*.partial"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
