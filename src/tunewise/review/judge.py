"""A language model as a reviewer: the same sheet, each row asked twice, then turned round.

A model that prefers whatever stands first contradicts itself when the answers change places; then
its word is a tie. Replies that are no rating are counted, and a judge that gives too many of them
is refused. Its ratings lie beside people's and decide nothing by themselves. Knows nothing of how
an engine replies.

Source: L. Zheng et al. (2023), Judging LLM-as-a-judge with MT-Bench and Chatbot Arena, NeurIPS
(arXiv 2306.05685), section 3.4, for the swap.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from tunewise.engines.asks import Ask, Engine, Reply, sum_or_none
from tunewise.errors import DataError
from tunewise.evaluation.proportion import share
from tunewise.files import write_json
from tunewise.progress import Progress
from tunewise.records import Interval, Message
from tunewise.review.items import OF_ONE, OF_TWO, REJECT, TIE, Item, Sheet
from tunewise.review.ratings import add, ratings_folder

MOST_NONSENSE = 0.2  # of its replies; above, a judge is refused
MOST_NEW_TOKENS = 24
LONGEST = 4_000  # characters of a text or answer that the judge reads
WORDS = re.compile(rf"\b({'|'.join(('first', 'second', *OF_TWO, *OF_ONE))})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Judged:
    """How judging went.

    Attributes:
        judge: the reviewer's name that its ratings stand under.
        rows: rated.
        replies: asked for, two a row.
        nonsense: replies that were no rating; their rows aren't rated.
        steady: share of rows on which both replies mean the same.
        tokens_in, tokens_out: read and written, where the engine knows.
        cost: US dollars, where prices are known.
        seconds: wall time.
    """

    judge: str
    rows: int
    replies: int
    nonsense: int
    steady: Interval | None
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    seconds: float


def judged(sheet: Sheet, engine: Engine, rubric: str | None, progress: Progress) -> Judged:
    """Return how a model rated a sheet; its ratings are written down as a reviewer's.

    Args:
        sheet: of one candidate or two, made for the judge's name.
        engine: that replies.
        rubric: what makes an answer good, in the user's words.
        progress: gets a bar.

    Raises:
        DataError: more than a fifth of the replies are no rating; then none is kept.
    """
    began = time.monotonic()
    both = [
        _asks(item, sheet, rubric, turned=turned)
        for turned in (False, True)
        for item in sheet.items
    ]
    replies = engine.generate(both, progress, "Judging")
    half = len(sheet.items)
    said = [(_rating(replies[n], False), _rating(replies[half + n], True)) for n in range(half)]
    nonsense = sum(word is None for pair in said for word in pair)
    if nonsense > MOST_NONSENSE * len(replies):
        example = next(r for r, word in zip(replies, _flat(said), strict=True) if word is None)
        raise DataError(
            f"the judge gave {nonsense:,} replies of {len(replies):,} that are no rating, such as"
            f" '{example.text[:80]}'",
            where=sheet.reviewer,
            mend="Its ratings aren't kept; take a model that follows instructions better.",
        )
    clear = [(i, a, b) for i, (a, b) in zip(sheet.items, said, strict=True) if a and b]
    for item, first, second in clear:
        add(sheet, item.id, _settled(item, first, second))
    steady = sum(first == second for _, first, second in clear)
    found = Judged(
        judge=sheet.reviewer,
        rows=len(clear),
        replies=len(replies),
        nonsense=nonsense,
        steady=share(steady, len(clear)) if clear else None,
        tokens_in=sum_or_none([r.prompt_tokens for r in replies]),
        tokens_out=sum_or_none([r.completion_tokens for r in replies]),
        cost=sum_or_none([r.cost for r in replies]),
        seconds=time.monotonic() - began,
    )
    write_json(ratings_folder(sheet.folder) / f"{sheet.reviewer}.json", found)
    return found


def _asks(item: Item, sheet: Sheet, rubric: str | None, *, turned: bool) -> Ask:
    """Return the question on one item; turned, answers (or the two words) have changed places."""
    answers = [answer[:LONGEST] for answer in item.answers.values()]
    text = _template().render(
        task=sheet.instruction or f"the task '{sheet.task}'",
        rubric=rubric,
        text=item.text[:LONGEST],
        answers=answers[::-1] if turned else answers,
        words=["REJECT", "ACCEPT"] if turned else ["ACCEPT", "REJECT"],
    )
    return Ask(item.id, (Message("user", text.strip()),), MOST_NEW_TOKENS)


@functools.cache
def _template() -> jinja2.Template:
    source = resources.files(__package__).joinpath("judge.txt.j2").read_text(encoding="utf-8")
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)  # noqa: S701 -- a prompt, not a page
    return made.from_string(source)


def _rating(reply: Reply, turned: bool) -> str | None:
    """Return what a reply means, 'left' and 'right' as on the sheet; None if it is no rating.

    Of several words the last one counts, as a model that hesitates ends with its verdict; but a
    reply that names all there are, as one that repeats the question, is no rating.
    """
    if reply.refused is not None:
        return None
    found = [word.lower() for word in WORDS.findall(reply.text)]
    if not found or len(set(found)) > 2:
        return None
    word = str(found[-1])
    if word in (*OF_TWO, *OF_ONE):
        return word
    return "left" if (word == "first") != turned else "right"


def _settled(item: Item, first: str, second: str) -> str:
    """Return the rating of a row from both replies."""
    if first == second:
        return first
    return TIE if len(item.answers) == 2 else REJECT


def _flat(said: Sequence[tuple[str | None, str | None]]) -> list[str | None]:
    return [one for one, _ in said] + [other for _, other in said]
