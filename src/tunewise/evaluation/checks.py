"""Checks that the user declares -> which of them each written answer passes.

To add a check: a key in CheckSettings (task/settings/) and a line in RULES. Knows nothing of what
is right.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tunewise.records import CheckFigures
from tunewise.task.settings import CheckSettings

Rule: TypeAlias = Callable[[str], bool]

SENTENCE = re.compile(r"[.!?…。！？]+(?=\s|$)|\n+")


def passed(
    checks: Sequence[CheckSettings], answers: Sequence[str]
) -> npt.NDArray[np.bool_]:  # [answers, checks]
    """Return whether each answer passes each check."""
    rules = [rule(check) for check in checks]
    found = [[holds(answer) for holds in rules] for answer in answers]
    return np.array(found, dtype=bool).reshape(len(answers), len(checks))


def check_figures(
    checks: Sequence[CheckSettings], answers: Sequence[str]
) -> tuple[CheckFigures, ...]:
    """Return how many answers pass each check."""
    counts = passed(checks, answers).sum(axis=0)
    return tuple(
        CheckFigures(check.title, int(count), len(answers))
        for check, count in zip(checks, counts, strict=True)
    )


def rule(check: CheckSettings) -> Rule:
    """Return what tells whether a text passes a check."""
    key, value = check.asked
    return RULES[key](value)


def reading_grade(text: str) -> float:
    """Return the school grade that reading a text takes: the Automated Readability Index.

    From letters per word and words per sentence alone, so that it needs no dictionary of syllables.
    Source: R. J. Senter and E. A. Smith (1967), Automated Readability Index, AMRL-TR-66-220. It was
    made for English; 0 for a text without words.
    """
    words = re.findall(r"\w+(?:['’]\w+)*", text)
    if not words:
        return 0.0
    letters = sum(sum(c.isalnum() for c in word) for word in words)
    sentences = sum(bool(re.search(r"\w", part)) for part in SENTENCE.split(text))
    return 4.71 * letters / len(words) + 0.5 * len(words) / max(sentences, 1) - 21.43


def _schema(schema: dict[str, Any]) -> Rule:
    from jsonschema.validators import validator_for

    validator = validator_for(schema)(schema)

    def holds(text: str) -> bool:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):  # no JSON: that is what is asked
            return False
        return bool(validator.is_valid(value))

    return holds


def _regex(pattern: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda text: compiled.search(text) is not None


def _contains(words: Sequence[str], *, all_of_them: bool) -> Rule:
    folded = [word.casefold() for word in words]
    if all_of_them:
        return lambda text: all(word in text.casefold() for word in folded)
    return lambda text: not any(word in text.casefold() for word in folded)


def _words(text: str) -> int:
    return len(text.split())


def _in_language(code: str) -> Rule:
    from tunewise.audit.languages import are_close, language

    def holds(text: str) -> bool:
        told = language(text)
        return told is None or are_close(code, told)  # short texts are accused of nothing

    return holds


RULES: dict[str, Callable[[Any], Rule]] = {
    "json_schema": _schema,
    "regex": _regex,
    "must_contain": functools.partial(_contains, all_of_them=True),
    "must_not_contain": functools.partial(_contains, all_of_them=False),
    "most_words": lambda most: lambda text: _words(text) <= most,
    "fewest_words": lambda least: lambda text: _words(text) >= least,
    "most_characters": lambda most: lambda text: len(text) <= most,
    "reading_grade": lambda most: lambda text: reading_grade(text) <= most,
    "language": _in_language,
}
