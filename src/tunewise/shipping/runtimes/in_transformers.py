"""A language model in transformers: the trained one in this process, and exported folders.

An exported folder is loaded as its user would load it, with its own tokenizer, template and
generation_config. Knows nothing of what is expected.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import jinja2
import torch

from tunewise.engines.label_scoring import LabelScorer
from tunewise.errors import one_line
from tunewise.models.loading import (
    load_causal,
    load_tokenizer,
    quiet_peft,
    quiet_transformers,
    stop_ids,
)
from tunewise.shipping.runtimes import Rendered, Steps, Wrote


class TransformersRuntime:
    """A loaded model with its tokenizer.

    Args:
        model: a causal language model, in evaluation mode.
        tokenizer: its own.
        ends: ids at which it stops.
        place: what holds the template, for sentences.
    """

    def __init__(self, model: Any, tokenizer: Any, ends: Collection[int], place: str) -> None:
        import transformers

        self.model, self.tokenizer, self.ends, self.place = model, tokenizer, set(ends), place
        self.name = f"transformers {transformers.__version__}, {str(model.dtype)[6:]}"
        self._scorers: dict[tuple[tuple[int, ...], ...], LabelScorer] = {}

    def rendered(self, messages: Sequence[dict[str, str]]) -> Rendered:
        """Return what apply_chat_template makes of messages."""
        if not self.tokenizer.chat_template:
            return Rendered("", (), "there is no chat template")
        try:
            text = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
            ids = self.tokenizer.apply_chat_template(
                list(messages), tokenize=True, add_generation_prompt=True, return_dict=True
            )["input_ids"]
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            return Rendered("", (), one_line(str(error), 200))
        return Rendered(str(text), tuple(ids))

    def ids_of(self, text: str) -> list[int]:
        """Return a text's tokens."""
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def along(self, prompt: Sequence[int], answer: Sequence[int]) -> Steps:
        """Return what the model would say along an answer, from one forward pass."""
        ids = torch.tensor([[*prompt, *answer[:-1]]], device=self.model.device)
        with torch.inference_mode():
            logits = self.model(input_ids=ids, logits_to_keep=len(answer)).logits[0]
        scores = logits.float()  # [answer, vocab]
        logps = scores.log_softmax(-1)
        said = torch.tensor(list(answer), device=logps.device)[:, None]
        own = logps.gather(-1, said)[:, 0]
        tied = [frozenset(row.nonzero()[:, 0].tolist()) for row in _tied(scores, logits.dtype)]
        return Steps(tuple(logps.argmax(-1).tolist()), tuple(own.tolist()), tuple(tied))

    def wrote(self, prompt: Sequence[int], max_new_tokens: int) -> Wrote:
        """Return what generate writes."""
        ids = torch.tensor([list(prompt)], device=self.model.device)
        ends = sorted(self.ends)
        with torch.inference_mode(), quiet_transformers():
            whole = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                repetition_penalty=1.0,
                eos_token_id=ends or None,
                pad_token_id=ends[0] if ends else 0,
            )
        new = whole[0, len(prompt) :].tolist()
        return Wrote(tuple(new), bool(new) and new[-1] in self.ends)

    def best(self, prompt: Sequence[int], labels: Sequence[Sequence[int]]) -> int:
        """Return the label with the highest score."""
        key = tuple(map(tuple, labels))
        if key not in self._scorers:
            self._scorers[key] = LabelScorer(self.model, labels)
        return int(self._scorers[key].scores([prompt])[0].argmax())

    def close(self) -> None:
        """Let go of the model."""
        self.model = None
        self._scorers.clear()


def _tied(scores: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return which logits lie within one step below the highest, in the format they came in.

    Neighbours in a format are what rounding once tells apart at best; what a model computes was
    rounded many times.
    """
    highest = scores.amax(-1, keepdim=True)
    step = torch.finfo(dtype).eps * 2 ** highest.abs().log2().floor()
    return scores >= highest - step


def merged_runtime(folder: Path, dtype: torch.dtype) -> TransformersRuntime:
    """Return the model in an exported folder of merged weights.

    Raises:
        ModelError: it can't be loaded.
    """
    model = load_causal(folder, dtype)
    return TransformersRuntime(
        model, load_tokenizer(folder), stop_ids(folder), "chat_template.jinja"
    )


def adapter_runtime(folder: Path, base: Path, dtype: torch.dtype) -> TransformersRuntime:
    """Return an exported adapter on its base model, not merged.

    Raises:
        ModelError: it can't be loaded.
    """
    from peft import PeftModel

    loaded = load_causal(base, dtype)
    with quiet_transformers(), quiet_peft():
        model = PeftModel.from_pretrained(loaded, str(folder)).eval()
    ends = stop_ids(folder) if (folder / "generation_config.json").exists() else stop_ids(base)
    return TransformersRuntime(model, load_tokenizer(folder), ends, "chat_template.jinja")
