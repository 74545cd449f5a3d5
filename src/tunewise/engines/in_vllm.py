"""A language model in vLLM, in this process, as an engine: messages in, text and its tokens out.

Given a model's folder, loads it when the first question comes. vLLM batches continuously, keeps
what prompts share, gives log-probabilities and binds replies to JSON schemas. Prompts are rendered
here, through the model's own template, so that they are those of every other engine on this
machine. Knows nothing of tasks. Written by vLLM's published API (LLM.generate, SamplingParams; 0.11
and later).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunewise.engines.asks import ALTERNATIVES, Abilities, Ask, Reply, Token
from tunewise.engines.memory import Memory
from tunewise.engines.window import check_room, room_left
from tunewise.errors import BadInput
from tunewise.models.loading import context_length, load_tokenizer, stop_ids
from tunewise.progress import Progress, showing
from tunewise.rendering.chat import Chat

TOGETHER = 512  # questions that vLLM is given at once; it decides which run side by side


class InVllm:
    """A language model in vLLM.

    Args:
        folder: of the model.
        remembers: whether a question that comes again is answered as before, without the model.

    Raises:
        BadInput: vLLM isn't installed.
        ModelError: the folder has no chat template.
    """

    abilities = Abilities(alternatives=True, schema=True)
    concluder = None  # it gives whole replies

    def __init__(self, folder: Path, *, remembers: bool = False) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise BadInput(
                "asking a model in vLLM needs the package vllm, and a GPU that it knows",
                mend="Install it with: pip install 'tunewise[vllm]'",
            )
        self.folder = folder
        self.chat = Chat(load_tokenizer(folder))
        self.most_tokens = context_length(folder, self.chat.tokenizer)
        ends = {self.chat.end_id} if self.chat.end_id is not None else set[int]()
        self.ends = sorted(stop_ids(folder) | ends)
        self._memory = Memory(keeps=remembers)
        self._model: Any = None

    @property
    def sent(self) -> int:
        """Questions of the last `generate` that the model was given."""
        return self._memory.sent

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        """Return a reply to each ask, in their order; `title` is what the bar says.

        Raises:
            DataError: a prompt leaves no room for an answer; the message names its row.
        """
        return self._memory.replies(asks, lambda new: self._answers(new, progress, title))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has."""
        return [len(ids) for ids in self.chat.ids(texts)]

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def _answers(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        texts = [self.chat.render(ask.messages, answer_follows=True) for ask in asks]
        prompts = self.chat.ids(texts)
        for ask, prompt in zip(asks, prompts, strict=True):
            check_room(len(prompt), self.most_tokens, ask.place)
        model = self._loaded(progress)
        found: list[Reply] = []
        with showing(progress, title, len(asks)) as bar:
            for first in range(0, len(asks), TOGETHER):
                some, given = asks[first : first + TOGETHER], prompts[first : first + TOGETHER]
                outputs = model.generate(
                    [{"prompt_token_ids": prompt} for prompt in given],
                    [self._parameters(*pair) for pair in zip(some, given, strict=True)],
                    use_tqdm=False,
                )
                pairs = zip(given, outputs, strict=True)
                found += [self._reply(len(prompt), output.outputs[0]) for prompt, output in pairs]
                bar.advance(len(some))
        return found

    def _loaded(self, progress: Progress) -> Any:
        if self._model is None:
            import vllm

            progress.line(f"Loading {self.folder.name} in vLLM {vllm.__version__}.")
            self._model = vllm.LLM(
                model=str(self.folder), max_logprobs=ALTERNATIVES, enable_prefix_caching=True
            )
        return self._model

    def _parameters(self, ask: Ask, prompt: Sequence[int]) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        most = room_left(ask.max_new_tokens, len(prompt), self.most_tokens)
        schema = None if ask.schema is None else StructuredOutputsParams(json=ask.schema)
        return SamplingParams(
            max_tokens=most,
            temperature=ask.temperature,
            seed=ask.sample,
            stop_token_ids=self.ends,
            logprobs=ALTERNATIVES if ask.alternatives else None,
            structured_outputs=schema,
        )

    def _reply(self, prompt_tokens: int, output: Any) -> Reply:
        ids = list(output.token_ids)
        return Reply(
            text=str(output.text).strip(),
            ended=output.finish_reason != "length",
            tokens=tuple(self._tokens(ids, output.logprobs or ())),
            prompt_tokens=prompt_tokens,
            completion_tokens=len(ids),
        )

    def _tokens(self, ids: Sequence[int], logprobs: Sequence[Any]) -> Iterator[Token]:
        """Yield the reply's tokens up to the one that ends it, as an endpoint would."""
        for token, at in zip(ids, logprobs, strict=False):
            if token in self.ends:
                return
            others = tuple(
                (self._text(other, one), float(one.logprob))
                for other, one in at.items()
                if other not in self.ends
            )
            yield Token(self._text(token, at[token]), float(at[token].logprob), others)

    def _text(self, token: int, one: Any) -> str:
        if one.decoded_token is not None:
            return str(one.decoded_token)
        return str(self.chat.tokenizer.decode([token]))
