"""What a model wrote, as a label: read out of its text, or out of its tokens' log-probabilities.

Given a reply, gives back a label and perhaps the labels' shares of probability, or nothing where no
label, or more than one, can be meant. Knows nothing of engines or of which label is right.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.engines.asks import Reply, Token
from tunewise.errors import one_line

ANSWER = re.compile(r"^[\s*_#>`]*(?:final\s+)?answer\s*[:：][\s*_`]*(.*)$", re.IGNORECASE | re.M)
THOUGHT = re.compile(r"<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL)
TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))  # that THOUGHT knows
AROUND = " \t\n\r.,;:!?'\"`*_()[]{}<>“”‘’«»"
SURE = 0.5  # share of probability that labels must hold for the tokens to decide
SHORTEST_MENTION = 4  # letters of a label that counts where a sentence mentions it
SHOWN = 120  # characters of an answer that is no label
NOTHING = "(no answer)"
KEY, REASONING = "answer", "reasoning"  # of a JSON reply


@dataclass(frozen=True, slots=True)
class Read:
    """A reply, read.

    Attributes:
        answer: the label; what was written where it is none.
        is_label: whether it is one.
        shares: probability of each label, [labels]; None where the tokens don't say.
        reasoning: what the model thought before; None where it said nothing of the kind.
    """

    answer: str
    is_label: bool
    shares: tuple[float, ...] | None = None
    reasoning: str | None = None


class LabelReader:
    """Reads labels out of replies.

    Args:
        labels: the legal answers.
        texts: how each is written in prompts.
    """

    def __init__(self, labels: Sequence[str], texts: Sequence[str]) -> None:
        self.labels, self.texts = tuple(labels), tuple(texts)
        self._exact = {name: n for names in (texts, labels) for n, name in enumerate(names)}
        plain = [{plain_text(name) for name in pair} for pair in zip(labels, texts, strict=True)]
        seen = Counter(name for names in plain for name in names)
        # Labels that differ in case, signs or white space alone are told apart by these.
        self._plain = {
            name: n for n, names in enumerate(plain) for name in names if name and seen[name] == 1
        }
        folded = [text.casefold() for text in self.texts]
        self._folds = len(set(folded)) == len(folded)
        self._written = folded if self._folds else list(self.texts)

    def read(self, reply: Reply) -> Read:
        """Return the label that a reply means."""
        reasoning, said = apart(reply)
        shares, held = self._shares(reply.tokens)
        if held >= SURE:
            return Read(self.labels[int(np.argmax(shares))], True, shares, reasoning)
        number = self._number(said)
        if number is not None:
            return Read(self.labels[number], True, None, reasoning)
        return Read(unread(reply, said), False, None, reasoning)

    def concluded(self, reply: Reply, shares: np.ndarray) -> Read:
        """Return the likeliest label after a reply that was thoughts.

        Args:
            reply: what the model thought; an answer in it was left out when labels were scored.
            shares: probability of each label after it, [labels].
        """
        reasoning, said = apart(reply)
        if reasoning is None and answer_line(said) is None:
            reasoning = said or None
        answer = self.labels[int(shares.argmax())]
        return Read(answer, True, tuple(map(float, shares)), reasoning)

    def _number(self, said: str) -> int | None:
        for text in (said, answer_line(said), json_answer(said)):
            if text is None:
                continue
            if (found := self._exact.get(text.strip())) is not None:
                return found
            if (found := self._plain.get(plain_text(text))) is not None:
                return found
        return self._mentioned(answer_line(said) or said)

    def _mentioned(self, said: str) -> int | None:
        """Return the one label that a sentence mentions; one inside a longer one isn't meant."""
        text = f" {plain_text(said)} "
        names = [name for name in self._plain if len(name) >= SHORTEST_MENTION]
        found = {name for name in names if f" {name} " in text}
        for name in sorted(found, key=len):
            longer = [other for other in found if name != other and name in other]
            rest = text
            for other in longer:
                rest = rest.replace(f" {other} ", " ")
            if f" {name} " not in rest:
                found.discard(name)
        numbers = {self._plain[name] for name in found}
        return numbers.pop() if len(numbers) == 1 else None

    def _shares(self, tokens: Sequence[Token]) -> tuple[tuple[float, ...], float]:
        """Return each label's probability, and how much of it was seen.

        The reply's own tokens lead along one branch of the labels' trie; what else might have
        stood at each place leads off it. A token that several labels begin with is shared evenly
        among them, and so is what was not seen, among all.
        """
        seen = np.zeros(len(self.labels))
        path, likely = "", 1.0
        for token in tokens:
            for text, logp in _others(token):
                self._add(seen, path + text, likely * math.exp(logp))
            path += token.text
            likely *= math.exp(token.logp)
            if path.strip() and len(self._begin(path)) <= 1:
                break
        self._add(seen, path, likely, whole=True)
        held = min(1.0, float(seen.sum()))
        shares = seen + (1.0 - held) / len(seen)
        return tuple(map(float, shares / shares.sum())), held

    def _add(self, seen: np.ndarray, text: str, share: float, *, whole: bool = False) -> None:
        labels = self._begin(text)
        if whole or not labels:
            ended = self._form(text).rstrip(AROUND)
            labels = [n for n, label in enumerate(self._written) if label == ended] or labels
        for number in labels:
            seen[number] += share / len(labels)

    def _begin(self, text: str) -> list[int]:
        """Return the labels that a text is the beginning of; none where it is only white space."""
        written = self._form(text)
        if not written:
            return []
        return [n for n, label in enumerate(self._written) if label.startswith(written)]

    def _form(self, text: str) -> str:
        bare = text.lstrip()
        return bare.casefold() if self._folds else bare


def apart(reply: Reply) -> tuple[str | None, str]:
    """Return a reply's reasoning, in think tags or kept apart by the engine, and the rest of it."""
    inside = THOUGHT.findall(reply.text)
    rest = THOUGHT.sub("", reply.text).strip()
    reasons = [reason for reason in (reply.reasoning, *inside) if reason and reason.strip()]
    written = json_of(rest)
    if isinstance(written, dict) and isinstance(written.get(REASONING), str):
        reasons.append(written[REASONING])
    elif answer_line(rest) is not None and (before := before_answer(rest).strip()):
        reasons.append(before)
    return "\n".join(reasons) or None, rest


def answer_line(said: str) -> str | None:
    """Return what stands after the last 'Answer:', with the lines below it; None without one."""
    found = list(ANSWER.finditer(said))
    return said[found[-1].start(1) :].strip() if found else None


def before_answer(said: str) -> str:
    """Return what stands before the last 'Answer:'; all of it without one."""
    found = list(ANSWER.finditer(said))
    return said[: found[-1].start()] if found else said


def json_answer(said: str) -> str | None:
    """Return the answer in a JSON reply; None where it is no JSON, or none with an answer."""
    value = json_of(said)
    if isinstance(value, dict):
        value = value.get(KEY, next(iter(value.values()), None) if len(value) == 1 else None)
    return value if isinstance(value, str) else None


def json_of(said: str) -> object:
    """Return the JSON value that a text is, perhaps inside a code fence; None if it is none."""
    bare = said.strip()
    if bare.startswith("```"):
        bare = bare.split("\n", 1)[-1].rsplit("```", 1)[0]
    try:
        return json.loads(bare)
    except (ValueError, RecursionError):
        return None


def unread(reply: Reply, said: str) -> str:
    """Return what to show of a reply that can't be read as an answer."""
    if reply.refused is not None:
        return f"(refused: {one_line(reply.refused, SHOWN)})"
    return one_line(said, SHOWN) or NOTHING


def plain_text(text: str) -> str:
    """Return a text without case, outer signs, and with one space for every run of white space."""
    spaced = re.sub(r"[\s_\-]+", " ", text.casefold())
    words = (word.strip(AROUND) for word in spaced.split(" "))
    return " ".join(word for word in words if word)


def _others(token: Token) -> list[tuple[str, float]]:
    """Return what else might have stood in a token's place."""
    return [(text, logp) for text, logp in token.alternatives if text != token.text]
