"""The tokens of labels that follow a text, each with what ends the answer.

Given the tokenizer and a few texts of the kind that labels follow, gives back each label's tokens.
Knows nothing of prompts, weights or scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewise.errors import DataError, ModelError, one_line
from tunewise.rendering.chat import Chat, common_beginning


@dataclass(frozen=True)
class LabelTokens:
    """Labels as tokens.

    Attributes:
        ids: of each label, the end of the answer last.
        tail: that every text before them gives up. There is none where the text's end is a safe
            boundary, as after a special token. Otherwise (a tokenizer that joins its last
            characters with an answer's first) the labels' tokens begin so much earlier.
        place: of the tokenizer, for errors.
    """

    ids: list[list[int]]
    tail: list[int]
    place: str

    def before(self, text_ids: list[int]) -> list[int]:
        """Return a text's tokens up to where the labels' begin.

        Raises:
            ModelError: it doesn't end as the texts that the labels were tried after.
        """
        cut = len(self.tail)
        if cut == 0:
            return text_ids
        if text_ids[-cut:] != self.tail:
            raise ModelError(
                "the chat template ends its prompts differently for different texts",
                where=self.place,
            )
        return text_ids[:-cut]


def labels_after(
    chat: Chat, texts: Sequence[str], labels: Sequence[str], *, lead: str
) -> LabelTokens:
    """Return the tokens of labels after any text that ends as these do.

    Args:
        chat: of the model; says what ends an answer.
        texts: rendered, at least one.
        labels: as they are written.
        lead: what stands between a text and a label.

    Raises:
        DataError: a label that the tokenizer can't write.
        ModelError: it writes one differently after different texts.
    """
    end_ids = chat.ids([chat.end])[0]
    defused = [chat.defused(label, answer=True) for label in labels]
    found: list[LabelTokens] = []
    for text in texts:
        text_ids = chat.ids([text])[0]
        wholes = chat.ids([text + lead + label + chat.end for label in defused])
        kept = min(len(common_beginning([text_ids, whole])) for whole in wholes)
        for label, whole in zip(labels, wholes, strict=True):
            if whole[-len(end_ids) :] != end_ids or len(whole) - len(end_ids) <= kept:
                raise DataError(
                    f"the label '{one_line(label, 80)}' is nothing to the model's tokenizer, or"
                    " runs into the end of the answer",
                    mend="Rename it.",
                )
        found.append(LabelTokens([w[kept:] for w in wholes], text_ids[kept:], chat.place))
    if any(other != found[0] for other in found):
        raise ModelError(
            "the model's tokenizer writes a label differently after different texts",
            where=chat.place,
            mend="Choose another model.",
        )
    return found[0]
