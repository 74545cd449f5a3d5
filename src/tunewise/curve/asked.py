"""What the user wants drawn: whose curves, how often, how far. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewise.candidates import FAMILIES
from tunewise.errors import BadInput, did_you_mean
from tunewise.task.settings import Entry, ProbeEntry, ProbeSettings, Task, default_name, named

DRAWS = 3


@dataclass(frozen=True)
class Asked:
    """What the user wants drawn.

    Attributes:
        candidates: by name; empty: a probe, and the task's first encoder if it has one; where
            texts are written, the first that is tuned on them.
        draws: of each size, at most.
        more: further rows to forecast; None: as many as there are.
    """

    candidates: tuple[str, ...] = ()
    draws: int = DRAWS
    more: int | None = None


def chosen(task: Task, names: Sequence[str]) -> list[tuple[str, Entry]]:
    """Return the candidates to draw: those named, else what Asked says.

    Raises:
        BadInput: a name that the task has not, or of a candidate that doesn't learn; none named,
            and none that is tuned to write.
    """
    entries = named(task.candidates)
    for name in names:
        if name not in entries:
            raise BadInput(
                f"there is no candidate '{name}'",
                where="--candidate",
                mend=did_you_mean(name, entries),
            )
        if FAMILIES[entries[name].kind] in ("floor", "keep"):
            able = [n for n, e in entries.items() if FAMILIES[e.kind] in ("tune", "prompt")]
            raise BadInput(
                f"'{name}' learns nothing from more examples, so it has no learning curve",
                where="--candidate",
                mend=f"Choose from: {', '.join(able)}." if able else "Leave it out for the probe.",
            )
    if names:
        return [(name, entries[name]) for name in dict.fromkeys(names)]
    if task.kind == "generation":
        return [_first_tuned(entries)]
    probe = [(name, entry) for name, entry in entries.items() if entry.kind == "probe"][:1]
    if not probe:
        added = ProbeEntry(probe=ProbeSettings())
        probe = [(default_name(added), added)]
    return probe + [(name, entry) for name, entry in entries.items() if entry.kind == "encoder"][:1]


def _first_tuned(entries: Mapping[str, Entry]) -> tuple[str, Entry]:
    found = [(n, e) for n, e in entries.items() if FAMILIES[e.kind] == "tune" and e.kind != "api"]
    if not found:
        raise BadInput(
            "the task has no candidate that is tuned on this machine, so none is drawn unasked",
            where="--candidate",
            mend="Name the one to draw.",
        )
    return found[0]
