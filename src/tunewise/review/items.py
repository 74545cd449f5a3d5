"""A finished run -> what is to be rated, blind and in an order of each reviewer's own.

Two candidates: rows on which their answers differ, which of the two stands left being drawn by lot.
One candidate: its answers, to be accepted or rejected. Knows nothing of pages or files of ratings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.data.store import load_dataset
from tunewise.errors import BadInput, did_you_mean
from tunewise.files import read_record, read_records
from tunewise.records import Prediction, Splits, Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import named
from tunewise.workspace.folder import RunFolder, opened
from tunewise.workspace.stages import trusted

TIE, NEITHER, ACCEPT, REJECT = "tie", "neither", "accept", "reject"
OF_TWO, OF_ONE = (TIE, NEITHER), (ACCEPT, REJECT)  # beside 'left' and 'right'


@dataclass(frozen=True)
class Item:
    """One thing to rate.

    Attributes:
        id: of the row.
        text: what was asked.
        answers: candidate -> what it said, in the order in which they are shown.
    """

    id: str
    text: str
    answers: dict[str, str]

    def choice(self, said: str) -> str:
        """Return what a reviewer's word means: a candidate's name, or the word itself.

        Raises:
            BadInput: no such word for this kind of item.
        """
        names = list(self.answers)
        legal = {"left": names[0], "right": names[-1]} | {word: word for word in OF_TWO}
        if len(names) == 1:
            legal = {word: word for word in OF_ONE}
        if said not in legal:
            raise BadInput(f"'{said}' is no rating", mend=did_you_mean(said, legal))
        return legal[said]

    def word(self, choice: str) -> str:
        """Return what a choice is called where names aren't shown: 'left' rather than a name."""
        names = list(self.answers)
        if len(names) == 1 or choice not in names:
            return choice
        return ("left", "right")[names.index(choice)]


@dataclass(frozen=True)
class Sheet:
    """What one reviewer is to rate, in order.

    Attributes:
        folder: of the run.
        candidates: one or two.
        differ: rows on which the two differ; of one candidate all that it answered.
    """

    folder: RunFolder
    task: str
    instruction: str | None
    candidates: tuple[str, ...]
    reviewer: str
    items: tuple[Item, ...]
    differ: int


def sheet(path: Path, candidates: Sequence[str], reviewer: str, rows: int) -> Sheet:
    """Return what a reviewer is to rate.

    Which rows are rated is the same for all reviewers; order and sides are each one's own.

    Args:
        path: of the run folder.
        candidates: one or two of the run's; none for the winner of its verdict.
        reviewer: a name.
        rows: to be rated, at most.

    Raises:
        RunFolderError: no finished run.
        BadInput: no such candidate, more than two, or nothing to rate.
    """
    folder = opened(path)
    task = load_task(folder.task)
    entries = named(task.candidates)
    if not candidates:
        winner = read_record(folder.verdict, Verdict).winner
        candidates = [winner] if winner else []
    if not 1 <= len(set(candidates)) <= 2:
        raise BadInput("name one candidate, or two to compare", mend=did_you_mean("", entries))
    for name in candidates:
        if name not in entries:
            raise BadInput(f"there is no candidate '{name}'", mend=did_you_mean(name, entries))
        trusted(folder, f"{name}.answers.test")
    said = [
        {p.id: p.answer for p in read_records(folder.candidate(n).predictions("test"), Prediction)}
        for n in candidates
    ]
    examples = {row.id: row for row in load_dataset(folder).examples}
    test = [i for i in read_record(folder.splits, Splits).test if all(i in s for s in said)]
    rated = [i for i in test if len(candidates) == 1 or said[0][i] != said[1][i]]
    if not rated:
        raise BadInput(
            "there is nothing to rate: the two give the same answers",
            where=" and ".join(candidates),
            mend="Take two candidates that differ, or one to accept or reject.",
        )
    chosen = sorted(rated, key=lambda i: _lot("rows", i))[:rows]
    chosen.sort(key=lambda i: _lot(f"order {reviewer}", i))
    items = []
    for i in chosen:
        order = list(range(len(candidates)))
        if len(order) == 2 and int(_lot(f"side {reviewer}", i)[0], 16) % 2:
            order.reverse()
        items.append(Item(i, examples[i].input, {candidates[n]: said[n][i] for n in order}))
    return Sheet(
        folder, task.task, task.instruction, tuple(candidates), reviewer, tuple(items), len(rated)
    )


def _lot(what: str, row: str) -> str:
    return hashlib.sha256(f"review {what} {row}".encode()).hexdigest()
