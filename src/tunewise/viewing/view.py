"""The record of what a model sees of a row. Plain to write as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunewise.records import Split
from tunewise.rendering.faults import Fault
from tunewise.rendering.pieces import Mark, Piece

Kind = Literal["training", "prompt", "encoder"]


@dataclass(frozen=True, slots=True)
class Part:
    """One sequence of tokens that goes into the model.

    Attributes:
        pieces: of it, in order; those that are cut off last.
        prompt: tokens that are read up to the end of the answer, or in all where none is learnt.
        answer: tokens that are learnt.
        after: tokens behind the answer, which teach nothing.
        cut: tokens behind max_length, which the model never sees.
        faults: what is wrong with it.
    """

    pieces: tuple[Piece, ...]
    prompt: int
    answer: int
    after: int
    cut: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What a model sees of a row.

    Attributes:
        row: 'file:row'.
        id: of the example.
        side: of the split; None where the rows can't be split.
        model: its name, as the user wrote it.
        kind: whether it is trained on the row, asked about it, or encodes it.
        max_length: tokens that are read at most; None where nothing says so.
        end_token: that ends an answer; None where nothing is answered.
        parts: usually one; a conversation whose template rewrites its history has one per answer.
        notes: what else is to be known, as sentences.
    """

    row: str
    id: str
    side: Split | None
    model: str
    kind: Kind
    max_length: int | None
    end_token: str | None
    parts: tuple[Part, ...]
    notes: tuple[str, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the faults of all parts."""
        return tuple(fault for part in self.parts for fault in part.faults)


def part(pieces: list[Piece], faults: tuple[Fault, ...] = ()) -> Part:
    """Return a part with its pieces counted."""

    def tokens(some: list[Piece], mark: Mark) -> int:
        return sum(len(piece.ids) for piece in some if piece.mark == mark)

    last = max((n for n, piece in enumerate(pieces) if piece.mark == "trained"), default=None)
    before = pieces if last is None else pieces[: last + 1]
    return Part(
        tuple(pieces),
        prompt=tokens(before, "read"),
        answer=tokens(pieces, "trained"),
        after=tokens(pieces, "read") - tokens(before, "read"),
        cut=tokens(pieces, "cut"),
        faults=faults,
    )
