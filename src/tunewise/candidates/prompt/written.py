"""Ask a causal language model to write the answer: fit chooses the shots, predict writes.

Given rows, chooses on validation how many of the nearest training examples to show, by the mean
ROUGE-L of what the model then writes. The model's weights are never changed. Knows nothing of test
rows or of other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tunewise.candidates import Setup
from tunewise.candidates.prompt.choose import rows_to_try
from tunewise.candidates.prompt.settings_file import (
    SETTINGS,
    UsedModel,
    found_model,
    same_model,
    used,
)
from tunewise.candidates.prompt.shots import Retriever, load_pool, retriever_over, shots_for
from tunewise.candidates.writing import AnswerWriter, room_for
from tunewise.engines.embeddings import Embedder
from tunewise.engines.precision import fastest_dtype
from tunewise.errors import DataError
from tunewise.files import read_record, write_json
from tunewise.models.loading import load_causal, load_tokenizer, stop_ids
from tunewise.models.resolve import ModelFolder
from tunewise.overlap import rouge_l
from tunewise.progress import Progress, Silent
from tunewise.records import Example, Message, Prediction
from tunewise.rendering.chat import Chat
from tunewise.rendering.wording import user_text, wording_of
from tunewise.task.settings import PromptSettings

LONG = 99.0  # percentile of the training answers' lengths that a long one has


@dataclass(frozen=True, slots=True)
class Tried:
    """A number of shots and how it did: mean ROUGE-L on so many validation rows."""

    shots: int
    rouge_l: float
    rows: int


@dataclass(frozen=True, slots=True)
class WrittenFit:
    """All that answering needs, beside the models and the pool of shots.

    Attributes:
        model: the language model that writes.
        retriever: the encoder that finds the nearest examples; None when none are shown.
        instruction: the user's own words on the task, if any.
        shots: of `tried`, what is used.
        example: the prompt of one validation row, as the model was given it.
        max_new_tokens: of an answer at most.
        dtype: of the weights when it was fitted.
    """

    kind: str
    model: UsedModel
    retriever: UsedModel | None
    instruction: str | None
    shots: int
    tried: tuple[Tried, ...]
    example: str
    max_new_tokens: int
    dtype: str


class WrittenPrompt:
    """A prompted language model that writes, as a candidate.

    Args:
        settings: the candidate's own.
        setup: seed and the user's instruction.
    """

    def __init__(self, settings: PromptSettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedWriter:
        """Choose the number of shots on validation rows; leave settings and shots in `folder`.

        Raises:
            ModelError: a model can't be found or used.
            DataError: no validation rows, or none whose prompt the model can read.
        """
        rows = rows_to_try(validation, self.settings.validation_rows, self.setup.seed)
        if not rows:
            raise DataError("there are no validation rows to choose a prompt on")
        model = found_model(self.settings.model, "causal", progress, self.setup.task_folder)
        counts = sorted({min(count, len(train)) for count in self.settings.shots})
        retriever, encoder = None, None
        if counts[-1]:
            encoder = found_model(
                self.settings.retriever, "encoder", progress, self.setup.task_folder
            )
            texts = {e.target: e.target for e in train}
            retriever = retriever_over(train, encoder.path, texts, progress)
        asker = _Asker(model, self.setup.instruction)
        lengths = [len(ids) for ids in asker.chat.ids([e.target for e in train])]
        most = room_for(float(np.percentile(lengths, LONG)))
        tried = []
        for count in counts:
            answers = asker.answers(rows, retriever, count, most, progress)
            scores = [rouge_l(r.target, a.answer) for r, a in zip(rows, answers, strict=True)]
            tried.append(Tried(count, float(np.mean(scores)), len(rows)))
        best = max(tried, key=lambda one: (one.rouge_l, -one.shots))
        if best.shots and retriever:
            retriever.pool.save(folder)
        fit = WrittenFit(
            kind="prompt",
            model=used(model),
            retriever=used(encoder) if best.shots and encoder else None,
            instruction=self.setup.instruction,
            shots=best.shots,
            tried=tuple(tried),
            example=asker.prompts(rows[:1], retriever, best.shots)[0],
            max_new_tokens=most,
            dtype=asker.dtype,
        )
        write_json(folder / SETTINGS, fit)
        progress.line(
            f"Prompt: {best.shots} shots, ROUGE-L {best.rouge_l:.1%} on {best.rows} validation"
            " rows."
        )
        return self.load(folder)

    def load(self, folder: Path) -> FittedWriter:
        """Return the fitted prompt that `fit` left in `folder`.

        Raises:
            ModelError: a model isn't the one it was fitted with.
            RunFolderError: the folder isn't as it was written.
        """
        return FittedWriter(folder, read_record(folder / SETTINGS, WrittenFit), self.setup)


class FittedWriter:
    """A prompt that writes answers.

    Args:
        folder: that fit left.
        fit: its settings.json.
        setup: tells where relative model folders start.
    """

    def __init__(self, folder: Path, fit: WrittenFit, setup: Setup) -> None:
        self.fit = fit
        silent = Silent()
        model = same_model(fit.model, silent, setup.task_folder)
        self._retriever: Retriever | None = None
        if fit.retriever is not None:
            encoder = same_model(fit.retriever, silent, setup.task_folder)
            pool = load_pool(folder)
            texts = {row.label: row.label for row in pool.rows}
            self._retriever = Retriever(Embedder(encoder.path), pool, texts)
        self._asker = _Asker(model, fit.instruction)
        self.answers, self.max_new_tokens = self._asker.writer, fit.max_new_tokens

    def asked(self, examples: Sequence[Example]) -> list[str]:
        """Return the prompt of each example, with its shots."""
        return self._asker.prompts(examples, self._retriever, self.fit.shots)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return a written answer to each example, in their order.

        Raises:
            DataError: a text is longer than the model reads; the message names its row.
        """
        fit = self.fit
        return self._asker.answers(
            examples, self._retriever, fit.shots, fit.max_new_tokens, progress
        )


class _Asker:
    """A model and the conversation it is given.

    Args:
        model: the language model's folder.
        instruction: the user's own words on the task, if any.
    """

    def __init__(self, model: ModelFolder, instruction: str | None) -> None:
        self.chat = Chat(load_tokenizer(model.path))
        self.wording = wording_of("generation", instruction, ())
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        loaded = load_causal(model.path, fastest_dtype(device)).to(device)
        self.dtype = str(loaded.dtype).removeprefix("torch.")
        self.writer = AnswerWriter(loaded, self.chat, stop_ids(model.path))

    def prompts(
        self, examples: Sequence[Example], retriever: Retriever | None, count: int
    ) -> list[str]:
        """Return each example's prompt, the nearest training examples shown before it."""
        found = []
        for example, shown in zip(examples, shots_for(retriever, examples, count), strict=True):
            turns = self.wording.prompt(example)
            first = 1 if turns and turns[0].role == "system" else 0
            shots = [
                turn
                for shot in shown
                for turn in (
                    Message("user", user_text(self.wording.templates, shot.text)),
                    Message("assistant", shot.label),
                )
            ]
            turns = [*turns[:first], *shots, *turns[first:]]
            found.append(self.chat.render(turns, answer_follows=True))
        return found

    def answers(
        self,
        examples: Sequence[Example],
        retriever: Retriever | None,
        count: int,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        """Return a written answer to each example."""
        texts = self.prompts(examples, retriever, count)
        return self.writer.predictions(examples, texts, max_new_tokens, progress)
