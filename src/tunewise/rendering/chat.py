"""A tokenizer and its chat template: messages in, the text a model reads out, and its tokens.

Finds out once, by rendering a few made-up conversations, what the template does: whether it has
a place for a system message, what it writes between a prompt and an answer, and how an answer
ends. Knows nothing of tasks, labels or what is supervised.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Literal, TypeVar

import jinja2

from tunewise.errors import ModelError, one_line
from tunewise.records import Message
from tunewise.rendering.control import control_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")

PROBES = ("Where is it?", "0 of 3 came, why", "ça marche: oui")  # unlike from the first character
ANSWER = "Placeholder"  # stands where an answer will, to see what a template puts around it
SYSTEM = "Sort these."

# Some templates (Llama 3, Mistral) write the day into their system message. Rows that change
# overnight can't be trained on twice, so all are written on the day Llama's own falls back to.
TODAY = datetime.date(2024, 7, 26)
ASKS_THE_DAY = re.compile(r"""strftime_now\(\s*(["'])([^"']*)\1\s*\)""")


class Chat:
    """What a model's chat template makes of messages.

    Args:
        tokenizer: with a chat template.

    Attributes:
        control: the tokens that are kept out of the users' words.
        system: where the template puts a system message: before the first turn, elsewhere (such
            as before the last question), or nowhere, where it drops or refuses one.
        lead: what it writes between a prompt and the answer, which the model has to write too.
        tail: what it writes after the last answer.
        writes_end: whether it closes an answer with a control token.
        end: what ends an answer: `tail` up to that token, or the tokenizer's own end token where
            the template writes none; empty where there is neither.
        end_token: the last token of `end`.
        marks_answers: whether the template has {% generation %} blocks.
        source: of the template, the day written into it.

    Raises:
        ModelError: no chat template, or one that can't hold a question and an answer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        if not tokenizer.chat_template:
            raise ModelError(
                "the model has no chat template, so it wasn't tuned to follow instructions",
                where=self.place,
                mend="Choose an instruction-tuned model, often named '-Instruct' or '-it'.",
            )
        self.source = ASKS_THE_DAY.sub(
            lambda asked: f"'{TODAY.strftime(asked[2])}'", str(tokenizer.get_chat_template())
        )
        self.marks_answers = re.search(r"{%-?\s*generation\s*-?%}", self.source) is not None
        self.control = control_tokens(tokenizer, self.source, "")
        self.system: Literal["first", "elsewhere", "nowhere"] = "first"
        self.system = self._system_place()
        question = [Message("system", SYSTEM), Message("user", PROBES[0])]
        self.lead, self.tail = self._around_answer(question)
        around = self.render(question, answer_follows=False) + self.tail
        self.control = control_tokens(tokenizer, self.source, around)
        closing = self._closing_tokens()
        self.writes_end = bool(closing)
        self.end_token = closing[-1] if closing else str(tokenizer.eos_token or "")
        self.end = self.end_token
        if closing:
            white = len(self.tail) - len(self.tail.lstrip())
            self.end = self.tail[:white] + "".join(closing)

    @property
    def place(self) -> str:
        """Where the tokenizer came from, for errors."""
        return str(self.tokenizer.name_or_path)

    @property
    def end_id(self) -> int | None:
        """The id of the token that ends an answer."""
        if not self.end_token:
            return None
        return int(self.tokenizer.convert_tokens_to_ids(self.end_token))

    def render(
        self, messages: Sequence[Message], *, answer_follows: bool, thinking: bool = False
    ) -> str:
        """Return the text that the template makes of messages, control tokens in them defused.

        Args:
            messages: a system message that the template has no place for is put before the first
                question.
            answer_follows: whether the model is to write next; its header then stands at the end.
            thinking: whether a template that can ask for reasoning does so.

        Raises:
            ModelError: the template refuses the conversation.
        """
        try:
            rendered = self.tokenizer.apply_chat_template(
                self.spoken(messages),
                chat_template=self.source,
                tokenize=False,
                add_generation_prompt=answer_follows,
                enable_thinking=thinking,
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise ModelError(
                f"the model's chat template refuses the conversation ({one_line(str(error), 200)})",
                where=self.place,
                mend="Choose another instruction-tuned model.",
            ) from error
        return str(rendered)

    def spoken(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        """Return messages as the template takes them: defused, the system's in a place it has."""
        said = [
            {"role": m.role, "content": self.defused(m.content, answer=m.role == "assistant")}
            for m in messages
        ]
        if self.system != "nowhere" or [turn["role"] for turn in said[:2]] != ["system", "user"]:
            return said
        system, first, *rest = said
        return [first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest]

    def defused(self, text: str, *, answer: bool) -> str:
        """Return a text without control tokens; see Control.defused."""
        return self.control.defused(text, answer=answer)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of rendered texts, each in one piece."""
        if not texts:
            return []
        found: list[list[int]] = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return found

    def answer_marks(self, messages: Sequence[Message], *, thinking: bool = False) -> list[int]:
        """Return which tokens of a conversation stand in {% generation %} blocks, [tokens]."""
        found: list[int] = self.tokenizer.apply_chat_template(
            self.spoken(messages),
            chat_template=self.source,
            return_dict=True,
            return_assistant_tokens_mask=True,
            enable_thinking=thinking,
        )["assistant_masks"]
        return found

    def _closing_tokens(self) -> list[str]:
        """Return the control tokens that close an answer, if the template writes any.

        That is the one after the answer; where others follow it at once and the tokenizer's own
        end token is one of them, all up to that, since only there the model stops.
        """
        rest, run = self.tail.lstrip(), list[str]()
        while (token := self.control.first_in(rest)) and rest.startswith(token):
            run.append(token)
            rest = rest.removeprefix(token)
        eos = str(self.tokenizer.eos_token)
        return run[: run.index(eos) + 1] if eos in run else run[:1]

    def _system_place(self) -> Literal["first", "elsewhere", "nowhere"]:
        question, again = Message("user", PROBES[0]), Message("user", PROBES[1])
        turns = [Message("system", SYSTEM), question, Message("assistant", ANSWER), again]
        try:
            rendered = self.render(turns, answer_follows=True)
        except ModelError:  # such as Gemma's, which has no system role
            return "nowhere"
        place = rendered.find(SYSTEM)
        if place < 0:
            return "nowhere"
        return "first" if place < rendered.find(PROBES[0]) else "elsewhere"

    def _around_answer(self, question: list[Message]) -> tuple[str, str]:
        """Return what the template writes between a prompt and the answer, and after the answer."""
        prompt = self.render(question, answer_follows=True)
        answered = self.render([*question, Message("assistant", ANSWER)], answer_follows=False)
        before, found, after = answered.rpartition(ANSWER)
        if not found:
            raise ModelError(
                "the model's chat template doesn't write down answers",
                where=self.place,
                mend="Choose another instruction-tuned model.",
            )
        return before[len(prompt) :] if before.startswith(prompt) else "", after


def chat_to_train(tokenizer: PreTrainedTokenizerBase) -> Chat:
    """Return the chat of a model that is trained; one without a template is given the plain one.

    The tokenizer keeps it, so that save_pretrained writes it beside the weights.
    """
    if not tokenizer.chat_template:
        tokenizer.chat_template = plain_template(tokenizer)
    return Chat(tokenizer)


def plain_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the template for models without one, begun by the token that the tokenizer adds."""
    file = resources.files(__package__) / "templates" / "plain.jinja"
    begins = "{{- bos_token -}}\n" if _adds_bos(tokenizer) else ""
    return begins + file.read_text(encoding="utf-8")


def _adds_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    ids = tokenizer(PROBES[0])["input_ids"]
    return tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]


def common_beginning(sequences: Sequence[Sequence[T]]) -> list[T]:
    """Return the longest beginning that all sequences have."""
    shortest = min(sequences, key=len)
    for place, token in enumerate(shortest):
        if any(sequence[place] != token for sequence in sequences):
            return list(shortest[:place])
    return list(shortest)
