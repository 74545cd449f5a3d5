"""Clean rows of the three data sets, and the edits that make near copies and decoys of them.

What a benchmark of the audit plants is planted by this file, so that all mean the same by a typo.
Rows are thinned by a criterion of rapidfuzz's alone: of two whose sorted words are alike, one goes.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process

from tunewise.data.near.words import is_vital, weight

NATURAL = 80  # rapidfuzz ratio of sorted words from which on two clean rows count as near
EVERY = 10  # words per edit
DECOY_WORDS = 40  # longer texts are copies whatever one content word says
DATA = Path(__file__).parents[2] / "shared" / "data"
KEYS = "qwertyuiop asdfghjkl zxcvbnm"
GREETINGS = (
    "Hi there, {}",
    "Hello, {}",
    "Good morning! {}",
    "Dear team, {} Thanks in advance.",
    "Hey, hope you are well. {}",
    "{} Thank you!",
    "Hi, {} Kind regards, Alex",
    "hello {}",
)


def rows(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each data set's name and its clean, thinned rows."""
    banking = [row["text"] for row in csv_rows(data / "banking77" / "train.csv")]
    random.Random(0).shuffle(banking)
    legal = json.loads((data / "legal-summaries" / "all_v1.json").read_text(encoding="utf-8"))
    yield "banking77", thinned(banking[:6_000])
    yield "legal-summaries", thinned([row["original_text"] for row in legal.values()])
    yield (
        "mts-dialog",
        thinned([row["dialogue"] for row in csv_rows(data / "mts-dialog" / "TrainingSet.csv")]),
    )


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def thinned(texts: list[str]) -> list[str]:
    """Return the texts that are far from all kept before them, by rapidfuzz alone."""
    forms = [" ".join(sorted(re.findall(r"\w+", text.lower()))) for text in texts]
    near: dict[int, list[int]] = {}
    for at in range(0, len(texts), 500):
        ratios = process.cdist(
            forms[at : at + 500], forms, scorer=fuzz.ratio, score_cutoff=NATURAL, dtype=np.uint8
        )
        for one, other in zip(*np.nonzero(ratios), strict=True):
            near.setdefault(at + int(one), []).append(int(other))
    kept: set[int] = set()
    for at, form in enumerate(forms):
        if len(form.split()) >= 4 and not kept.intersection(near.get(at, [])):
            kept.add(at)
    return [texts[at].strip() for at in sorted(kept)]


def typos(text: str, draw: random.Random) -> str:
    """Return the text with slips of the keyboard in words of four letters or more."""
    words = text.split(" ")
    at = [n for n, word in enumerate(words) if re.fullmatch(r"[A-Za-z]{4,}[.,?!]*", word)]
    for n in draw.sample(at, min(len(at), max(1, len(words) // EVERY))):
        word, spot = words[n], draw.randrange(len(words[n].rstrip(".,?!")) - 1)
        near = KEYS[(KEYS.find(word[spot].lower()) + 1) % len(KEYS)].strip() or "e"
        words[n] = draw.choice(
            (
                word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :],
                word[:spot] + word[spot + 1 :],
                word[: spot + 1] + word[spot:],
                word[:spot] + near + word[spot + 1 :],
            )
        )
    return " ".join(words)


def case(text: str, draw: random.Random) -> str:
    return draw.choice((text.upper(), text.lower(), text.title()))


def punctuation(text: str, draw: random.Random) -> str:
    bare = re.sub(r"(?<!\d)[.,!?;:\"()](?!\d)", "", text)
    return draw.choice((bare, f"{text}!!!", bare.replace(" ", ", ", 2), f"- {bare} ..."))


def swapped(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    for at in draw.sample(range(len(words) - 1), min(len(words) - 1, max(1, len(words) // EVERY))):
        words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def dropped(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    at = [n for n, word in enumerate(words) if not is_vital(re.sub(r"\W", "", word.lower()))]
    if len(words) < 5:
        return ""
    gone = set(draw.sample(at, min(len(at), max(1, len(words) // EVERY))))
    return " ".join(word for n, word in enumerate(words) if n not in gone)


def greeted(text: str, draw: random.Random) -> str:
    return draw.choice(GREETINGS).format(text)


def mixed(text: str, draw: random.Random) -> str:
    return greeted(case(typos(text, draw), draw), draw)


def other_number(text: str, draw: random.Random) -> str:
    found = list(re.finditer(r"\d+", text))
    if not found:
        return ""
    one = draw.choice(found)
    return f"{text[: one.start()]}{int(one[0]) + draw.randint(1, 9)}{text[one.end() :]}"


def negated(text: str, draw: random.Random) -> str:
    """Return the text with a 'not' after one verb that takes it; each 'can' or 'will' may."""
    found = list(re.finditer(r"\b(is|are|was|can|will|may|should|must|do|does|have)\b", text))
    if not found:
        return ""
    one = draw.choice(found)
    return f"{text[: one.end()]} not{text[one.end() :]}"


def other_word(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    at = [
        n for n, word in enumerate(words) if re.fullmatch(r"[a-z]{4,}", word) and weight(word) == 1
    ]
    if not at or len(words) >= DECOY_WORDS:
        return ""
    n = draw.choice(at)
    words[n] = draw.choice(
        [w for w in ("abroad", "forgotten", "umbrella", "quickly") if w != words[n]]
    )
    return " ".join(words)


Edit = Callable[[str, random.Random], str]
EDITS: dict[str, Edit] = {
    "typos": typos,
    "case": case,
    "punctuation": punctuation,
    "swapped words": swapped,
    "dropped words": dropped,
    "greetings": greeted,
    "mixed": mixed,
}
DECOYS: dict[str, Edit] = {
    "other number": other_number,
    "negation": negated,
    "other word": other_word,
}
