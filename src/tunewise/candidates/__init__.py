"""Everything that can answer the task, in one shape: fit, load, predict.

A candidate file holds one class with the two verbs of `Candidate`; the registry below names the
file, so that asking for one kind imports no other. To add a kind: its settings in
task/settings/, one file here, one line in KINDS.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tunewise.progress import Progress
from tunewise.records import Example, Family, Prediction
from tunewise.task.settings import Kind as TaskKind
from tunewise.task.settings import PromptSettings

KINDS = {
    "majority": "tunewise.candidates.majority:Majority",
    "existing": "tunewise.candidates.existing:Existing",
    "probe": "tunewise.candidates.probe:Probe",
    "prompt": "tunewise.candidates.prompt.candidate:Prompt",
    "encoder": "tunewise.candidates.encoder:Encoder",
    "classifier": "tunewise.candidates.encoder:Encoder",
    "lora": "tunewise.candidates.lora:Lora",
    "full": "tunewise.candidates.lora:Lora",
    "api": "tunewise.candidates.api.candidate:Api",
}
ASKED = "tunewise.candidates.prompt.asked:AskedPrompt"  # where a model is asked in words alone
FAMILIES: dict[str, Family] = {
    "majority": "floor",
    "existing": "keep",
    "probe": "tune",
    "prompt": "prompt",
    "encoder": "tune",
    "classifier": "tune",
    "lora": "tune",
    "full": "tune",
    "api": "tune",
}


class Fitted(Protocol):
    """A candidate that can answer."""

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return one prediction per example, in their order. Targets are never looked at."""


class Candidate(Protocol):
    """One way to answer the task."""

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> Fitted:
        """Learn from `train`, choose on `validation`, leave all that predicting needs in `folder`.

        `folder` exists; after an interruption it holds what an earlier fit with the same
        settings left there, so that a long fit can carry on. `settings.json`, written last,
        says exactly what was done. Ends by returning load(folder).
        """

    def load(self, folder: Path) -> Fitted:
        """Return the fitted candidate that `fit` left in `folder`."""


@dataclass(frozen=True)
class Outward:
    """What a candidate is told that sends rows to an endpoint.

    Attributes:
        account: under which its spending is counted, such as the run folder's path.
        usd, requests, tokens: that the account may come to at most; None without a cap.
        personal: what the audit found of personal data in the rows, each as a clause.
        consents: whether the user has said yes to whatever is announced.
        fits: how often it is fitted, each time on the same rows.
        again: test rows, at most, that are asked again: in other words, or of a further fit.
    """

    account: str = ""
    usd: float | None = None
    requests: int | None = None
    tokens: int | None = None
    personal: tuple[str, ...] = ()
    consents: bool = False
    fits: int = 1
    again: int = 0


NOWHERE = Outward()


@dataclass(frozen=True)
class Setup:
    """What every candidate is told of its task.

    Attributes:
        labels: all legal labels, sorted; Prediction.scores follow this order.
        seed: of everything random.
        task_folder: where task.yaml stands; the user's relative paths start here.
        instruction: the user's own words on the task, if any.
        kind: of the candidate.
        task_kind: what the task asks for: a label, or a text that is written.
        processes: that share the training of a language model.
        outward: for candidates that send rows to an endpoint.
    """

    labels: tuple[str, ...]
    seed: int
    task_folder: Path
    instruction: str | None = None
    kind: str = ""
    task_kind: TaskKind = "classification"
    processes: int = 1
    outward: Outward = NOWHERE


def candidate(kind: str, settings: Any, setup: Setup) -> Candidate:
    """Return the candidate of this kind, made from its settings (a model of task/settings/)."""
    asked = isinstance(settings, PromptSettings) and settings.is_asked(setup.task_kind)
    module, _, name = (ASKED if asked else KINDS[kind]).partition(":")
    told = replace(setup, kind=kind)
    made: Candidate = getattr(importlib.import_module(module), name)(settings, told)
    return made
