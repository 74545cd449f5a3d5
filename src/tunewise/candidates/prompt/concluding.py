"""From a model's thoughts to its answer, on this machine: each reply is carried on after 'Answer:'.

Given asks and what the model replied, scores all labels there, or writes the text there. So every
reply comes to an answer, whether the thoughts were cut off or led nowhere, as in the second step of
zero-shot chain of thought (Kojima et al. 2022). Knows nothing of how asks came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tunewise.candidates.prompt.label_tokens import LabelTokens, labels_after
from tunewise.candidates.prompt.reading import TAGS, answer_line, apart, before_answer
from tunewise.candidates.writing import AnswerWriter
from tunewise.engines.asks import Ask, LabelLogps, Reply
from tunewise.engines.attention import takes_masks
from tunewise.engines.label_scoring import LabelScorer
from tunewise.progress import Progress
from tunewise.rendering.chat import PROBES, Chat, common_beginning

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CUE = "Answer:"
MARGIN = 8  # tokens by which thoughts are cut too short, as those around a cut may be others then


class Concluder:
    """Brings thoughts to an answer.

    Args:
        model: a causal language model, in evaluation mode.
        answers: that writes with it.

    Attributes:
        scores_labels: whether labels can be scored; a model with layers that take no mask of ours,
            or whose answers have no end, can only write.
    """

    def __init__(self, model: PreTrainedModel, answers: AnswerWriter) -> None:
        self._model, self._answers = model, answers
        self._chat: Chat = answers.chat
        self.scores_labels = takes_masks(model) and bool(self._chat.end)
        self._proved = False

    def label_logps(
        self,
        asks: Sequence[Ask],
        replies: Sequence[Reply],
        labels: Sequence[str],
        progress: Progress,
    ) -> LabelLogps:
        """Return how probable each label is after the thoughts of each reply.

        Args:
            asks: what was asked.
            replies: what the model wrote after each.
            labels: as they are written.
            progress: gets a bar of rows.

        Raises:
            DataError: the labels can't be told apart, or a prompt fills the model's window.
            ModelError: labels scored together aren't what they are one by one.
        """
        begins = [_answer_next(probe, probe) for probe in PROBES[:2]]
        tokens = labels_after(self._chat, begins, labels, lead=" ")
        lengths = np.array([len(label) for label in tokens.ids])
        prompts = self._prompts(asks, replies, tokens, int(lengths.max()))
        shared = common_beginning(prompts) if len(prompts) > 1 else []
        scorer = LabelScorer(self._model, tokens.ids, shared)
        if not self._proved and prompts:
            scorer.prove(prompts[0])
            self._proved = True
        places = [ask.place for ask in asks]
        scores = scorer.scores(prompts, names=places, progress=progress, title="Scoring labels")
        return LabelLogps(scores, lengths)

    def concluded(
        self, asks: Sequence[Ask], replies: Sequence[Reply], most: int, progress: Progress
    ) -> list[Reply]:
        """Return the replies, with an answer written after those that have come to none.

        Args:
            asks: what was asked.
            replies: what the model wrote after each.
            most: tokens of an answer at most.
            progress: gets a bar of rows.
        """
        open_ended = [n for n, r in enumerate(replies) if answer_line(apart(r)[1]) is None]
        found = list(replies)
        if not open_ended:
            return found
        some, said = [asks[n] for n in open_ended], [replies[n] for n in open_ended]
        written = self._answers.writer.write(
            self._prompts(some, said, None, most),
            most,
            progress,
            [ask.place for ask in some],
            title="Writing answers after thoughts",
        )
        for number, reply, answer in zip(open_ended, said, written, strict=True):
            thoughts = _answer_next("", reply.text)
            found[number] = replace(
                reply,
                text=f"{thoughts} {self._answers.text(answer.ids)}",
                ended=answer.ended,
                completion_tokens=(reply.completion_tokens or 0) + len(answer.ids) + answer.ended,
            )
        return found

    def _prompts(
        self,
        asks: Sequence[Ask],
        replies: Sequence[Reply],
        labels: LabelTokens | None,
        room: int,
    ) -> list[list[int]]:
        """Return the tokens up to each answer; thoughts that leave it no room are cut short."""
        found = []
        most = self._answers.writer.most_tokens
        for ask, reply in zip(asks, replies, strict=True):
            prompt = self._chat.render(ask.messages, answer_follows=True) + self._chat.lead
            thoughts = self._chat.defused(reply.text, answer=True)
            ids = self._chat.ids([_answer_next(prompt, thoughts)])[0]
            if most is not None and (over := len(ids) + room - most) > 0:
                kept = self._chat.ids([before_answer(thoughts)])[0][: -over - MARGIN]
                shorter = self._chat.tokenizer.decode(kept)
                ids = self._chat.ids([_answer_next(prompt, str(shorter))])[0]
            found.append(labels.before(ids) if labels else ids)
        return found


def _answer_next(prompt: str, reply: str) -> str:
    """Return a prompt and the thoughts of a reply, up to where the answer stands."""
    thoughts = before_answer(reply).strip()
    for opens, closes in TAGS:
        within = thoughts.rfind(opens) > thoughts.rfind(closes)
        if within or (prompt.rstrip().endswith(opens) and closes not in thoughts):
            thoughts = f"{thoughts}\n{closes}"
    return f"{prompt}{thoughts}\n\n{CUE}" if thoughts else f"{prompt}{CUE}"
