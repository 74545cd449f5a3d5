"""Ask a causal language model by scoring the labels: fit chooses the prompt, predict answers.

Given rows, chooses on validation how many of the nearest training examples to show and how to
compare labels, then answers with the label of the highest score. The model's weights are never
changed. Knows nothing of test rows or of other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asking import Asker
from tunewise.candidates.prompt.choose import chosen, rows_to_try
from tunewise.candidates.prompt.normalise import Normaliser
from tunewise.candidates.prompt.passages import Library, library_of, load_library, looked_up
from tunewise.candidates.prompt.settings_file import (
    SETTINGS,
    Choice,
    PromptFit,
    checked_settings,
    found_model,
    same_model,
    used,
)
from tunewise.candidates.prompt.shots import Retriever, load_pool, retriever_over, shots_for
from tunewise.candidates.prompt.showing import Way, ways_of
from tunewise.engines.embeddings import Embedder
from tunewise.errors import DataError
from tunewise.files import write_json
from tunewise.progress import Progress, Silent
from tunewise.records import Example, Prediction
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import SCORED_TEMPLATES, template_texts
from tunewise.task.settings import PromptSettings


class Prompt:
    """A prompted language model, as a candidate.

    Args:
        settings: the candidate's own.
        setup: labels, seed, the user's instruction.
    """

    def __init__(self, settings: PromptSettings, setup: Setup) -> None:
        self.settings = settings
        self.setup = setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: Path,
        progress: Progress,
    ) -> FittedPrompt:
        """Choose shots and normalisation on validation rows; leave settings and shots in `folder`.

        Raises:
            ModelError: a model can't be found or used.
            DataError: no validation rows, or labels or texts that the model can't be given.
        """
        rows = rows_to_try(validation, self.settings.validation_rows, self.setup.seed)
        if not rows:
            raise DataError("there are no validation rows to choose a prompt on")
        labels, texts = self.setup.labels, label_texts(self.setup.labels)
        model = found_model(self.settings.model, "causal", progress, self.setup.task_folder)
        ways = ways_of(self.settings, len(train))
        retriever, encoder = None, None
        library = None
        if any(way.shots or way.passages for way in ways):
            encoder = found_model(
                self.settings.retriever, "encoder", progress, self.setup.task_folder
            )
            told = dict(zip(labels, texts, strict=True))
            retriever = retriever_over(train, encoder.path, told, progress)
            library = library_of(self.settings, self.setup, retriever.embedder, progress)
        templates = template_texts(SCORED_TEMPLATES, self.setup.task_folder)
        asker = Asker(model, texts, self.setup.instruction, templates, folder)

        def prompts_of(way: Way, some: Sequence[Example]) -> list[list[int]]:
            return asker.prompts(
                some, shots_for(retriever, some, way), looked_up(library, some, way)
            )

        def logps_of(way: Way, first: int) -> np.ndarray:
            some = rows[:first]
            return asker.logps(some, prompts_of(way, some), way.shots, progress, keep=True)

        targets = np.array([labels.index(row.target) for row in rows])
        outcome = chosen(ways, logps_of, targets, asker.lengths)
        best = outcome.best
        best_way = outcome.way
        if best_way.shots and retriever:
            retriever.pool.save(folder)
        if best_way.passages and library:
            library.save(folder)
        shown = best_way.shots or best_way.passages
        fit = PromptFit(
            kind="prompt",
            model=used(model),
            retriever=used(encoder) if shown and encoder else None,
            instruction=self.setup.instruction,
            labels=labels,
            label_texts=texts,
            templates=templates,
            example=asker.conversation.rendered(
                rows[0].input,
                shots_for(retriever, rows[:1], best_way)[0],
                looked_up(library, rows[:1], best_way)[0],
            ),
            chosen=Choice(best.shots, best.normalisation, best.select, best.order, best.passages),
            tried=outcome.tried,
            offsets=tuple(map(float, outcome.offsets)),
            dtype=asker.dtype,
            proof=asker.scorer(best.shots).prove(prompts_of(best_way, rows[:1])[0]),
        )
        write_json(folder / SETTINGS, fit)
        progress.line(
            f"Prompt: {best_way.words}, scores by {best.normalisation}, accuracy"
            f" {best.accuracy:.1%} on {best.rows} validation rows."
        )
        return self.load(folder)

    def load(self, folder: Path) -> FittedPrompt:
        """Return the fitted prompt that `fit` left in `folder`.

        Raises:
            ModelError: a model isn't the one it was fitted with.
            RunFolderError: the folder isn't as it was written, or is for other labels.
        """
        return FittedPrompt(folder, checked_settings(folder, self.setup.labels), self.setup)


class FittedPrompt:
    """A prompt that can answer.

    Args:
        folder: that fit left.
        fit: its settings.json.
        setup: tells where relative model folders start.
    """

    def __init__(self, folder: Path, fit: PromptFit, setup: Setup) -> None:
        self.fit = fit
        silent = Silent()
        model = same_model(fit.model, silent, setup.task_folder)
        self._retriever: Retriever | None = None
        self._library: Library | None = None
        if fit.retriever is not None:
            encoder = same_model(fit.retriever, silent, setup.task_folder)
            texts = dict(zip(fit.labels, fit.label_texts, strict=True))
            embedder = Embedder(encoder.path)
            if fit.chosen.shots:
                self._retriever = Retriever(embedder, load_pool(folder), texts)
            if fit.chosen.passages:
                self._library = load_library(folder, embedder)
        self._asker = Asker(model, fit.label_texts, fit.instruction, fit.templates, folder)
        self._asker.scorer(fit.chosen.shots)  # so that the first request finds the prefix computed
        self._normaliser = Normaliser(
            fit.chosen.normalisation, self._asker.lengths, np.array(fit.offsets)
        )

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return the label of the highest score for each example, in their order.

        Raises:
            DataError: a text is longer than the model reads; the message names its row.
        """
        way = self.fit.chosen.way
        prompts = self._asker.prompts(
            examples,
            shots_for(self._retriever, examples, way),
            looked_up(self._library, examples, way),
        )
        logps = self._asker.logps(examples, prompts, way.shots, progress)
        answers = self._normaliser.scores(logps).argmax(axis=1)
        probabilities = self._normaliser.probabilities(logps)
        return [
            Prediction(
                id=example.id,
                answer=self.fit.labels[answer],
                scores=tuple(map(float, shares)),
                prompt_tokens=len(prompt),
                completion_tokens=int(self._asker.lengths[answer]),
            )
            for example, prompt, answer, shares in zip(
                examples, prompts, answers, probabilities, strict=True
            )
        ]
