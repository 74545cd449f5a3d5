"""What a fitted prompt leaves on record: settings.json, as one record.

Knows nothing of how it came about or how it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunewise.candidates.prompt.normalise import Normalisation
from tunewise.candidates.prompt.showing import Way
from tunewise.errors import ModelError, RunFolderError
from tunewise.files import read_record
from tunewise.models.catalogue import Kind
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Progress
from tunewise.task.settings import Order, Select

SETTINGS = "settings.json"
MENDS = "Run the task again; it fits anew."


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A model by name, and the fingerprint by which it is known again."""

    name: str
    source: str
    licence: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What validation chose: training examples shown, and how labels are compared."""

    shots: int
    normalisation: Normalisation
    select: Select = "nearest"
    order: Order = "nearest_last"
    passages: int = 0
    instruction: int = 0
    draw: int = 0

    @property
    def way(self) -> Way:
        """The way to prompt."""
        return Way(
            self.shots, self.select, self.order, self.passages,
            instruction=self.instruction, draw=self.draw,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice and how it did: accuracy on so many validation rows."""

    shots: int
    normalisation: Normalisation
    accuracy: float
    rows: int
    select: Select = "nearest"
    order: Order = "nearest_last"
    passages: int = 0
    instruction: int = 0
    draw: int = 0


@dataclass(frozen=True, slots=True)
class PromptFit:
    """All that answering needs, beside the models and the pool of shots.

    Attributes:
        model: the language model that scores labels.
        retriever: the encoder that finds examples and passages; None when none are shown.
        instruction: that is given.
        labels: the legal answers, in the order of scores.
        label_texts: how each is written in prompts.
        templates: Jinja texts of the prompt, by name.
        example: the prompt of one validation row, as the model was given it.
        chosen: of `tried`, what is used.
        offsets: mean log-probability of each label on the validation rows tried, in nats.
        dtype: of the weights when it was fitted.
        proof: largest difference, in nats, to a few labels scored the plain way.
        instructions: that were tried, by number, the user's own first; empty where only that was.
    """

    kind: str
    model: UsedModel
    retriever: UsedModel | None
    instruction: str | None
    labels: tuple[str, ...]
    label_texts: tuple[str, ...]
    templates: dict[str, str]
    example: str
    chosen: Choice
    tried: tuple[Trial, ...]
    offsets: tuple[float, ...]
    dtype: str
    proof: float
    instructions: tuple[str | None, ...] = ()

    @property
    def numbered(self) -> tuple[str | None, ...]:
        """The instructions by the number that a way has."""
        return self.instructions or (self.instruction,)


def checked_settings(folder: Path, labels: tuple[str, ...]) -> PromptFit:
    """Return the record in a candidate's folder, which must be for these labels.

    Raises:
        RunFolderError: it isn't as this version writes it, or is for other labels.
    """
    fit = read_record(folder / SETTINGS, PromptFit)
    if fit.labels != labels:
        raise RunFolderError(
            f"the prompt was fitted for {len(fit.labels)} labels that aren't those of the task",
            where=str(folder / SETTINGS),
            mend=MENDS,
        )
    return fit


def found_model(name: str, kind: Kind, progress: Progress, task_folder: Path) -> ModelFolder:
    """Return the folder of a model that must be of a kind.

    Raises:
        ModelError: it can't be found, or is of another kind.
    """
    found = resolve(name, progress, task_folder=task_folder)
    if found.kind != kind:
        wanted = {"causal": "a causal language model", "encoder": "an encoder"}[kind]
        raise ModelError(f"'{name}' isn't {wanted}", mend="See: the model's config.json.")
    return found


def used(model: ModelFolder) -> UsedModel:
    """Return what is kept on record of a model."""
    return UsedModel(model.name, model.source, model.licence, model.fingerprint)


def same_model(model: UsedModel, progress: Progress, task_folder: Path) -> ModelFolder:
    """Return the folder of a model on record, which must be the very one.

    Raises:
        ModelError: the name now leads to other weights.
    """
    found = resolve(model.name, progress, task_folder=task_folder)
    if found.fingerprint != model.fingerprint:
        raise ModelError(
            f"the model '{model.name}' isn't the one that was used when the prompt was fitted",
            where=str(found.path),
            mend=MENDS,
        )
    return found
