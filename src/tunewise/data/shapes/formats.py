"""One function for each format: the cells of a row in, what it says out.

A row that is only to be answered (`answered` is False) needs no answer, and everything in it is
input. Where a row lacks something, Unusable says what. Knows nothing of files or of how a format
is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tunewise.data.shapes.said import Cells, Said
from tunewise.data.shapes.turns import REWRITE, Style, Unusable, last_answer, plain_text, style_of
from tunewise.records import Message
from tunewise.task.settings import Format

Reader = Callable[[Cells, bool], Said]


@dataclass(frozen=True, slots=True)
class Spec:
    """A format.

    Attributes:
        parts: name to the columns that may hold it, the usual one first.
        needed: parts without which a file isn't of this format.
        input, target: the parts that are shown as such.
        answer: parts that rows which are only to be answered don't have.
        words: what each row has, for the reason of the choice.
        read: the cells of a row -> what it says.
    """

    parts: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    input: str
    target: str
    words: str
    read: Reader
    answer: tuple[str, ...] = ()


def conversation(turns: list[Message], answered: bool, column: str) -> Said:
    """Return what a conversation says: its last answer is the target, all before it the input."""
    if not answered:
        asked = turns[:-1] if turns[-1].role == "assistant" else turns
        return Said(plain_text(asked), None, tuple(asked))
    last = last_answer(turns)
    if last is None:
        raise Unusable(
            f"no turn of the assistant in column '{column}'",
            "Write the answer as a last turn of the assistant, or delete the row.",
        )
    if last == 0:
        raise Unusable(f"nothing before the answer in column '{column}'", REWRITE)
    used = turns[: last + 1]
    return Said(
        plain_text(used[:-1]), used[-1].content, tuple(used), unanswered=len(turns) - len(used)
    )


def _chat(style: Style) -> Reader:
    def read(cells: Cells, answered: bool) -> Said:
        found = cells.style("turns")
        if found not in (style, None):
            raise Unusable(
                f"turns of the format '{found}' in column '{cells.columns['turns']}'",
                f"Write them as in the other rows ({style}).",
            )
        turns = [*_system(cells), *cells.turns("turns", style)]
        return conversation(turns, answered, cells.columns["turns"])

    return read


def _system(cells: Cells) -> list[Message]:
    text = cells.text("system")
    return [Message("system", text)] if text else []


def _alpaca(cells: Cells, answered: bool) -> Said:
    asked = "\n\n".join(text for part in ("instruction", "input") if (text := cells.text(part)))
    if not asked:
        cells.needed("instruction")
    turns = [*_system(cells), *_history(cells), Message("user", asked)]
    if answered:
        turns.append(Message("assistant", cells.needed("output")))
    return conversation(turns, answered, cells.columns.get("output", "output"))


def _history(cells: Cells) -> list[Message]:
    """Return the turns that LLaMA-Factory's `history` holds: a list of [question, answer]."""
    pairs = cells.values.get("history")
    if pairs is None or pairs in ("", []):
        return []
    turns: list[Message] = []
    for pair in pairs if isinstance(pairs, list | tuple) else [pairs]:
        if not (isinstance(pair, list | tuple) and [type(text) for text in pair] == [str, str]):
            raise Unusable(
                f"no list of [question, answer] in column '{cells.columns['history']}'", REWRITE
            )
        turns += [Message("user", pair[0]), Message("assistant", pair[1])]
    return turns


def _prompted(cells: Cells, answered: bool, answer: str) -> Said:
    """Return what a prompt and the answer in the part `answer` say, each a text or turns."""
    system, style = _system(cells), cells.style("prompt")
    if not answered:
        turns = cells.turns("prompt", style) if style else []
        turns = turns or [Message("user", cells.needed("prompt"))]
        return conversation([*system, *turns], answered, cells.columns["prompt"])
    replied = cells.style(answer)
    if not (style or replied or system):
        return Said(cells.needed("prompt"), cells.needed(answer))
    reply = (
        cells.turns(answer, replied) if replied else [Message("assistant", cells.needed(answer))]
    )
    if reply[0].role != "assistant":  # the whole conversation, the prompt included
        return conversation([*system, *reply], answered, cells.columns[answer])
    turns = cells.turns("prompt", style) if style else [Message("user", cells.needed("prompt"))]
    return conversation([*system, *turns, *reply], answered, cells.columns[answer])


def _completion(cells: Cells, answered: bool) -> Said:
    return _prompted(cells, answered, "completion")


def _preference(cells: Cells, answered: bool) -> Said:
    if "prompt" not in cells.values and not style_of(cells.values.get("chosen")):
        raise Unusable(
            "no prompt", "Add a column 'prompt', or write 'chosen' and 'rejected' as turns."
        )
    chosen = _prompted(cells, answered, "chosen")
    if not answered:
        return chosen
    rejected = _prompted(cells, answered, "rejected")
    if rejected.input != chosen.input:
        raise Unusable(
            f"different turns before the answer in '{cells.columns['chosen']}' and"
            f" '{cells.columns['rejected']}'",
            "Both must answer the same; delete the row.",
        )
    return replace(chosen, rejected=rejected.target)


def _kto(cells: Cells, answered: bool) -> Said:
    said = _prompted(cells, answered, "completion")
    if not answered:
        return said
    label = truth(cells.values.get("label"))
    if label is None:
        raise Unusable(
            f"neither true nor false in column '{cells.columns['label']}'",
            "Write true where the completion was liked, else false.",
        )
    return replace(said, desirable=label)


def truth(value: object) -> bool | None:
    """Return the truth value that a cell holds; None where it is anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


TURNS = ("messages", "conversations", "conversation", "chat", "turns", "dialogue", "dialog")
PROMPT = ("prompt", "question", "instruction", "input", "query")
NOT_BUILT = "preference tuning isn't built yet, so the target is"

SPECS: dict[Format, Spec] = {
    "messages": Spec(
        {"turns": TURNS, "system": ("system",)},
        ("turns",),
        *("turns", "turns"),
        "a list of turns with 'role' and 'content'",
        _chat("messages"),
    ),
    "sharegpt": Spec(
        {"turns": ("conversations", *TURNS), "system": ("system",)},
        ("turns",),
        *("turns", "turns"),
        "a list of turns with 'from' and 'value'",
        _chat("sharegpt"),
    ),
    "preference": Spec(
        {"prompt": PROMPT, "system": ("system",), "chosen": ("chosen",), "rejected": ("rejected",)},
        ("chosen", "rejected"),
        *("prompt", "chosen"),
        f"an answer that was liked more and one that was liked less; {NOT_BUILT} 'chosen'",
        _preference,
        ("chosen", "rejected"),
    ),
    "kto": Spec(
        {"prompt": PROMPT, "completion": ("completion", "response"), "label": ("label",)},
        ("prompt", "completion", "label"),
        *("prompt", "completion"),
        f"a completion and whether it was liked; {NOT_BUILT} 'completion', liked or not",
        _kto,
        ("completion", "label"),
    ),
    "alpaca": Spec(
        {
            "instruction": ("instruction",),
            "input": ("input", "context"),
            "output": ("output", "response"),
            "system": ("system",),
            "history": ("history",),
        },
        ("instruction", "output"),
        *("instruction", "output"),
        "an instruction, what it is about, and the answer",
        _alpaca,
        ("output",),
    ),
    "prompt-completion": Spec(
        {"prompt": PROMPT, "completion": ("completion", "response"), "system": ("system",)},
        ("prompt", "completion"),
        *("prompt", "completion"),
        "a prompt and its completion",
        _completion,
        ("completion",),
    ),
}
