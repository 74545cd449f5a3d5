"""A text -> its words as copies are compared: no case, no punctuation, no greeting or thanks.

Given a text, gives back words in their order; given a word, how much it says and of which kind it
is. All of it follows from the text alone. Word lists are data (words.toml). Knows nothing of other
texts.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from tunewise.data.identity import normalised

MARKS = ".!?,;:\n"  # where a clause ends
KNOWN = 1 << 17  # words whose kind is kept in memory
LITTLE = 0.3  # what a function word says, where a content word says 1
LITTLE_ALONE = 0.5  # what a character says in a script without spaces: about half a word
LONGEST_COURTESY = 16  # words
CLAUSES = 3  # greetings, and thanks, removed at either end, at most
NAMED = 3  # words of a clause that may be somebody's name
LEAST_LEFT = 2  # words; a text of courtesies alone is kept as it is

# Scripts without spaces between words: each character is compared as a word.
_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Symbols that say something, unlike punctuation: currencies, arithmetic, arrows, emoji.
_SYMBOLS = (
    "$+=<>\u00a2-\u00a5\u00b1\u00d7\u00f7\u20a0-\u20cf\u2190-\u22ff\u2600-\u27bf"
    "\U0001f300-\U0001faff"
)
_LETTERS = rf"[^\W_{_ALONE}]"
_MARK = rf"[{MARKS}]+"
_TOKEN = re.compile(
    rf"\d+(?:[.,:/]\d+)*{_LETTERS}*|{_LETTERS}+(?:['’´`]{_LETTERS}+)*|[{_ALONE}]|[{_SYMBOLS}]|{_MARK}"
)
_APOSTROPHES = str.maketrans("", "", "'’´`")


@dataclass(frozen=True)
class Lists:
    """The word lists of words.toml."""

    markers: frozenset[str]
    courtesy: frozenset[str]
    openers: frozenset[str]
    after_openers: frozenset[str]
    closers: frozenset[str]
    function: frozenset[str]
    negations: frozenset[str]
    numbers: frozenset[str]
    negating_prefixes: frozenset[str]


@cache
def lists() -> Lists:
    """Return the word lists, read once."""
    raw = tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
    found = {name: frozenset(words.split()) for name, words in raw.items()}
    found["courtesy"] |= found["markers"]
    return Lists(**found)


def words_of(text: str) -> list[str]:
    """Return a text's words in order, case folded, without greetings and thanks at its ends.

    A text of other characters alone is one word: all of it. A blank text has none.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    tokens = _TOKEN.findall(text.casefold())
    words = _words(tokens[_after_greeting(tokens) : _before_thanks(tokens)])
    if len(words) < LEAST_LEFT:
        words = _words(tokens)
    return words or [whole for whole in (normalised(text),) if whole]


@lru_cache(maxsize=KNOWN)
def weight(word: str) -> float:
    """Return how much a word says: a content word 1, a function word little."""
    if word in lists().function:
        return LITTLE
    return LITTLE_ALONE if len(word) == 1 and re.match(f"[{_ALONE}]", word) else 1.0


@lru_cache(maxsize=KNOWN)
def is_vital(word: str) -> bool:
    """Tell whether a word is a number or a negation: what can't be changed in passing."""
    return (
        word in lists().negations
        or word in lists().numbers
        or any(character.isdigit() for character in word)
    )


def is_negation(word: str) -> bool:
    """Tell whether a word turns what is said into its opposite."""
    return word in lists().negations


def _words(tokens: Sequence[str]) -> list[str]:
    return [
        token if token.isalnum() else token.translate(_APOSTROPHES)
        for token in tokens
        if token[0] not in MARKS
    ]


def _is_mark(token: str) -> bool:
    return token[0] in MARKS


def _after_greeting(tokens: Sequence[str]) -> int:
    """Return where the first clause begins that isn't a greeting."""
    start, known = 0, lists()
    for _ in range(CLAUSES):
        end = next((n for n in range(start, len(tokens)) if _is_mark(tokens[n])), None)
        if end is None or not (
            _is_courtesy(tokens[start:end])
            or (end - start <= NAMED + 1 and tokens[start] in known.openers)
        ):
            break
        start = end + 1
    if start < len(tokens) and tokens[start] in known.openers:  # "hi there i lost my card"
        start += 1
        while start < len(tokens) and tokens[start] in known.after_openers:
            start += 1
    return start


def _before_thanks(tokens: Sequence[str]) -> int:
    """Return where the last clause ends that isn't thanks or a signature."""
    stop, known = _last(tokens, len(tokens)), lists()
    for _ in range(CLAUSES):
        start = next((n for n in range(stop - 1, -1, -1) if _is_mark(tokens[n])), None)
        if start is None:
            break
        before = _last(tokens, start)
        is_signature = stop - start - 1 <= NAMED and tokens[before - 1] in known.closers
        if not (is_signature or _is_courtesy(tokens[start + 1 : stop])):
            break
        stop = before
    for n in range(max(stop - 6, 1), stop):  # "i lost my card thank you so much"
        if tokens[n] in known.closers and all(t in known.courtesy for t in tokens[n:stop]):
            return n
    return stop


def _last(tokens: Sequence[str], stop: int) -> int:
    """Return where the tokens before `stop` end, marks at their end left out."""
    while stop and _is_mark(tokens[stop - 1]):
        stop -= 1
    return stop


def _is_courtesy(clause: Sequence[str]) -> bool:
    if not 0 < len(clause) <= LONGEST_COURTESY:
        return False
    known = lists()
    words = [word.translate(_APOSTROPHES) for word in clause]
    return all(word in known.courtesy for word in words) and any(
        word in known.markers for word in words
    )
