"""A row becomes token ids through the model's own chat template, and so do the labels.

Given a tokenizer, the instruction and the labels' texts, gives back prompts, the part that all of
them share, and each label's tokens with the end of turn. A prompt's tokens are those of the whole
rendered text in one piece; where the shared part ends is read off them, so that no boundary can
change a token. Knows nothing of weights, scores or which shots are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2

from tunewise.errors import DataError, ModelError, one_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATES = ("system.jinja", "user.jinja")
PROBES = ("Where is it?", "0 of 3 came, why", "ça marche: oui")  # unlike from the first character
ANSWER = "Placeholder"  # stands where a label will, to see what a template puts around it


@dataclass(frozen=True, slots=True)
class Shot:
    """A training example as it is shown: its text and its label's text."""

    text: str
    label: str


def template_texts() -> dict[str, str]:
    """Return the package's templates by name."""
    folder = resources.files(__package__) / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}


class Conversation:
    """Prompts and labels as tokens of one model.

    Args:
        tokenizer: with a chat template.
        labels: the labels' texts.
        instruction: the user's own words on the task, if any.
        templates: Jinja texts by name, as template_texts gives them.

    Attributes:
        label_ids: token ids of each label, the end of turn last.

    Raises:
        ModelError: no chat template, or one that can't hold such a conversation.
        DataError: a label that the tokenizer can't write.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str],
        instruction: str | None,
        templates: dict[str, str],
    ) -> None:
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        if not tokenizer.chat_template:
            raise ModelError(
                "the model has no chat template, so it wasn't tuned to follow instructions",
                where=str(tokenizer.name_or_path),
                mend="Choose an instruction-tuned model, often named '-Instruct' or '-it'.",
            )
        added = tokenizer.added_tokens_decoder.values()
        special = {str(token) for token in added if token.special} | {*tokenizer.all_special_tokens}
        self._special = sorted(special, key=lambda token: (-len(token), token))
        environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=False,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701 - the result is a prompt, not a page
        )
        system, self._user = (environment.from_string(templates[name]) for name in TEMPLATES)
        self._system = system.render(
            instruction=self._defused(instruction) if instruction else None,
            labels=[self._defused(label) for label in labels],
        ).strip()
        self._holds_system = self._takes_system_message()
        self._cut, self._tail, self.label_ids = self._labels_after_prompts()

    def prompt_ids(self, text: str, shots: Sequence[Shot] = ()) -> list[int]:
        """Return the token ids of the whole prompt for one text.

        Args:
            text: the row's input.
            shots: examples to show, the last stands next to the text.
        """
        ids = self._ids(self.rendered(text, shots))
        if self._cut == 0:
            return ids
        if ids[-self._cut :] != self._tail:
            raise ModelError(
                "the chat template ends its prompts differently for different texts",
                where=str(self.tokenizer.name_or_path),
            )
        return ids[: -self._cut]

    def rendered(self, text: str, shots: Sequence[Shot] = ()) -> str:
        """Return the prompt for one text as the model's template writes it."""
        return self._render(self._messages(text, shots), answer_follows=True)

    def shared_ids(self, shots: int) -> list[int]:
        """Return the tokens that all prompts with so many shots begin with."""
        prompts = [self.prompt_ids(probe, [Shot(probe, probe)] * shots) for probe in PROBES]
        return common_beginning(prompts)

    def _messages(self, text: str, shots: Sequence[Shot]) -> list[dict[str, str]]:
        turns = [
            {"role": role, "content": content}
            for shot in shots
            for role, content in (
                ("user", self._asked(shot.text)),
                ("assistant", self._defused(shot.label)),
            )
        ] + [{"role": "user", "content": self._asked(text)}]
        if self._holds_system:
            return [{"role": "system", "content": self._system}, *turns]
        first = {"role": "user", "content": f"{self._system}\n\n{turns[0]['content']}"}
        return [first, *turns[1:]]

    def _asked(self, text: str) -> str:
        return self._user.render(text=self._defused(text))

    def _defused(self, text: str) -> str:
        """Return the text with a space in any special token, so that it can't end its turn."""
        for token in self._special:
            if len(token) > 1 and token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _render(self, messages: list[dict[str, str]], *, answer_follows: bool) -> str:
        try:
            rendered = self.tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=answer_follows,
                enable_thinking=False,
            )
        except jinja2.TemplateError as error:
            raise ModelError(
                f"the model's chat template refuses the conversation ({one_line(str(error), 200)})",
                where=str(self.tokenizer.name_or_path),
                mend="Choose another instruction-tuned model.",
            ) from error
        return str(rendered)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _takes_system_message(self) -> bool:
        """Whether the template writes a system message, and writes it before the first turn."""
        self._holds_system = True
        messages = self._messages(PROBES[0], [Shot(PROBES[1], ANSWER)])
        try:
            rendered: Any = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except jinja2.TemplateError:  # such as Gemma's, which has no system role
            return False
        return -1 < str(rendered).find(self._system) < str(rendered).find(PROBES[1])

    def _labels_after_prompts(self) -> tuple[int, list[int], list[list[int]]]:
        """Return how many tokens every prompt gives up to the labels, which ones, and the labels.

        None are given up where the prompt's end is a safe boundary, as after a special token.
        Otherwise (a tokenizer that joins the prompt's last characters with an answer's first) the
        boundary moves to the left, and the labels' tokens begin there.
        """
        lead, end = self._around_answers()
        end_ids = self._ids(end)
        found: list[tuple[int, list[int], list[list[int]]]] = []
        for probe in PROBES[:2]:
            prompt = self.rendered(probe)
            prompt_ids = self._ids(prompt)
            wholes = [self._ids(prompt + lead + self._defused(text) + end) for text in self.labels]
            kept = min(len(common_beginning([prompt_ids, whole])) for whole in wholes)
            for text, whole in zip(self.labels, wholes, strict=True):
                if whole[-len(end_ids) :] != end_ids or len(whole) - len(end_ids) <= kept:
                    raise DataError(
                        f"the label '{one_line(text, 80)}' is nothing to the model's tokenizer, or"
                        " runs into the end of the answer",
                        mend="Rename it.",
                    )
            beyond = len(end_ids) - self._end_of_turn(end_ids)
            labels = [whole[kept : len(whole) - beyond] for whole in wholes]
            found.append((len(prompt_ids) - kept, prompt_ids[kept:], labels))
        if found[0] != found[1]:
            raise ModelError(
                "the model's tokenizer writes a label differently after different texts",
                where=str(self.tokenizer.name_or_path),
                mend="Choose another model.",
            )
        return found[0]

    def _end_of_turn(self, end_ids: Sequence[int]) -> int:
        """Return how many tokens end an answer: up to the first special one, else one."""
        special = [self.tokenizer.decode([token]) in self._special for token in end_ids]
        return special.index(True) + 1 if any(special) else 1

    def _around_answers(self) -> tuple[str, str]:
        """Return what the template writes between a prompt and the answer, and after the answer.

        Templates that write nothing after an answer leave its end to the tokenizer's own token.
        """
        prompt = self.rendered(PROBES[0])
        answered = self._render(
            [*self._messages(PROBES[0], ()), {"role": "assistant", "content": ANSWER}],
            answer_follows=False,
        )
        before, found, after = answered.rpartition(ANSWER)
        if not found:
            raise ModelError(
                "the model's chat template doesn't write down answers",
                where=str(self.tokenizer.name_or_path),
                mend="Choose another instruction-tuned model.",
            )
        lead = before[len(prompt) :] if before.startswith(prompt) else ""
        end = after if after.strip() else str(self.tokenizer.eos_token or "")
        if not end:
            raise ModelError(
                "neither the model's chat template nor its tokenizer says how an answer ends",
                where=str(self.tokenizer.name_or_path),
                mend="Choose another instruction-tuned model.",
            )
        return lead, end


def common_beginning(sequences: Sequence[Sequence[int]]) -> list[int]:
    """Return the longest beginning that all sequences have."""
    shortest = min(sequences, key=len)
    for place, token in enumerate(shortest):
        if any(sequence[place] != token for sequence in sequences):
            return list(shortest[:place])
    return list(shortest)
