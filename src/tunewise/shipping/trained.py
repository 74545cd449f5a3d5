"""The trained candidate in this process: what it is asked, and what it answers.

Given a Subject of a language model, gives back per row the messages, the prompt as it was trained,
the answer and the numbers along it. Everything that is exported is held against these. Knows
nothing of formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewise.candidates.lora import FittedLora
from tunewise.progress import Progress, showing
from tunewise.records import Example, Prediction
from tunewise.shipping.asking import longest_answer, turns_of
from tunewise.shipping.runtimes import Steps, Wrote
from tunewise.shipping.runtimes.in_transformers import TransformersRuntime


@dataclass(frozen=True)
class Row:
    """A row as the trained candidate reads and answers it.

    Attributes:
        example: the row.
        messages: that it is asked with, as the template takes them.
        text: the rendered prompt.
        ids: its tokens.
        cut: how many of them an answer's tokens begin before, where the tokenizer joins both.
        answer: the candidate's own answer as tokens, its end token last where it ended.
        steps: what the model says along it.
        wrote: what it writes greedily.
        prediction: as the candidate was judged by.
    """

    example: Example
    messages: tuple[dict[str, str], ...]
    text: str
    ids: tuple[int, ...]
    cut: int
    answer: tuple[int, ...]
    steps: Steps
    wrote: Wrote
    prediction: Prediction

    @property
    def prompt(self) -> tuple[int, ...]:
        """The tokens that the answer follows."""
        return self.ids[: len(self.ids) - self.cut]


@dataclass(frozen=True)
class Trained:
    """A trained language model's rows.

    Attributes:
        rows: with their answers.
        labels: as tokens, in the task's order; empty for generation.
        names: of the labels.
        end_id: the token that ends an answer.
        end_token: the same as text.
        max_new_tokens: that an answer may have.
    """

    rows: tuple[Row, ...]
    labels: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    end_id: int
    end_token: str
    max_new_tokens: int

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with its answer."""
        return max(len(row.ids) for row in self.rows) + self.max_new_tokens + 1


def answered(fitted: FittedLora, examples: Sequence[Example], progress: Progress) -> Trained:
    """Return the rows as the trained candidate answers them."""
    runtime = TransformersRuntime(fitted.model, fitted.chat.tokenizer, fitted.ends, "training")
    most = longest_answer(fitted)
    predictions = fitted.predict(examples, progress)
    rows = []
    with showing(progress, "Asking the trained model", len(examples)) as bar:
        for example, prediction in zip(examples, predictions, strict=True):
            rows.append(_row(fitted, runtime, example, prediction, most))
            bar.advance()
    conversation = fitted.conversation
    labels = tuple(map(tuple, conversation.label_ids)) if conversation else ()
    end = fitted.chat.end_id
    assert end is not None, "a model that was tuned has an end token"
    names = fitted.setup.labels if conversation else ()
    return Trained(tuple(rows), labels, names, end, fitted.chat.end_token, most)


def _row(
    fitted: FittedLora,
    runtime: TransformersRuntime,
    example: Example,
    prediction: Prediction,
    most: int,
) -> Row:
    turns = turns_of(fitted, example)
    if fitted.conversation is not None:
        text = fitted.conversation.rendered(example.input)
        prompt = fitted.conversation.prompt_ids(example.input)
    else:
        text = fitted.chat.render(fitted.wording.prompt(example), answer_follows=True)
        prompt = fitted.chat.ids([text])[0]
    ids = fitted.chat.ids([text])[0]
    wrote = runtime.wrote(prompt, most)
    answer = wrote.ids
    if fitted.conversation is not None:
        answer = tuple(fitted.conversation.label_ids[fitted.setup.labels.index(prediction.answer)])
    return Row(
        example=example,
        messages=tuple(turns),
        text=text,
        ids=tuple(ids),
        cut=len(ids) - len(prompt),
        answer=answer,
        steps=runtime.along(prompt, answer),
        wrote=wrote,
        prediction=prediction,
    )
