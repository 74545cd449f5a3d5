"""What a prompt that is asked in words leaves on record: settings.json, as one record.

Knows nothing of how it came about or how it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewise.candidates.prompt.normalise import Normalisation, Normaliser
from tunewise.candidates.prompt.settings_file import UsedModel
from tunewise.candidates.prompt.showing import Way, WayTried
from tunewise.engines.endpoint.dialect import Dialect

Answering = Literal["scored", "constrained", "parsed", "written"]


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What the run had spent when the prompt was fitted; cost is None where no price is known."""

    requests: int
    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """How labels that are scored after thoughts are compared; see Normaliser."""

    how: Normalisation
    lengths: tuple[int, ...]
    offsets: tuple[float, ...]

    @property
    def normaliser(self) -> Normaliser:
        """What compares them."""
        return Normaliser(self.how, np.array(self.lengths), np.array(self.offsets))


@dataclass(frozen=True, slots=True)
class AskedFit:
    """All that answering needs, beside the endpoint and the pool of shots.

    Attributes:
        model: the language model's name.
        local: the very model, where it is on this machine.
        dtype: of its weights there.
        endpoint: where it is asked otherwise.
        key_env: environment variable of the key; the key itself is nowhere.
        dialect: parameters that the endpoint takes.
        answering: how answers are got: labels 'scored' by log-probabilities, 'constrained' by a
            schema or 'parsed' out of text; texts are 'written'.
        retriever: the encoder that finds examples and passages; None when none are shown.
        instructions: that were tried, by number, the user's own first.
        labels: the legal answers; empty where texts are written.
        label_texts: how each is written in prompts.
        templates: Jinja texts of the prompt, by name.
        example: the prompt of one validation row.
        chosen: of `tried`, what is used.
        unread: validation rows whose reply, under `chosen`, is no answer; they count as wrong.
        max_new_tokens: of a reply at most, thoughts apart.
        votes: replies that vote on an answer that is thought about.
        spent: by the run when this was written; None where nothing is paid.
        compared: how labels are, where they are scored after thoughts.
    """

    kind: str
    model: str
    local: UsedModel | None
    dtype: str | None
    endpoint: str | None
    key_env: str | None
    dialect: Dialect | None
    answering: Answering
    retriever: UsedModel | None
    instructions: tuple[str | None, ...]
    labels: tuple[str, ...]
    label_texts: tuple[str, ...]
    templates: dict[str, str]
    example: tuple[Said, ...]
    chosen: Way
    tried: tuple[WayTried, ...]
    unread: int
    max_new_tokens: int
    votes: int
    spent: Spending | None
    compared: Compared | None = None
