"""A language model made ready for one task: rows and shots in, log-probabilities of labels out.

Given a model folder and the labels' texts, loads the model in the fastest number format and keeps
a few scorers, each with the shared part of one way's prompts computed. Knows nothing of which shots
are shown or what is done with the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.candidates.prompt.conversation import Conversation
from tunewise.candidates.prompt.finding import Found
from tunewise.candidates.prompt.scored import Scored
from tunewise.candidates.prompt.showing import Way
from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.precision import fastest_dtype
from tunewise.files import value_sha256
from tunewise.models.loading import load_causal, load_tokenizer
from tunewise.models.resolve import ModelFolder
from tunewise.progress import Progress
from tunewise.records import Example

SCORERS = 4  # that are kept at once; a search has many, and each holds its prefix's states


class Asker:
    """A model, the conversation it is given, and the scores it gave before.

    Args:
        model: the language model's folder.
        label_texts: of the labels, in their order.
        instructions: that a way may give, by number.
        templates: of the prompt, by name.
        found: what finds the examples and passages of a way.
        folder: where scored prompts are remembered.

    Attributes:
        model: loaded.
        lengths: tokens of each label, its end included, [labels].
        dtype: of the weights, such as 'bfloat16'.
        read: tokens of all prompts that were scored so far.
    """

    def __init__(
        self,
        model: ModelFolder,
        label_texts: Sequence[str],
        instructions: Sequence[str | None],
        templates: dict[str, str],
        *,
        found: Found,
        folder: Path,
    ) -> None:
        self.instructions, self.found = tuple(instructions), found
        self._tokenizer, self._texts = load_tokenizer(model.path), tuple(label_texts)
        self._templates = templates
        self._conversations: dict[int, Conversation] = {}
        labels = self.conversation(0).label_ids
        self.model = load_causal(model.path, fastest_dtype("cpu"))
        self.dtype = str(self.model.dtype).removeprefix("torch.")
        self.lengths = np.array([len(label) for label in labels])
        self.read = 0
        self._scored = Scored(folder, value_sha256([model.fingerprint, labels, self.dtype]))
        self._scorers: dict[tuple[int, int], LabelScorer] = {}

    def conversation(self, instruction: int) -> Conversation:
        """Return what writes the prompts with an instruction, by its number."""
        if instruction not in self._conversations:
            self._conversations[instruction] = Conversation(
                self._tokenizer, self._texts, self.instructions[instruction], self._templates
            )
        return self._conversations[instruction]

    def rendered(self, example: Example, way: Way) -> str:
        """Return the prompt of a row as the model's template writes it."""
        beside = self.found.beside([example], way)[0]
        return self.conversation(way.instruction).rendered(example.input, *beside)

    def prompts(self, examples: Sequence[Example], way: Way) -> list[list[int]]:
        """Return the token ids of each example's prompt, with its own shots and passages."""
        talk = self.conversation(way.instruction)
        rows = zip(examples, self.found.beside(examples, way), strict=True)
        return [talk.prompt_ids(example.input, *beside) for example, beside in rows]

    def scorer(self, way: Way) -> LabelScorer:
        """Return the scorer for a way's prompts; what they share is computed once."""
        key = way.instruction, way.shots
        if key not in self._scorers:
            while len(self._scorers) >= SCORERS:
                del self._scorers[next(iter(self._scorers))]
            talk = self.conversation(way.instruction)
            self._scorers[key] = LabelScorer(self.model, talk.label_ids, talk.shared_ids(way.shots))
        return self._scorers[key]

    def unread(self, prompts: Sequence[Sequence[int]]) -> int:
        """Return the tokens of those prompts that weren't scored before."""
        return sum(len(prompt) for prompt in prompts if self._scored.of(prompt) is None)

    def logps(
        self,
        examples: Sequence[Example],
        prompts: Sequence[Sequence[int]],
        way: Way,
        progress: Progress,
        *,
        keep: bool = False,
    ) -> np.ndarray:
        """Return log P(label | prompt) in nats, [prompts, labels].

        Args:
            examples: of the prompts, to name them in errors.
            prompts: as `prompts` returns them.
            way: that they are written by.
            progress: gets a bar of rows.
            keep: whether to remember the scores in the folder.

        Raises:
            DataError: a prompt is longer than the model reads.
        """
        found = np.empty((len(prompts), len(self.lengths)))
        unknown = []
        for row, prompt in enumerate(prompts):
            known = self._scored.of(prompt)
            if known is None:
                unknown.append(row)
            else:
                found[row] = known
        if unknown:
            asked = [prompts[row] for row in unknown]
            found[unknown] = self.scorer(way).scores(
                asked,
                names=[f"{examples[row].source}:{examples[row].row}" for row in unknown],
                progress=progress,
                title=f"Scoring labels, {way.shots or 'no'} shots",
            )
            self.read += sum(map(len, asked))
            if keep:
                self._scored.keep(asked, found[unknown])
        return found
