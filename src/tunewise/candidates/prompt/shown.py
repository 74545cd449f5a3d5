"""What a prompt candidate gives its model for a row, without loading the model.

Given the candidate's settings and, if it was fitted, its folder, gives back prompts as text and
tokens: with the shots that the run chose, or without any. Knows nothing of scores.
"""

from __future__ import annotations

from pathlib import Path

from tunewise.candidates import Setup
from tunewise.candidates.prompt.conversation import Conversation, Shot
from tunewise.candidates.prompt.finding import Found, found_on_record
from tunewise.candidates.prompt.settings_file import checked_settings, same_model
from tunewise.candidates.prompt.showing import Way
from tunewise.models.loading import context_length, load_tokenizer
from tunewise.models.resolve import resolve
from tunewise.progress import Progress
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import SCORED_TEMPLATES, template_texts
from tunewise.task.settings import PromptSettings


class Shown:
    """Prompts as they are asked.

    Args:
        settings: the candidate's own.
        setup: labels and instruction.
        folder: that fit left; None where it hasn't been fitted.
        progress: for models that have to be fetched.

    Attributes:
        conversation: which writes the prompts.
        notes: on where the shots come from.
        max_length: tokens that the model reads at most, where known.

    Raises:
        ModelError: a model isn't the one the prompt was fitted with, or can't be asked.
        RunFolderError: the folder isn't as fit left it.
    """

    def __init__(
        self, settings: PromptSettings, setup: Setup, folder: Path | None, progress: Progress
    ) -> None:
        self._way, self._found = Way(0), Found()
        texts, templates = (
            label_texts(setup.labels),
            template_texts(SCORED_TEMPLATES, setup.task_folder),
        )
        instruction = setup.instruction
        if folder is None:
            model = resolve(settings.model, progress, task_folder=setup.task_folder)
            self.notes = ("It hasn't been fitted yet, so no examples are shown.",)
        else:
            fit = checked_settings(folder, setup.labels)
            model = same_model(fit.model, progress, setup.task_folder)
            texts, templates, instruction = fit.label_texts, fit.templates, fit.instruction
            self._way = fit.chosen.way
            self._found = found_on_record(folder, fit, setup, progress)
            self.notes = (f"As the run fitted it, with {self._way.shots} training examples shown.",)
        tokenizer = load_tokenizer(model.path)
        self.max_length = context_length(model.path, tokenizer)
        self.conversation = Conversation(tokenizer, texts, instruction, templates)

    def shots(self, example: Example) -> list[Shot]:
        """Return the training examples that are shown for a row; never the row itself."""
        return self._found.beside([example], self._way)[0][0]

    def prompt(self, example: Example) -> tuple[str, list[int]]:
        """Return the prompt of a row as text, and the tokens that the model is given of it."""
        beside = self._found.beside([example], self._way)[0]
        text = self.conversation.rendered(example.input, *beside)
        return text, self.conversation.prompt_ids(example.input, *beside)
