"""Training rows as a provider's fine-tuning takes them, checked before a byte is sent.

Given examples and the questions that the tuned model will be asked, gives back JSONL: each line the
very messages, with the answer. Knows nothing of endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tunewise.candidates.prompt.questions import Questions
from tunewise.errors import DataError
from tunewise.records import Example

LEAST = 10  # rows that providers train on at least
MOST_BYTES = 512 * 10**6  # of a file
BYTES = 4  # of a token of English, on average; for estimates alone


def training_file(
    examples: Sequence[Example], questions: Questions, answers: dict[str, str], what: str
) -> bytes:
    """Return the rows as JSONL.

    Args:
        examples: to train on.
        questions: as the tuned model will be asked.
        answers: how each label is written; empty where answers are texts.
        what: the rows are, for errors.

    Raises:
        DataError: an answer that is empty, or a text that UTF-8 can't hold; too many bytes.
    """
    lines = []
    for example in examples:
        place = f"{example.source}:{example.row}"
        answer = answers.get(example.target, example.target)
        if not answer.strip():
            raise DataError("the row's answer is empty", where=place, mend="Fill it in.")
        ask = questions.ask(example)
        messages = [{"role": m.role, "content": m.content} for m in ask.messages]
        messages.append({"role": "assistant", "content": answer})
        try:
            lines.append(json.dumps({"messages": messages}, ensure_ascii=False).encode())
        except UnicodeEncodeError as error:
            raise DataError(
                f"the text holds half a character (U+{ord(error.object[error.start]):04X})",
                where=place,
                mend="See what `tunewise audit` says of its encoding.",
            ) from error
    data = b"\n".join(lines) + b"\n" if lines else b""
    if len(data) > MOST_BYTES:
        raise DataError(
            f"the {what} make {len(data) / 1e6:,.0f} MB, and a file may have"
            f" {MOST_BYTES / 1e6:,.0f} MB",
            mend="Take fewer with data.train_rows.",
        )
    return data


def check_enough(examples: Sequence[Example]) -> None:
    """Refuse fewer rows than providers train on."""
    if len(examples) < LEAST:
        raise DataError(
            f"there are {len(examples)} training rows, and fine-tuning takes {LEAST} at least",
            mend="Label more, or leave out the candidate 'api'.",
        )


def about_tokens(data: bytes) -> int:
    """Return about how many tokens a file has."""
    return len(data) // BYTES
