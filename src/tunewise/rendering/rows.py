"""Examples -> rows to train on: token ids, and which of them are supervised.

The ids are those of the whole rendered conversation, tokenised in one piece; where an answer
begins is read off by comparing them with the ids of its prompt alone, which is what the model is
given when it is to answer. An answer ends with its end token, which is always supervised. Knows
nothing of how long a row may be or how it is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from tunewise.errors import ModelError
from tunewise.progress import Progress, showing
from tunewise.records import Example, Message
from tunewise.rendering.chat import ANSWER, Chat, common_beginning
from tunewise.rendering.faults import Fault, FaultName
from tunewise.rendering.wording import Wording

TrainOn = Literal["all", "last"]
TRAIN_ON: TrainOn = "all"  # every answer of a conversation is an example; see docs/rendering.md
CHUNK = 256  # examples tokenised together
OPENING = 16  # characters of a prompt that may be the answer's first, such as '<think>\n'


@dataclass(frozen=True, eq=False, slots=True)
class Rendered:
    """What a model reads of an example, and what it learns from it.

    Attributes:
        id: of the example.
        row: 'file:row'.
        text: the rendered conversation.
        ids: its tokens, [tokens].
        supervised: which of them count in the loss, [tokens].
        answers: assistant turns that are supervised.
        faults: what is wrong with it, whatever its length.
    """

    id: str
    row: str
    text: str
    ids: np.ndarray[Any, np.dtype[np.int32]]
    supervised: np.ndarray[Any, np.dtype[np.bool_]]
    answers: int
    faults: tuple[Fault, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the first supervised one; all where none is."""
        return int(self.supervised.argmax()) if self.supervised.any() else len(self.ids)

    @property
    def answer_tokens(self) -> int:
        """Supervised tokens, ends of answers included."""
        return int(self.supervised.sum())

    @property
    def needed(self) -> int:
        """Tokens up to the last supervised one; what comes after it teaches nothing."""
        places = np.flatnonzero(self.supervised)
        return int(places[-1]) + 1 if len(places) else 0

    def cut(self, tokens: int) -> Rendered:
        """Return the row without what comes after so many tokens."""
        return replace(self, ids=self.ids[:tokens], supervised=self.supervised[:tokens])


@dataclass
class _Draft:
    """A conversation up to one of its answers, as text.

    Attributes:
        messages: of it, the answer last.
        text: all that the template writes, an end token added where it writes none.
        closed: of the text, the part up to the answer's end token.
        prompts: what stands before each answer that is supervised.
        thinking: whether the template was asked for reasoning.
    """

    messages: Sequence[Message]
    text: str
    closed: str
    prompts: list[str]
    thinking: bool = False
    faults: list[Fault] = field(default_factory=list)


class Renderer:
    """Renders the examples of a task for one model.

    Args:
        chat: of the model.
        wording: of the task.
        train_on: in conversations, 'all' answers or the 'last' one.
    """

    def __init__(self, chat: Chat, wording: Wording, train_on: TrainOn = TRAIN_ON) -> None:
        self.chat, self.wording, self.train_on = chat, wording, train_on
        self._usual_control: dict[object, int] = {}

    def rendered(self, examples: Sequence[Example], progress: Progress) -> list[Rendered]:
        """Return the rows of examples, in their order.

        An example is one row, but for a conversation whose template writes earlier answers
        otherwise than the last: then each answer has a row of its own, which ends with it, so
        that the model is trained on just what it reads when it gives that answer.
        """
        rows: list[Rendered] = []
        with showing(progress, "Rendering", len(examples)) as bar:
            for start in range(0, len(examples), CHUNK):
                some = examples[start : start + CHUNK]
                rows += self._tokenised(some)
                bar.advance(len(some))
        return rows

    def _tokenised(self, examples: Sequence[Example]) -> Iterator[Rendered]:
        drafts = [(example, draft) for example in examples for draft in self._drafts(example)]
        texts = [text for _, draft in drafts for text in (draft.text, *draft.prompts)]
        ids = iter(self.chat.ids(texts))
        for example, draft in drafts:
            whole = np.array(next(ids), dtype=np.int32)
            prompts = [np.array(next(ids), dtype=np.int32) for _ in draft.prompts]
            yield self._row(example, draft, whole, prompts)

    def _row(
        self, example: Example, draft: _Draft, ids: np.ndarray, prompts: list[np.ndarray]
    ) -> Rendered:
        spans = [self._span(ids, prompt) for prompt in prompts]
        supervised = np.zeros(len(ids), dtype=bool)
        for start, end in spans:
            supervised[start:end] = True
        faults = list(draft.faults)
        place = _place(example)
        if any(ids[end - 1] != self.chat.end_id for _, end in spans):
            faults.append(Fault("no-end-token", place, "the answer has no end token to learn"))
        if prompts and self._control_count(ids) != self._usual(draft):
            faults.append(
                Fault("control-token", place, "one of its texts is read as a control token")
            )
        if self.chat.marks_answers and self._marked_otherwise(draft, spans):
            faults.append(
                Fault("other-marks", place, "the template marks less of the answer than there is")
            )
        if example.desirable is False:
            faults.append(Fault("disliked-answer", place, "its answer is marked as not liked"))
        return Rendered(example.id, place, draft.text, ids, supervised, len(prompts), tuple(faults))

    def _span(self, ids: np.ndarray, prompt: np.ndarray) -> tuple[int, int]:
        """Return where an answer begins and where it ends, its end token included."""
        start = _common(prompt, ids)
        ends = np.flatnonzero(ids[start:] == self.chat.end_id)
        return start, start + int(ends[0]) + 1 if len(ends) else len(ids)

    def _drafts(self, example: Example) -> list[_Draft]:
        """Return the example's conversations as texts; answers that can share one do."""
        messages, place = self.wording.messages(example), _place(example)
        answers = [
            n
            for n, message in enumerate(messages)
            if message.role == "assistant" and any(m.role == "user" for m in messages[:n])
        ]
        if not answers:
            return [_empty(Fault("nothing-supervised", place, "it has no answer"))]
        found: list[_Draft] = []
        for last in reversed(answers if self.train_on == "all" else answers[-1:]):
            draft = self._answered(messages[: last + 1], place)
            host = next(
                (d for d in found if draft.closed and d.text.startswith(draft.closed)), None
            )
            if host is None:
                found.append(draft)
            else:
                host.prompts = [*draft.prompts, *host.prompts]
                host.faults += draft.faults
        return found[::-1]

    def _answered(self, messages: Sequence[Message], place: str) -> _Draft:
        """Return the text of a conversation that ends with an answer, and the answer's prompt."""
        try:
            prompt, text, thinking = self._prompt_and_text(messages)
        except ModelError as refusal:
            return _empty(Fault("refused-by-template", place, refusal.what))
        follows = text.startswith(prompt)
        start = len(prompt if follows else common_beginning([prompt, text]))
        closed, text = self._closed(text, start)
        faults: list[Fault] = []

        def add(name: FaultName, reason: str) -> None:
            faults.append(Fault(name, place, reason))

        answer = messages[-1].content
        if not follows:
            add("other-prompt", "the template writes the answer after another prompt than it asks")
        if not answer.strip():
            add("nothing-supervised", "its answer is empty")
        if tokens := self.chat.control.inside(answer, answer=True):
            add("control-token", f"its answer has the model's control token {tokens[0]}")
        said = _bare(self.chat.defused(answer, answer=True))
        opened = _bare(closed[max(0, start - OPENING) : start])
        if said and not _writes(opened, _bare(closed[start:]), said):
            add("rewritten-answer", "the template doesn't write the answer as it is")
        return _Draft(messages, text, closed, [prompt], thinking, faults)

    def _prompt_and_text(self, messages: Sequence[Message]) -> tuple[str, str, bool]:
        """Return prompt and whole text, in the way of asking whose prompt the text begins with.

        A template for reasoning models puts an empty thought into prompts that ask for none; an
        answer that has its reasoning before it belongs to a prompt that asks for it.
        """
        ways = []
        for thinking in (False, True):
            prompt = self.chat.render(messages[:-1], answer_follows=True, thinking=thinking)
            text = self.chat.render(messages, answer_follows=False, thinking=thinking)
            if text.startswith(prompt):
                return prompt, text, thinking
            ways.append((prompt, text, thinking))
        return ways[0]

    def _closed(self, text: str, start: int) -> tuple[str, str]:
        """Return the text up to the end of its last answer, and the whole with that end in it."""
        chat = self.chat
        if not chat.writes_end:
            text = text.removesuffix(chat.tail) + chat.end
            return text, text
        end = text.find(chat.end_token, start)
        return (text[: end + len(chat.end_token)], text) if end >= 0 else (text, text)

    def _control_count(self, ids: np.ndarray) -> int:
        return int(np.isin(ids, list(self.chat.control.special_ids)).sum())

    def _usual(self, draft: _Draft) -> int:
        """Return how many control tokens a conversation of this shape has, whatever is said."""
        shape = (draft.thinking, *((m.role, bool(m.content.strip())) for m in draft.messages))
        if shape not in self._usual_control:
            said = [replace(m, content=ANSWER if m.content.strip() else "") for m in draft.messages]
            text = self.chat.render(said, answer_follows=False, thinking=draft.thinking)
            _, text = self._closed(text, 0) if not self.chat.writes_end else ("", text)
            self._usual_control[shape] = self._control_count(np.array(self.chat.ids([text])[0]))
        return self._usual_control[shape]

    def _marked_otherwise(self, draft: _Draft, spans: Sequence[tuple[int, int]]) -> bool:
        """Whether the template's own {% generation %} blocks leave out some of an answer.

        What stands before the first marked token is the prompt's, if joined to the answer by the
        tokenizer, and the end token is learnt whether it is marked or not.
        """
        marks = self.chat.answer_marks(draft.messages, thinking=draft.thinking)
        answers = [marks[start : end - 1] for start, end in spans]
        return any(1 not in answer or 0 in answer[answer.index(1) :] for answer in answers)


def _empty(fault: Fault) -> _Draft:
    return _Draft((), "", "", [], faults=[fault])


def _common(prompt: np.ndarray, ids: np.ndarray) -> int:
    """Return how many tokens both begin with."""
    length = min(len(prompt), len(ids))
    differs = prompt[:length] != ids[:length]
    return int(differs.argmax()) if differs.any() else length


def _bare(text: str) -> str:
    """Return a text without white space, which templates trim and add."""
    return "".join(text.split())


def _writes(opened: str, written: str, answer: str) -> bool:
    """Whether an answer is written after its prompt, but for an opening mark such as '<think>'.

    Args:
        opened: the prompt's last characters, without white space, as the others are.
        written: what the template writes after the prompt.
        answer: as it should be written.
    """
    at = (opened + written).rfind(answer)
    shared = opened[at:] if at >= 0 else ""
    if at < 0 or at + len(answer) <= len(opened):
        return False
    return not shared or (shared.startswith("<") and "</" not in shared)


def _place(example: Example) -> str:
    return f"{example.source}:{example.row}"
