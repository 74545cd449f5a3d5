"""Which column is the input and which the target, with the reason in words.

Given a Table and what task.yaml names, gives back ColumnChoices. Names people use come first;
where no name helps, what the cells look like decides. Knows nothing of splits or labels.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tunewise.data.readers import Table
from tunewise.errors import DataError, did_you_mean
from tunewise.records import ColumnChoice
from tunewise.task.settings import Kind

# In falling order of how surely such a column is the one.
INPUT_NAMES = (
    *("text", "input", "message", "body", "content", "utterance", "question", "query", "sentence"),
    *("ticket", "comment", "review", "description", "request", "document", "email", "mail"),
    *("prompt", "dialogue", "conversation", "tweet", "post", "title", "subject"),
)
TARGET_NAMES = (
    *("label", "target", "category", "intent", "class", "topic", "tag", "sentiment", "type"),
    *("queue", "department", "team", "group", "output", "answer", "response", "completion"),
    "summary",
)
# The same for tasks whose answer is a text that is written.
WRITTEN_INPUT_NAMES = (
    *("dialogue", "dialog", "conversation", "document", "article", "source", "passage", "context"),
    *INPUT_NAMES,
    *("instruction", "transcript", "note", "code"),
)
WRITTEN_TARGET_NAMES = (
    *("target", "output", "response", "answer", "completion", "summary", "reference_summary"),
    *("highlights", "abstract", "translation", "reply", "reference", "section_text", "rewrite"),
    *("paraphrase", "simplification", "explanation", "headline", "generated", "label"),
)
NOT_A_TARGET = {"predicted", "prediction", "predictions", "pred", "id", "uid", "uuid"}

GIVEN = "task.yaml says so"
PROFILED = 20_000  # rows looked at
MOST_LABEL_WORDS = 6.0  # mean words of a column that may be labels
MOST_DISTINCT = 0.5  # share of differing values in a column that may be labels
MOST_ROWS = 0.5  # of those of the fullest column; an emptier one is hardly input or answer


@dataclass(frozen=True, slots=True)
class Profile:
    """What the cells of one column look like, over the first PROFILED rows.

    Attributes:
        filled: cells that have a value.
        distinct: differing values among them.
        words: mean words of a value.
        texts: share of values that are texts and not numbers.
    """

    column: str
    filled: int
    distinct: int
    words: float
    texts: float

    @property
    def is_free_text(self) -> bool:
        """Whether the values look written rather than chosen from a list."""
        if self.distinct <= 1 or not self.filled:
            return False
        many = self.distinct > 20 and self.distinct > MOST_DISTINCT * self.filled
        return many or self.words > MOST_LABEL_WORDS

    @property
    def may_be_labels(self) -> bool:
        """Whether the values look chosen from a list."""
        return self.distinct > 1 and not self.is_free_text


def profiles(table: Table) -> list[Profile]:
    """Return what each column's cells look like."""
    rows = [row.values for row in itertools.islice(table.rows(), PROFILED)]
    return [profile(name, [row[n] for row in rows]) for n, name in enumerate(table.columns)]


def profile(column: str, cells: Iterable[object]) -> Profile:
    """Return what the cells of one column look like; blank and nested ones aren't counted."""
    filled = words = texts = 0
    values: set[str] = set()
    for value in cells:
        text = value.strip() if isinstance(value, str) else value
        if text is None or text == "" or isinstance(text, dict | list):
            continue
        shown = str(text)
        filled += 1
        words += len(shown.split())
        texts += isinstance(value, str) and not _is_number(shown)
        values.add(shown)
    return Profile(column, filled, len(values), words / (filled or 1), texts / (filled or 1))


def chosen(
    table: Table,
    *,
    given_input: str | None,
    given_target: str | None,
    others: Collection[str] = (),
    kind: Kind = "classification",
) -> tuple[ColumnChoice, ColumnChoice]:
    """Return the choices of input and target.

    Args:
        table: the training rows.
        given_input: what task.yaml says of the input, if anything.
        given_target: what it says of the target.
        others: columns that play another role.
        kind: whether the target is one of a few labels or a text that is written.

    Raises:
        DataError: a column isn't there, none fits, or one would play both roles.
    """
    for column, key in ((given_input, "data.input"), (given_target, "data.target")):
        if column is not None:
            require(table, column, key)
    if given_input is not None and given_input == given_target:
        raise DataError(
            f"the column '{given_input}' can't be input and target at once",
            where=table.head,
            mend="Name two columns under data: input and target.",
        )
    taken = {*others, given_input, given_target}
    detect = given_input is None or given_target is None
    found = profiles(table) if detect else []
    if detect and not any(p.filled for p in found):
        raise DataError(
            "the file has no rows, or blank ones alone",
            where=table.head,
            mend="Name a file that has rows.",
        )
    free = [p for p in found if p.column not in taken and p.filled]
    inputs = INPUT_NAMES if kind == "classification" else WRITTEN_INPUT_NAMES
    if given_target is not None:
        target = ColumnChoice("target", given_target, GIVEN)
    elif kind == "generation":
        target = _written_target(table, free, needs_input=given_input is None)
    else:
        # Labels are easier to tell from texts than texts from labels, so they are found first;
        # but a column whose name says that it is the input isn't asked.
        named = None if given_input else _by_name(_written(free), inputs)
        target = _target(table, [p for p in free if p is not named])
    if given_input is not None:
        return ColumnChoice("input", given_input, GIVEN), target
    return _input(table, [p for p in free if p.column != target.column], inputs), target


def chosen_input(table: Table) -> ColumnChoice:
    """Return the column with the text in a file that need not have labels."""
    return _input(table, [p for p in profiles(table) if p.filled], INPUT_NAMES)


def likely_kind(table: Table) -> Kind:
    """Return what a file of plain columns seems to be for, from its columns' names and cells.

    A column of labels that is named like one, or a lack of a second column of written text, means
    classification; so does a column of labels beside texts none of which is named like an answer.
    """
    free = [p for p in profiles(table) if p.filled and not _tokens(p.column) & NOT_A_TARGET]
    labels = [p for p in free if p.may_be_labels and p.distinct <= MOST_DISTINCT * p.filled]
    texts = [p for p in _written(free) if p not in labels and p.distinct > 1]
    if _by_name(labels, TARGET_NAMES) or len(texts) < 2:
        return "classification"
    named = _by_name(texts, WRITTEN_TARGET_NAMES) is not None
    return "generation" if named or not labels else "classification"


def _input(table: Table, free: list[Profile], names: Sequence[str]) -> ColumnChoice:
    written = _written(free)
    named = _by_name(written, names)
    if named is not None:
        return ColumnChoice("input", named.column, f"its name says so ({_words(named)})")
    if not written:
        raise _none_found(table, "input", "holds text")
    longest = max(written, key=lambda p: p.words)
    return ColumnChoice("input", longest.column, f"it has the longest texts ({_words(longest)})")


def _target(table: Table, free: list[Profile]) -> ColumnChoice:
    free = [p for p in free if not _tokens(p.column) & NOT_A_TARGET]
    named = _by_name(free, TARGET_NAMES)
    if named is not None:
        return ColumnChoice("target", named.column, f"its name says so ({_values(named)})")
    alike = [p for p in free if p.may_be_labels]
    if not alike:
        raise _none_found(table, "target", "looks like labels")
    best, *others = sorted(alike, key=lambda p: (-p.texts, p.distinct / p.filled))
    reason = f"few of its values differ ({_values(best)})"
    if others:
        reason += f"; '{others[0].column}' could have been it too"
    return ColumnChoice("target", best.column, reason)


def _written_target(table: Table, free: list[Profile], *, needs_input: bool) -> ColumnChoice:
    """Return the column with the written answers; one text column is left for the input."""
    texts = [p for p in _written(free) if not _tokens(p.column) & NOT_A_TARGET]
    named = _by_name(texts, WRITTEN_TARGET_NAMES)
    if named is not None:
        return ColumnChoice("target", named.column, f"its name says so ({_words(named)})")
    texts = [p for p in texts if p.is_free_text]
    if needs_input and texts:
        asked = _by_name(texts, WRITTEN_INPUT_NAMES) or max(texts, key=lambda p: p.words)
        texts = [p for p in texts if p is not asked]
    if not texts:
        raise _none_found(table, "target", "looks like written answers")
    *others, best = sorted(texts, key=lambda p: p.filled)
    reason = f"it is written text beside the input ({_words(best)})"
    if others:
        reason += f"; '{others[-1].column}' could have been it too"
    return ColumnChoice("target", best.column, reason)


def _written(free: list[Profile]) -> list[Profile]:
    """Return the columns that hold text; emptier ones only where there is no other."""
    texts = [p for p in free if p.texts > 0.5]
    most = max((p.filled for p in free), default=0)
    return [p for p in texts if p.filled >= MOST_ROWS * most] or texts


def require(table: Table, column: str, key: str) -> int:
    """Return the position of a column that must be there.

    Args:
        table: where it must be.
        column: its name.
        key: the key of task.yaml that asks for it.
    """
    if column not in table.columns:
        raise DataError(
            f"there is no column '{column}', which {key} asks for",
            where=table.head,
            mend=did_you_mean(column, table.columns),
        )
    return table.columns.index(column)


def _by_name(found: Sequence[Profile], names: Sequence[str]) -> Profile | None:
    """Return the column whose whole name stands first in `names`, else one of whose words does."""
    for name in names:
        for profile in found:
            if profile.column.strip().lower() == name:
                return profile
    for name in names:
        for profile in found:
            if {name, f"{name}s"} & _tokens(profile.column):
                return profile
    return None


def _tokens(name: str) -> set[str]:
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return {word.lower() for word in re.split(r"[\W_]+", parts) if word}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _words(profile: Profile) -> str:
    return f"{profile.words:.0f} words on average" if profile.words >= 1.5 else "one word each"


def _values(profile: Profile) -> str:
    rows = "the first " * (profile.filled >= PROFILED) + f"{profile.filled:,} rows"
    return f"{profile.distinct:,} different values in {rows}"


def _none_found(table: Table, role: str, looks: str) -> DataError:
    shown = ", ".join(f"'{name}'" for name in table.columns[:12])
    return DataError(
        f"no column {looks}, of {shown}",
        where=table.head,
        mend=f"Name the column in task.yaml, under data: {role}.",
    )
