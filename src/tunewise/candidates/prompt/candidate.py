"""Ask a causal language model by scoring the labels: fit chooses the prompt, predict answers.

Given rows, chooses on validation what to show beside a row, which instruction to give where a
search is wanted, and how to compare labels, then answers with the label of the highest score. The
model's weights are never changed. Knows nothing of test rows or of other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asking import Asker
from tunewise.candidates.prompt.choose import Tries, chosen, rows_to_try
from tunewise.candidates.prompt.finding import found_for, found_on_record
from tunewise.candidates.prompt.instructions import instructions_of
from tunewise.candidates.prompt.local import Local
from tunewise.candidates.prompt.normalise import Normaliser
from tunewise.candidates.prompt.race import raced
from tunewise.candidates.prompt.search import Search
from tunewise.candidates.prompt.settings_file import (
    SETTINGS,
    Choice,
    PromptFit,
    checked_settings,
    found_model,
    same_model,
    used,
)
from tunewise.candidates.prompt.showing import Way, ways_of
from tunewise.errors import CapReached, DataError
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
        settings, labels = self.settings, self.setup.labels
        texts = label_texts(labels)
        model = found_model(settings.model, "causal", progress, self.setup.task_folder)
        ways = ways_of(settings, len(train))
        found = found_for(settings, self.setup, train, ways, progress)
        templates = template_texts(SCORED_TEMPLATES, self.setup.task_folder)
        asker = Asker(model, texts, [self.setup.instruction], templates, found=found, folder=folder)
        tries: Tries = raced
        if settings.search is not None:
            engine = Local(model, loaded=asker.model)
            asker.instructions = tuple(
                instructions_of(settings.search, self.setup, train, engine, progress)
            )
            tries = Search(settings.search, len(asker.instructions), self.setup.seed, progress)

        def logps_of(way: Way, first: int) -> np.ndarray:
            some = rows[:first]
            prompts = asker.prompts(some, way)
            if settings.search is not None and settings.search.tokens is not None:
                _refuse_more(settings.search.tokens, asker.read, asker.unread(prompts))
            return asker.logps(some, prompts, way, progress, keep=True)

        targets = np.array([labels.index(row.target) for row in rows])
        outcome = chosen(ways, logps_of, targets, asker.lengths, tries)
        best, best_way = outcome.best, outcome.way
        found.save(folder, best_way)
        shown = best_way.shots or best_way.passages
        fit = PromptFit(
            kind="prompt",
            model=used(model),
            retriever=found.encoder if shown else None,
            instruction=asker.instructions[best_way.instruction],
            labels=labels,
            label_texts=texts,
            templates=templates,
            example=asker.rendered(rows[0], best_way),
            chosen=Choice(
                best.shots, best.normalisation, best.select, best.order, best.passages,
                best.instruction, best.draw,
            ),
            tried=outcome.tried,
            offsets=tuple(map(float, outcome.offsets)),
            dtype=asker.dtype,
            proof=asker.scorer(best_way).prove(asker.prompts(rows[:1], best_way)[0]),
            instructions=asker.instructions if settings.search is not None else (),
        )  # fmt: skip
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
        model = same_model(fit.model, Silent(), setup.task_folder)
        self._way = fit.chosen.way
        found = found_on_record(folder, fit, setup)
        self._asker = Asker(
            model, fit.label_texts, fit.numbered, fit.templates, found=found, folder=folder
        )
        self._asker.scorer(self._way)  # so that the first request finds the prefix computed
        self._normaliser = Normaliser(
            fit.chosen.normalisation, self._asker.lengths, np.array(fit.offsets)
        )

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return the label of the highest score for each example, in their order.

        Raises:
            DataError: a text is longer than the model reads; the message names its row.
        """
        prompts = self._asker.prompts(examples, self._way)
        logps = self._asker.logps(examples, prompts, self._way, progress)
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


def _refuse_more(most: int, read: int, more: int) -> None:
    """Refuse prompts with which a search would have read more tokens than it may."""
    if read + more > most:
        raise CapReached(
            f"{read:,} of the {most:,} tokens under `search` are read, and the next prompts have"
            f" {more:,}"
        )
