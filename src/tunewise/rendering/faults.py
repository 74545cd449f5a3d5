"""Which rows can't be trained on as they are, and why: looked at before a minute is spent.

Given rendered rows and the most tokens a model is trained on, gives back their faults, or the
rows that are ready, cut to what is needed. Each kind of fault has a name by which the user can
say to go on all the same. Knows nothing of how rows are rendered or trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tunewise.errors import BadInput, DataError, did_you_mean
from tunewise.records import LeftOut

if TYPE_CHECKING:
    from tunewise.rendering.rows import Rendered

FaultName = Literal[
    "nothing-supervised",
    "truncated-answer",
    "no-end-token",
    "rewritten-answer",
    "control-token",
    "other-prompt",
    "other-marks",
    "refused-by-template",
    "disliked-answer",
]
NAMES: tuple[FaultName, ...] = get_args(FaultName)
LEFT_OUT: tuple[FaultName, ...] = ("nothing-supervised", "refused-by-template")

MENDS: dict[FaultName, str] = {
    "nothing-supervised": "Write an answer, shorten the input, or delete the row.",
    "truncated-answer": "Raise max_length, or shorten or delete the row.",
    "no-end-token": "Choose a model whose tokenizer has an end token, or give it one.",
    "rewritten-answer": "Write the answer as the chat template keeps it.",
    "control-token": "Take it out: a row holds plain text, not what a template made of it.",
    "other-prompt": "Give the model a chat template that writes answers after its own prompt.",
    "other-marks": "Correct the {% generation %} blocks of the chat template.",
    "refused-by-template": "Change the order or roles of the turns, or delete the row.",
    "disliked-answer": "Delete the row, or keep it for preference tuning.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one row.

    Attributes:
        name: by which it can be allowed.
        row: 'file:row'.
        reason: what is wrong, in words that follow the row's name.
    """

    name: FaultName
    row: str
    reason: str

    @property
    def mend(self) -> str:
        """What the user can do about it."""
        return MENDS[self.name]


@dataclass(frozen=True, slots=True)
class Ready:
    """What is trained on.

    Attributes:
        rows: without what lies behind max_length or behind the last supervised token.
        left_out: rows with an allowed fault that leaves nothing to learn.
        allowed: the faults that were allowed, those of rows left out among them.
    """

    rows: tuple[Rendered, ...]
    left_out: tuple[LeftOut, ...]
    allowed: tuple[Fault, ...]


def faults_of(row: Rendered, max_length: int) -> tuple[Fault, ...]:
    """Return what is wrong with a row that is read up to `max_length` tokens."""
    if any(fault.name in LEFT_OUT for fault in row.faults):
        return row.faults
    supervised = int(row.supervised.sum())
    left = int(row.supervised[:max_length].sum())
    if left == 0:
        lengthy = f"the prompt alone has {row.prompt_tokens:,} tokens and max_length is"
        lost = Fault("nothing-supervised", row.row, f"{lengthy} {max_length:,}; no answer is left")
    elif left < supervised:
        lost = Fault(
            "truncated-answer",
            row.row,
            f"{supervised - left:,} of the answer's {supervised:,} tokens, its end token among"
            f" them, lie behind max_length ({max_length:,})",
        )
    else:
        return row.faults
    return (*row.faults, lost)


def preflight(rows: Sequence[Rendered], max_length: int, allow: Collection[str] = ()) -> Ready:
    """Return the rows to train on, or refuse to go on.

    Args:
        rows: all that are to be trained on.
        max_length: tokens read of each row at most.
        allow: names of faults to go on with. A row whose answer is truncated is then trained on
            without its end; one with nothing to learn is left out and listed.

    Raises:
        DataError: a fault that isn't allowed, with the first row that has it and how many more do.
        BadInput: a name that no fault has.
    """
    checked_names(allow)
    found = {number: faults_of(row, max_length) for number, row in enumerate(rows)}
    faults = [fault for several in found.values() for fault in several]
    refuse(faults, allow, in_task=True)
    ready, left_out = [], []
    for number, row in enumerate(rows):
        nothing = next((f for f in found[number] if f.name in LEFT_OUT), None)
        if nothing is None:
            ready.append(row.cut(min(max_length, row.needed)))
        else:
            source, _, place = row.row.rpartition(":")
            left_out.append(LeftOut(source, int(place), nothing.reason))
    return Ready(tuple(ready), tuple(left_out), tuple(faults))


def refuse(faults: Sequence[Fault], allow: Collection[str] = (), *, in_task: bool = False) -> None:
    """Raise DataError if a fault isn't among those allowed.

    Args:
        faults: of rows.
        allow: names of faults to go on with.
        in_task: whether they are allowed in the task file, rather than by an option.
    """
    serious = [fault for fault in faults if fault.name not in allow]
    if not serious:
        return
    first = serious[0]
    several = list(dict.fromkeys(fault.name for fault in serious))
    names = " ".join(f"--allow {name}" for name in several)
    if in_task:
        names = f"allow: [{', '.join(several)}] under the candidate"
    rows = len({fault.row for fault in serious})
    others = f" ({counted(serious)}; {rows:,} rows in all)" if rows > 1 else ""
    raise DataError(
        f"{first.reason}{others}",
        where=first.row,
        mend=f"{first.mend} Or go on all the same with {names}.",
    )


def counted(faults: Iterable[Fault]) -> str:
    """Return how many faults of each kind there are: 'truncated-answer 3, control-token 1'."""
    counts = Counter(fault.name for fault in faults)
    return ", ".join(f"{name} {counts[name]:,}" for name in NAMES if counts[name])


def checked_names(allow: Iterable[str]) -> None:
    """Raise BadInput for a name that no fault has."""
    for name in allow:
        if name not in NAMES:
            raise BadInput(f"there is no fault '{name}' to allow", mend=did_you_mean(name, NAMES))
