"""A language model on this machine, as an engine: messages in, greedy or sampled text out.

Given a model's folder, gives back replies; prompts of like length are answered together. It writes
no log-probabilities and keeps to no schema, but brings thoughts to an answer (concluding.py). Knows
nothing of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from tunewise.candidates.prompt.concluding import Concluder
from tunewise.candidates.writing import AnswerWriter
from tunewise.engines.asks import Abilities, Ask, Reply
from tunewise.engines.memory import Memory
from tunewise.engines.precision import fastest_dtype
from tunewise.models.loading import load_causal, load_tokenizer, stop_ids
from tunewise.models.resolve import ModelFolder
from tunewise.progress import Progress
from tunewise.rendering.chat import Chat

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Local:
    """A language model and the conversation it is given.

    Args:
        model: its folder.
        loaded: the same, where it is in memory already.
        remembers: whether a question that comes again is answered as before, without the model.

    Attributes:
        answers: that writes them.
        concluder: that brings thoughts to an answer.
        dtype: of the weights, such as 'bfloat16'.
    """

    abilities = Abilities(alternatives=False, schema=False)

    def __init__(
        self,
        model: ModelFolder,
        *,
        remembers: bool = False,
        loaded: PreTrainedModel | None = None,
    ) -> None:
        self.chat = Chat(load_tokenizer(model.path))
        if loaded is None:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            loaded = load_causal(model.path, fastest_dtype(device)).to(device)
        self.dtype = str(loaded.dtype).removeprefix("torch.")
        self.answers = AnswerWriter(loaded, self.chat, stop_ids(model.path))
        self.concluder = Concluder(loaded, self.answers)
        self._memory = Memory(keeps=remembers)

    @property
    def sent(self) -> int:
        """Questions of the last `generate` that the model was given."""
        return self._memory.sent

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        """Return a reply to each ask, in their order; `title` is what the bar says.

        Raises:
            DataError: a prompt leaves no room for an answer; the message names its row.
        """

        def answers(unknown: list[Ask]) -> list[Reply]:
            found = dict[Ask, Reply]()
            kinds = dict.fromkeys((a.max_new_tokens, a.temperature, a.sample) for a in unknown)
            for kind in kinds:
                some = [a for a in unknown if (a.max_new_tokens, a.temperature, a.sample) == kind]
                found |= zip(some, self._replies(some, progress, title), strict=True)
            return [found[ask] for ask in unknown]

        return self._memory.replies(asks, answers)

    def prompt(self, ask: Ask) -> str:
        """Return an ask as the model's chat template writes it."""
        return self.chat.render(ask.messages, answer_follows=True)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has."""
        return [len(ids) for ids in self.chat.ids(texts)]

    def close(self) -> None:
        """Nothing is held but memory."""

    def _replies(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        prompts = self.chat.ids([self.prompt(ask) for ask in asks])
        written = self.answers.writer.write(
            prompts,
            asks[0].max_new_tokens,
            progress,
            [ask.place for ask in asks],
            title=title,
            temperature=asks[0].temperature,
            seed=asks[0].sample,
        )
        return [
            Reply(
                text=self.answers.text(answer.ids),
                ended=answer.ended,
                prompt_tokens=len(prompt),
                completion_tokens=len(answer.ids) + answer.ended,
            )
            for prompt, answer in zip(prompts, written, strict=True)
        ]
