"""A language model made ready for one task: rows and shots in, log-probabilities of labels out.

Given a model folder and the labels' texts, loads the model in the fastest number format and keeps
one scorer, with its shared part computed, per number of shots. Knows nothing of which shots are
shown or what is done with the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewise.candidates.prompt.conversation import Conversation, Shot
from tunewise.candidates.prompt.scored import Scored
from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.precision import fastest_dtype
from tunewise.files import value_sha256
from tunewise.models.loading import load_causal, load_tokenizer
from tunewise.models.resolve import ModelFolder
from tunewise.progress import Progress
from tunewise.records import Example


class Asker:
    """A model, the conversation it is given, and the scores it gave before.

    Args:
        model: the language model's folder.
        label_texts: of the labels, in their order.
        instruction: the user's own words on the task, if any.
        templates: of the prompt, by name.
        folder: where scored prompts are remembered.

    Attributes:
        lengths: tokens of each label, its end included, [labels].
        dtype: of the weights, such as 'bfloat16'.
    """

    def __init__(
        self,
        model: ModelFolder,
        label_texts: Sequence[str],
        instruction: str | None,
        templates: dict[str, str],
        folder: Path,
    ) -> None:
        tokenizer = load_tokenizer(model.path)
        self.conversation = Conversation(tokenizer, label_texts, instruction, templates)
        labels = self.conversation.label_ids
        self.model = load_causal(model.path, fastest_dtype("cpu"))
        self.dtype = str(self.model.dtype).removeprefix("torch.")
        self.lengths = np.array([len(label) for label in labels])
        self._scored = Scored(folder, value_sha256([model.fingerprint, labels, self.dtype]))
        self._scorers: dict[int, LabelScorer] = {}

    def prompts(
        self,
        examples: Sequence[Example],
        shots: Sequence[Sequence[Shot]],
        passages: Sequence[Sequence[str]],
    ) -> list[list[int]]:
        """Return the token ids of each example's prompt, with its own shots and passages."""
        rows = zip(examples, shots, passages, strict=True)
        return [self.conversation.prompt_ids(e.input, shown, found) for e, shown, found in rows]

    def scorer(self, shots: int) -> LabelScorer:
        """Return the scorer for prompts with so many shots; its shared part is computed once."""
        if shots not in self._scorers:
            self._scorers[shots] = LabelScorer(
                self.model, self.conversation.label_ids, self.conversation.shared_ids(shots)
            )
        return self._scorers[shots]

    def logps(
        self,
        examples: Sequence[Example],
        prompts: Sequence[Sequence[int]],
        shots: int,
        progress: Progress,
        *,
        keep: bool = False,
    ) -> np.ndarray:
        """Return log P(label | prompt) in nats, [prompts, labels].

        Args:
            examples: of the prompts, to name them in errors.
            prompts: as `prompts` returns them.
            shots: how many each of them shows.
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
            found[unknown] = self.scorer(shots).scores(
                asked,
                names=[f"{examples[row].source}:{examples[row].row}" for row in unknown],
                progress=progress,
                title=f"Scoring labels, {shots} shots" if shots else "Scoring labels, no shots",
            )
            if keep:
                self._scored.keep(asked, found[unknown])
        return found
