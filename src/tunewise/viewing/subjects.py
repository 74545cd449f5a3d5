"""The ways of looking at a row: as it is trained on, as a prompt asks it, as an encoder reads it.

Given a task's rows and a model or candidate, gives back a subject that makes Views of rows. Knows
nothing of which row is asked for or how a View is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tunewise.candidates import Setup
from tunewise.errors import BadInput, ModelError, did_you_mean
from tunewise.models.loading import context_length, load_tokenizer, stop_ids
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Progress, Silent
from tunewise.records import Example
from tunewise.rendering.chat import chat_to_train
from tunewise.rendering.faults import Fault, faults_of
from tunewise.rendering.lengths import row_lengths, token_counts
from tunewise.rendering.pieces import encoder_pieces, pieces_of, prompt_pieces
from tunewise.rendering.rows import TRAIN_ON, Renderer, TrainOn
from tunewise.rendering.wording import wording
from tunewise.task.settings import (
    DEFAULT_LANGUAGE_MODEL,
    ClassifierSettings,
    EncoderSettings,
    ProbeSettings,
    PromptSettings,
    TuningSettings,
    named,
)
from tunewise.viewing.material import Material
from tunewise.viewing.view import View, part
from tunewise.workspace.folder import CandidateFolder

NO_END = 10**9  # tokens that a model of unknown length is taken to read


class Subject(Protocol):
    """A way of looking at rows."""

    def view(self, example: Example) -> View:
        """Return what the model sees of a row."""

    def lengths(self, examples: Sequence[Example]) -> np.ndarray:
        """Return how many tokens rows have, but for a few, [examples]."""


class Trained:
    """Rows as a language model is trained on them.

    Args:
        given: the task and its rows.
        model: the language model.
        max_length: tokens read of each row; left out, all that the model reads.
        train_on: in conversations, all answers or the last one.

    Raises:
        ModelError: it isn't a language model, or its chat template can't be used.
    """

    def __init__(
        self, given: Material, model: ModelFolder, max_length: int | None, train_on: TrainOn
    ) -> None:
        if model.kind != "causal":
            raise ModelError(
                f"'{model.name}' is an encoder, not a language model",
                mend=f"Use a language model such as '{DEFAULT_LANGUAGE_MODEL}'.",
            )
        self.given, self.model = given, model
        tokenizer = load_tokenizer(model.path)
        self.plain = not tokenizer.chat_template
        self.chat = chat_to_train(tokenizer)
        self.renderer = Renderer(self.chat, wording(given.task, given.dataset.labels), train_on)
        self.max_length = shorter(max_length, context_length(model.path, tokenizer))

    def view(self, example: Example) -> View:
        """Return what the model reads of a row and what it learns."""
        length = self.max_length or NO_END
        rows = self.renderer.rendered([example], Silent())
        parts = [part(pieces_of(self.chat, row, length), faults_of(row, length)) for row in rows]
        return View(
            f"{example.source}:{example.row}",
            example.id,
            self.given.sides.get(example.id),
            self.model.name,
            "training",
            self.max_length,
            self.chat.end_token or None,
            tuple(parts),
            self._notes(example, len(rows)),
        )

    def lengths(self, examples: Sequence[Example]) -> np.ndarray:
        """Return how many tokens rows have, but for a few, [examples]."""
        return row_lengths(self.renderer, examples)

    def faults(self, examples: Sequence[Example], progress: Progress) -> list[Fault]:
        """Return what is wrong with any of these rows."""
        length = self.max_length or NO_END
        rows = self.renderer.rendered(examples, progress)
        return [fault for row in rows for fault in faults_of(row, length)]

    def _notes(self, example: Example, rows: int) -> tuple[str, ...]:
        notes = []
        side = self.given.sides.get(example.id)
        if side not in (None, "train"):
            notes.append(f"This row is on the {side} side: it isn't trained on.")
        if self.plain:
            notes.append(
                "The model has no chat template; this plain one is used, and saved with the model."
            )
        stops = stop_ids(self.model.path)
        if self.chat.end_id is not None and self.chat.end_id not in stops:
            names = map(str, self.chat.tokenizer.convert_ids_to_tokens(sorted(stops)))
            notes.append(
                f"The model's generation_config.json stops at {' or '.join(names) or 'nothing'},"
                f" not at {self.chat.end_token}: a tuned model has to name it there too."
            )
        if rows > 1:
            notes.append(
                "The chat template writes earlier answers otherwise than the last, so answers are"
                f" trained on in {rows} rows, each as the model reads it when it answers."
            )
        return tuple(notes)


class Prompted:
    """Rows as a prompt candidate asks them: with its shots, if its run has chosen some.

    Args:
        given: the task and its rows.
        settings: of the candidate.
        fitted: its folder in the run; None where it hasn't been fitted.
        progress: for models that have to be fetched.
    """

    def __init__(
        self,
        given: Material,
        settings: PromptSettings,
        fitted: CandidateFolder | None,
        progress: Progress,
    ) -> None:
        from tunewise.candidates.prompt.shown import Shown

        setup = Setup(given.dataset.labels, given.task.seed, given.folder, given.task.instruction)
        self.given, self.name = given, settings.model
        self.shown = Shown(settings, setup, fitted.path if fitted else None, progress)

    def view(self, example: Example) -> View:
        """Return the prompt of a row."""
        text, ids = self.shown.prompt(example)
        return View(
            f"{example.source}:{example.row}",
            example.id,
            self.given.sides.get(example.id),
            self.name,
            "prompt",
            self.shown.max_length,
            None,
            (part(prompt_pieces(self.shown.conversation.chat, text, ids)),),
            self.shown.notes,
        )

    def lengths(self, examples: Sequence[Example]) -> np.ndarray:
        """Return how many tokens the texts have; all prompts have about the same beside them."""
        tokenizer = self.shown.conversation.chat.tokenizer
        return token_counts(tokenizer, [e.input for e in examples], special=False)


class Encoded:
    """Texts as an encoder reads them.

    Args:
        given: the task and its rows.
        model: the encoder.
        max_length: tokens read of each text; left out, all that the model reads.
        ended: whether the model's end token is put after each text, as a classifier's is.
    """

    def __init__(
        self, given: Material, model: ModelFolder, max_length: int | None, *, ended: bool = False
    ) -> None:
        self.given, self.model = given, model
        self.tokenizer = load_tokenizer(model.path)
        self.max_length = shorter(max_length, context_length(model.path, self.tokenizer))
        self.end = self.tokenizer.eos_token if ended else None

    def view(self, example: Example) -> View:
        """Return the tokens that the encoder reads of a text, and those that are cut off."""
        read = (self.max_length or NO_END) - (self.end is not None)
        pieces = encoder_pieces(self.tokenizer, example.input, read)
        notes = (f"Then comes {self.end}, where the classification head reads.",)
        return View(
            f"{example.source}:{example.row}",
            example.id,
            self.given.sides.get(example.id),
            self.model.name,
            "encoder",
            self.max_length,
            None,
            (part(pieces),),
            notes if self.end else (),
        )

    def lengths(self, examples: Sequence[Example]) -> np.ndarray:
        """Return how many tokens each text has, uncut, [examples]."""
        return token_counts(self.tokenizer, [e.input for e in examples], special=True)


def trained(
    given: Material,
    progress: Progress,
    *,
    model: str | None = None,
    max_length: int | None = None,
    train_on: TrainOn = TRAIN_ON,
) -> Trained:
    """Return the view of training; left out, the model is the task's language model."""
    found = resolve(model or language_model(given), progress, task_folder=given.folder)
    return Trained(given, found, max_length, train_on)


def subject(
    given: Material,
    progress: Progress,
    *,
    model: str | None = None,
    candidate: str | None = None,
    max_length: int | None = None,
    train_on: TrainOn = TRAIN_ON,
    runs: Path | None = None,
) -> Subject:
    """Return the way to look at rows: a candidate's, or that of a model by its kind.

    Raises:
        BadInput: no such candidate, one that reads no tokens, or both are named.
        ModelError: a model that can't be found or used.
    """
    if candidate is not None:
        if model is not None:
            raise BadInput("both a model and a candidate are named", mend="Name one of them.")
        return _of_candidate(given, candidate, progress, max_length, runs)
    found = resolve(model or language_model(given), progress, task_folder=given.folder)
    if found.kind == "encoder":
        return Encoded(given, found, max_length or EncoderSettings().max_length)
    return Trained(given, found, max_length, train_on)


def _of_candidate(
    given: Material, name: str, progress: Progress, max_length: int | None, runs: Path | None
) -> Subject:
    entries = named(given.task.candidates)
    if name not in entries:
        raise BadInput(f"there is no candidate '{name}'", mend=did_you_mean(name, entries))
    settings = entries[name].settings
    if isinstance(settings, PromptSettings):
        if settings.asks_elsewhere:
            raise BadInput(
                f"the candidate '{name}' is asked elsewhere, where alone its tokens are known",
                mend=f"See its prompt with: tunewise prompts --candidate {name}",
            )
        if not given.dataset.labels:
            raise BadInput(
                f"the candidate '{name}' writes its answer; its prompt stands in its settings.json",
                mend="Show how a model is trained on the row: leave out --candidate.",
            )
        run = (runs or given.folder / "runs") / given.task.task
        folder = CandidateFolder(run / "candidates" / name)
        return Prompted(given, settings, folder if folder.settings.exists() else None, progress)
    if isinstance(settings, EncoderSettings | ProbeSettings):
        found = resolve(settings.model, progress, task_folder=given.folder)
        ended = isinstance(settings, ClassifierSettings)
        return Encoded(given, found, shorter(max_length, settings.max_length), ended=ended)
    if isinstance(settings, TuningSettings):
        found = resolve(settings.model, progress, task_folder=given.folder)
        return Trained(given, found, shorter(max_length, settings.max_length), settings.train_on)
    raise BadInput(
        f"the candidate '{name}' reads no tokens",
        mend="Name a prompt, probe, encoder or tuned model, or a model with --model.",
    )


def language_model(given: Material) -> str:
    """Return the language model that the task names, or the default one."""
    for entry in named(given.task.candidates).values():
        away = getattr(entry.settings, "asks_elsewhere", False)
        if isinstance(entry.settings, PromptSettings | TuningSettings) and not away:
            return entry.settings.model
    return DEFAULT_LANGUAGE_MODEL


def shorter(wanted: int | None, longest: int | None) -> int | None:
    """Return the smaller of two lengths, of which any may be unknown."""
    return min((length for length in (wanted, longest) if length), default=None)
