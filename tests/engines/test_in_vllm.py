"""Faults these catch: vLLM called otherwise than its API is published, replies read wrongly.

vLLM needs a GPU, which these tests can't count on. In its place stands a module with the published
names and parameters alone (vllm.LLM.generate, SamplingParams, StructuredOutputsParams; v0.11),
which answers through transformers; so replies must be those of the engine that uses it directly.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from tunewise.candidates.prompt.local import Local
from tunewise.engines.asks import ALTERNATIVES, Ask
from tunewise.engines.in_vllm import InVllm
from tunewise.errors import BadInput, DataError
from tunewise.models.loading import load_causal, load_tokenizer
from tunewise.models.model_folder import ModelFolder
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.records import Message


@dataclass
class StructuredOutputsParams:
    json: dict[str, Any] | None = None


@dataclass
class SamplingParams:
    max_tokens: int | None = 16
    temperature: float = 1.0
    seed: int | None = None
    stop_token_ids: list[int] | None = None
    logprobs: int | None = None
    structured_outputs: StructuredOutputsParams | None = None


class LLM:
    """Answers greedily, one prompt at a time."""

    made: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[SamplingParams]] = []

    def __init__(self, model: str, *, max_logprobs: int, enable_prefix_caching: bool) -> None:
        self.made.append({"model": model, "max_logprobs": max_logprobs})
        self.model = load_causal(Path(model), torch.float32)
        self.tokenizer = load_tokenizer(Path(model))

    def generate(
        self,
        prompts: list[dict[str, list[int]]],
        sampling_params: list[SamplingParams],
        *,
        use_tqdm: bool = True,
    ) -> list[Any]:
        assert not use_tqdm
        pairs = zip(prompts, sampling_params, strict=True)
        return [
            SimpleNamespace(outputs=[self._written(prompt["prompt_token_ids"], parameters)])
            for prompt, parameters in pairs
        ]

    def _written(self, prompt: list[int], wanted: SamplingParams) -> Any:
        self.asked.append(wanted)
        ids, at, reason = list[int](), list[dict[int, Any]](), "length"
        with torch.inference_mode():
            while len(ids) < (wanted.max_tokens or 16):
                logits = self.model(torch.tensor([[*prompt, *ids]])).logits[0, -1]
                logps = logits.float().log_softmax(-1)
                best = logps.topk(wanted.logprobs or 1).indices.tolist()
                at.append(
                    {
                        n: SimpleNamespace(
                            logprob=float(logps[n]), decoded_token=self.tokenizer.decode([n])
                        )
                        for n in best
                    }
                )
                ids.append(best[0])
                if best[0] in (wanted.stop_token_ids or ()):
                    reason = "stop"
                    break
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        logprobs = at if wanted.logprobs is not None else None
        return SimpleNamespace(
            text=text, token_ids=tuple(ids), logprobs=logprobs, finish_reason=reason
        )


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module, parameters = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    module.__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    module.__dict__.update(LLM=LLM, SamplingParams=SamplingParams, __version__="stand-in")
    parameters.__dict__.update(StructuredOutputsParams=StructuredOutputsParams)
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", parameters)
    LLM.made.clear()
    LLM.asked.clear()
    return module


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, smollm2: ModelFolder) -> Path:
    from tiny_chat_models import tiny_chat_folder

    return tiny_chat_folder("llama", tmp_path_factory.mktemp("vllm") / "tiny")


def asks(*texts: str, **more: Any) -> list[Ask]:
    return [Ask(f"t.csv:{n}", (Message("user", text),), 12, **more) for n, text in enumerate(texts)]


def test_replies_are_those_of_the_other_engine_and_no_question_is_asked_twice(
    vllm: ModuleType, tiny: Path
) -> None:
    folder = resolve(str(tiny), Silent())
    engine = InVllm(tiny, remembers=True)
    wanted = asks("Where is it?", "What is 2 and 2?", "Where is it?")
    assert LLM.made == []  # loaded when the first question comes
    replies = engine.generate(wanted, Silent(), "Asking")
    others = Local(folder, loaded=load_causal(tiny, torch.float32)).generate(wanted, Silent(), "A")
    assert [(r.text, r.ended) for r in replies] == [(r.text, r.ended) for r in others]
    assert [r.prompt_tokens for r in replies] == [r.prompt_tokens for r in others]
    assert [r.completion_tokens for r in replies] == [r.completion_tokens for r in others]
    assert engine.sent == len(LLM.asked) == 3  # places differ, so they are three questions
    engine.generate(wanted, Silent(), "Asking")
    assert engine.sent == 0
    assert len(LLM.made) == 1
    assert LLM.made[0]["max_logprobs"] == ALTERNATIVES


def test_log_probabilities_and_schemas_are_asked_for_as_published(
    vllm: ModuleType, tiny: Path
) -> None:
    schema = {"type": "object"}
    scored, bound = asks("Where?", alternatives=True) + asks("Where?", schema=schema)
    first, second = InVllm(tiny).generate([scored, bound], Silent(), "Asking")
    assert len(first.tokens) in (first.completion_tokens, (first.completion_tokens or 0) - 1)
    for token in first.tokens:
        assert len(token.alternatives) >= ALTERNATIVES - 2  # end tokens are left out
        assert token.logp == max(logp for _, logp in token.alternatives)
    assert "".join(token.text for token in first.tokens).strip() == first.text
    assert second.tokens == ()
    assert LLM.asked[0].structured_outputs is None
    assert LLM.asked[1].structured_outputs == StructuredOutputsParams(json=schema)
    assert LLM.asked[1].logprobs is None


def test_a_prompt_that_leaves_no_room_is_told_with_its_row(vllm: ModuleType, tiny: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv:0: .* no room .* tokens would be cut"):
        InVllm(tiny).generate(asks("word " * 600), Silent(), "Asking")
    assert LLM.made == []


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is here")
def test_without_vllm_one_line_says_how_to_get_it(tiny: Path) -> None:
    with pytest.raises(BadInput, match=r"pip install 'tunewise\[vllm\]'"):
        InVllm(tiny)
