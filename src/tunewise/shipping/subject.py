"""What is exported: a run's winner or the candidate named, with the rows that prove it.

Given a run folder, gives back a Subject. The rows are validation rows: the test set is never
looked at for a proof. Knows nothing of formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.candidates import Setup, candidate
from tunewise.candidates.finished import chosen
from tunewise.data.store import load_dataset
from tunewise.errors import BadInput
from tunewise.evaluation.texts import PLAIN, Asked, asked_of
from tunewise.files import read_json, read_record
from tunewise.progress import Silent
from tunewise.records import Example, Split, Splits
from tunewise.shipping.manifest import Base
from tunewise.workspace.folder import RunFolder, task_folder_of

TUNED = ("lora", "full", "encoder", "classifier", "probe")


@dataclass(frozen=True)
class Subject:
    """A fitted candidate that is exported.

    Attributes:
        name: of the candidate.
        kind: of the candidate.
        task: name of the task.
        settings: the candidate's own, from the task file.
        setup: labels, kind of the task and the like.
        folder: that fit left.
        about: its settings.json.
        base: the model that was tuned.
        fit: fingerprint of the stage that fitted it.
        rows: that the proof asks.
        side: they come from.
        metric: that the verdict is about.
        asked: what written answers are judged by.
    """

    name: str
    kind: str
    task: str
    settings: Any
    setup: Setup
    folder: Path
    about: dict[str, Any]
    base: Base
    fit: str
    rows: tuple[Example, ...]
    side: Split
    metric: str
    asked: Asked = PLAIN

    def fitted(self) -> Any:
        """Return the candidate as it was judged, loaded from its folder."""
        return candidate(self.kind, self.settings, self.setup).load(self.folder)


def subject(files: RunFolder, name: str | None, rows: int) -> Subject:
    """Return what is exported of a run.

    Args:
        files: the run folder.
        name: of the candidate; left out, the verdict's winner.
        rows: that the proof asks, at most.

    Raises:
        RunFolderError: no winner, no such candidate, or files that changed since the run.
        BadInput: a candidate that has nothing to export.
    """
    found = chosen(files, name)
    task, entry = found.task, found.entry
    if entry.kind not in TUNED:
        raise BadInput(
            f"the candidate '{found.name}' has no weights of its own ({entry.kind}), so there is"
            " nothing to export",
            where=str(files.path),
            mend="Name a tuned one with --candidate, or use it as it is: tunewise predict.",
        )
    dataset = load_dataset(files)
    some, side = _rows(dataset.examples, read_record(files.splits, Splits), rows)
    setup = Setup(
        labels=dataset.labels,
        seed=task.seed,
        task_folder=task_folder_of(files),
        instruction=task.instruction,
        task_kind=task.kind,
        kind=entry.kind,
    )
    folder = files.candidate(found.name).path
    about = read_json(folder / "settings.json")
    return Subject(
        name=found.name,
        kind=entry.kind,
        task=task.task,
        settings=entry.settings,
        setup=setup,
        folder=folder,
        about=about,
        base=_base(about["model"]),
        fit=found.fit,
        rows=some,
        side=side,
        metric=task.decide.metric,
        asked=asked_of(task, setup.task_folder, Silent()),
    )


def _base(model: dict[str, Any]) -> Base:
    """Return the base model; of a user's own folder the last name alone, since exports travel."""
    name, source = (
        Path(model[key]).name if Path(model[key]).is_absolute() else str(model[key])
        for key in ("name", "source")
    )
    return Base(name, source, model["licence"], model["fingerprint"])


def _rows(
    examples: tuple[Example, ...], splits: Splits, most: int
) -> tuple[tuple[Example, ...], Split]:
    """Return the validation rows with the lowest hashes; training rows where there are none."""
    side: Split = "validation" if splits.validation else "train"
    kept = set(sorted(getattr(splits, side))[:most])
    return tuple(example for example in examples if example.id in kept), side
