"""Targets that teach nothing or the wrong thing: junk, copies of the input, answers cut off.

Most of it is about written answers; of labels, those that say no label was given. What is junk is
told by a list of words (junk.toml) and by standing out: a single word where nearly all others
have many. What everyone writes ('None.' in forms) is accused of nothing.
"""

from __future__ import annotations

import functools
import re
import statistics
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib import resources

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import quote
from tunewise.audit.sides import Sides
from tunewise.audit.texts import QUOTED, Text, counted, quoted, rows_of, writes_texts
from tunewise.data.copies import compared
from tunewise.data.identity import normalised
from tunewise.records import Example, Finding, Fix

RARE = 0.01  # share of rows below which something isn't how this data set is written
MANY_WORDS = 5  # median words of a target from which a single word stands out
REPEATED = 5  # inputs that share a target from which it is told
FEW_TARGETS = 20  # different targets up to which a task of many rows is one of labels
COPIED_WORDS = 8  # shorter answers may well be words of the input
COPIED = 0.8  # share of a target's runs of three words that stand in the input
USUAL = 0.2  # share of rows above which copying is the task
WORD = re.compile(r"\w+")
ADDRESS = re.compile(
    r"\W*(?:https?://\S+|www\.\S+|\S+@\S+"
    r"|(?:[\w-]+[. ]){1,3}(?:com|org|net|io|gov|edu)(?:/\S*)?)\W*",
    re.IGNORECASE,
)
NO_LABEL = re.compile(r"[?\-–—_./]+")
SAME_SIGN = re.compile(r"(\w)\1{3,}")  # 'aaaaaa', 'xxxx'


def targets(sides: Sides) -> list[Finding]:
    """Return findings on junk, copies of the input, and targets that many inputs share."""
    if not writes_texts(sides):
        return _labels(sides)
    rows = sides.used
    return [*_junk(rows), *_copies(rows), *_repeated(rows)]


@functools.cache
def junk_words() -> dict[str, frozenset[str]]:
    """Return what stands for no answer, bare of case and signs, from junk.toml."""
    text = resources.files(__package__).joinpath("junk.toml").read_text("utf-8")
    return {kind: frozenset(words) for kind, words in tomllib.loads(text).items()}


def _bare(text: str) -> str:
    return " ".join(WORD.findall(normalised(text)))


def _labels(sides: Sides) -> list[Finding]:
    labels = sides.dataset.labels
    empty = {label for label in labels if _bare(label) in junk_words()["placeholders"]}
    if "+" not in labels:  # beside it, '-' has a meaning
        empty |= {label for label in labels if NO_LABEL.fullmatch(label)}
    found = [row for row in sides.used if row.target in empty]
    if not found:
        return []
    named = ", ".join(f"'{label}'" for label in sorted(empty))
    return [
        Finding(
            check="targets",
            severity="warning",
            reason=f"{counted(len(found), 'row')} of {len(sides.used):,} have a label that says"
            f" none was given: {named}.",
            mend="Label the rows, or delete them; a model learns to answer so.",
            rows=tuple(place(row) for row in found),
        )
    ]


def _junk(rows: Sequence[Example]) -> list[Finding]:
    counts = Counter(normalised(row.target) for row in rows)
    words = [len(WORD.findall(row.target)) for row in rows]
    are_long = statistics.median(words) >= MANY_WORDS
    single_stands_out = are_long and sum(n <= 1 for n in words) <= RARE * len(rows) + 1
    why: dict[str, list[Text]] = defaultdict(list)
    for row, count in zip(rows, words, strict=True):
        if counts[normalised(row.target)] > max(2, RARE * len(rows)):
            continue
        reason = _reason_for_junk(row.target, are_long=are_long)
        if reason is None and count <= 1 and single_stands_out:
            reason = "a single word where nearly all others have many"
        if reason is not None:
            why[reason].append(Text(row, "target", row.target))
    return [_junk_finding(reason, found, len(rows)) for reason, found in why.items()]


def _reason_for_junk(target: str, *, are_long: bool) -> str | None:
    """Return what kind of junk a target is; `are_long`: the others usually have many words."""
    bare = _bare(target)
    if not bare:
        return "nothing but signs"
    if bare in junk_words()["placeholders"] or (are_long and bare in junk_words()["chatter"]):
        return "words that answer nothing"
    if any(bare.startswith(start) for start in junk_words()["starts"]):
        return "filler text"
    if SAME_SIGN.fullmatch(bare):
        return "one sign over and over"
    if len(target) < 200 and ADDRESS.fullmatch(target):
        return "nothing but an address"
    return None


def _junk_finding(reason: str, found: Sequence[Text], count: int) -> Finding:
    verb = "is" if len(found) == 1 else "are"
    return Finding(
        check="targets",
        severity="warning",
        reason=f"{counted(len(found), 'target')} of {count:,} {verb} {reason}: {quoted(found)}.",
        mend="Write the answer that the model is to give, or delete the row.",
        rows=rows_of(found),
        fixes=tuple(
            Fix(place(one.row), "delete", None, f"its target is {reason}") for one in found
        ),
    )


def _copies(rows: Sequence[Example]) -> list[Finding]:
    whole: list[Text] = []
    parts: list[Text] = []
    for row in rows:
        share, of_input = copied(row.input, row.target)
        if share >= COPIED:
            (whole if of_input >= COPIED else parts).append(Text(row, "target", row.target))
    return [
        *_copy_finding(whole, len(rows), "repeat their input, nearly all of it", is_whole=True),
        *_copy_finding(
            parts, len(rows), "are taken from their input word for word", is_whole=False
        ),
    ]


def _copy_finding(found: Sequence[Text], count: int, what: str, *, is_whole: bool) -> list[Finding]:
    if not found:
        return []
    usual = len(found) > USUAL * count
    same = [one for one in found if normalised(one.text) == normalised(one.row.input)]
    return [
        Finding(
            check="targets",
            severity="warning" if is_whole and not usual else "note",
            reason=f"{counted(len(found), 'target')} of {count:,} {what}: {quoted(found)}.",
            mend="Keep them if copying is the task, as so many do."
            if usual
            else "Write the answer in other words, or delete the row, unless copying is the task.",
            rows=rows_of(found),
            fixes=()
            if usual
            else tuple(
                Fix(place(one.row), "delete", None, "its target is its input") for one in same
            ),
        )
    ]


def copied(text: str, target: str) -> tuple[float, float]:
    """Return which share of a target is taken from a text, and which share of the text that is.

    The first is the share of the target's runs of three words that stand in the text, nought for
    short targets unless they are the whole text; the second compares numbers of words.
    """
    if normalised(text) == normalised(target):
        return 1.0, 1.0
    said = WORD.findall(target.casefold())
    if len(said) < COPIED_WORDS:
        return 0.0, 0.0
    given = WORD.findall(text.casefold())
    if len(set(said).intersection(given)) < COPIED * len(set(said)):
        return 0.0, 0.0
    there = set(zip(given, given[1:], given[2:], strict=False))
    runs = list(zip(said, said[1:], said[2:], strict=False))
    return sum(run in there for run in runs) / len(runs), min(1.0, len(said) / len(given))


def _repeated(rows: Sequence[Example]) -> list[Finding]:
    inputs: dict[str, dict[str, Example]] = defaultdict(dict)
    for row in rows:
        inputs[normalised(row.target)].setdefault(compared(row), row)
    if len(inputs) <= FEW_TARGETS and len(rows) >= REPEATED * len(inputs):
        return [_as_labels(inputs, len(rows))]
    often = sorted((same for same in inputs.values() if len(same) >= REPEATED), key=len)[::-1]
    if not often:
        return []
    count = sum(map(len, often))
    most = next(iter(often[0].values()))
    return [
        Finding(
            check="targets",
            severity="note",
            reason=f"{counted(len(often), 'target')} stand for {REPEATED} or more different inputs"
            f" each, {count:,} of {len(rows):,} rows; most often '{quote(most.target, QUOTED)}'"
            f" ({len(often[0]):,} rows).",
            mend="Look whether the answers are too general; a model learns to give these always.",
            rows=tuple(place(row) for same in often for row in same.values()),
        )
    ]


def _as_labels(inputs: dict[str, dict[str, Example]], count: int) -> Finding:
    named = ", ".join(f"'{quote(target, 30)}'" for target in [*inputs][:6])
    return Finding(
        check="targets",
        severity="note",
        reason=f"The {count:,} rows have only {counted(len(inputs), 'different target')}: {named}.",
        mend="Write 'kind: classification' in task.yaml if these are all the answers there are.",
    )
