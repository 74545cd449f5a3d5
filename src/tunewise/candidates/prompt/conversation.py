"""A row becomes token ids through the model's own chat template, and so do the labels.

Given a tokenizer, the instruction and the labels' texts, gives back prompts, the part that all of
them share, and each label's tokens with the end of turn. A prompt's tokens are those of the whole
rendered text in one piece; where the shared part ends is read off them, so that no boundary can
change a token. Knows nothing of weights, scores or which shots are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunewise.candidates.prompt.label_tokens import labels_after
from tunewise.errors import ModelError
from tunewise.records import Message
from tunewise.rendering.chat import PROBES, Chat, common_beginning
from tunewise.rendering.wording import system_text, user_text, with_passages

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Shot:
    """A training example as it is shown: its text and its label's text."""

    text: str
    label: str


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
        self.chat = Chat(tokenizer)
        if not self.chat.end:
            raise ModelError(
                "neither the model's chat template nor its tokenizer says how an answer ends",
                where=self.chat.place,
                mend="Choose another instruction-tuned model.",
            )
        self.labels = tuple(labels)
        self._templates = templates
        self._system = system_text(templates, instruction, labels)
        probes = [self.rendered(probe) for probe in PROBES[:2]]
        self._tokens = labels_after(self.chat, probes, self.labels, lead=self.chat.lead)
        self.label_ids = self._tokens.ids

    def prompt_ids(
        self, text: str, shots: Sequence[Shot] = (), passages: Sequence[str] = ()
    ) -> list[int]:
        """Return the token ids of the whole prompt for one text.

        Args:
            text: the row's input.
            shots: examples to show, the last stands next to the text.
            passages: to show with the text, the best first.
        """
        return self._tokens.before(self.chat.ids([self.rendered(text, shots, passages)])[0])

    def rendered(self, text: str, shots: Sequence[Shot] = (), passages: Sequence[str] = ()) -> str:
        """Return the prompt for one text as the model's template writes it."""
        return self.chat.render(self.messages(text, shots, passages), answer_follows=True)

    def shared_ids(self, shots: int) -> list[int]:
        """Return the tokens that all prompts with so many shots begin with."""
        prompts = [self.prompt_ids(probe, [Shot(probe, probe)] * shots) for probe in PROBES]
        return common_beginning(prompts)

    def messages(
        self, text: str, shots: Sequence[Shot] = (), passages: Sequence[str] = ()
    ) -> list[Message]:
        """Return the turns of a prompt; the system's words stand before all shots, being shared."""
        turns = [
            message
            for shot in shots
            for message in (
                Message("user", self._asked(shot.text)),
                Message("assistant", shot.label),
            )
        ] + [Message("user", with_passages(self._templates, self._asked(text), passages))]
        if self.chat.system == "first":
            return [Message("system", self._system), *turns]
        return [Message("user", f"{self._system}\n\n{turns[0].content}"), *turns[1:]]

    def _asked(self, text: str) -> str:
        return user_text(self._templates, text)
