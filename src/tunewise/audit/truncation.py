"""Truncation: what each model that the task names doesn't get to read, and where answers are cut.

Counts tokens with each model's own tokenizer; the models themselves aren't loaded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.errors import FileMissing, ModelError, Unreachable
from tunewise.models.loading import context_length, load_tokenizer
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent
from tunewise.records import Example, Finding
from tunewise.rendering.chat import chat_to_train
from tunewise.rendering.faults import Fault, faults_of
from tunewise.rendering.lengths import MARGIN, Counts, row_lengths, token_counts
from tunewise.rendering.pieces import keeps_words
from tunewise.rendering.rows import Renderer
from tunewise.rendering.wording import Wording, wording
from tunewise.task.settings import EncoderSettings, ProbeSettings, PromptSettings, named

SAMPLE = 10_000  # rows of which lengths are taken, where there are more
WORST = 11  # bytes that one byte of a text may become when a tokenizer normalises it (U+FDFA)
AROUND = 1024  # tokens that a template adds to what is said, at the very most
SHOWN = 3
MARK = "\ue000"  # private: stands in no template
MUCH = 0.01  # share of texts cut off above which it costs quality


@dataclass(frozen=True)
class _Reader:
    """A model as some candidates use it.

    Attributes:
        model: its name.
        max_length: tokens it is given; None where it is given all.
        candidates: that use it so.
    """

    model: str
    max_length: int | None
    candidates: tuple[str, ...]

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        return f"{self.model} ({', '.join(self.candidates)})"


@dataclass(frozen=True)
class _Lengths:
    """Tokens of rows: of all that could be too long, and of some to tell what is usual.

    Attributes:
        rows: that were counted, all where there are few.
        counts: their tokens, [rows].
        usual: tokens of rows spread evenly over all, [some].
        how: which rows `usual` is of, as words that follow a figure; empty for all.
    """

    rows: list[Example]
    counts: Counts
    usual: Counts
    how: str

    @property
    def words(self) -> str:
        """Tell what is usual, and what length would do."""
        half, most, nearly, all_ = (
            int(np.quantile(self.usual, share, method="higher")) for share in (0.5, 0.95, 0.99, 1)
        )
        longest = max(all_, int(self.counts.max(initial=0)))
        return (
            f"Half of the rows have at most {half:,} tokens, 95% at most {most:,}, the longest"
            f" {longest:,}; a max_length of {nearly:,} keeps 99% whole{self.how}."
        )


def truncation(sides: Sides) -> list[Finding]:
    """Return findings for each model: what is cut, or that nothing is, and how long rows are."""
    findings: list[Finding] = []
    for reader in _readers(sides):
        try:
            model = resolve(reader.model, sides.progress, task_folder=sides.task_folder)
            if reader.max_length is None:
                findings += _of_language_model(sides, reader, model)
            else:
                findings += _of_encoder(sides, reader, model, reader.max_length)
        except (ModelError, FileMissing, Unreachable) as error:
            findings.append(
                Finding(
                    check="truncation",
                    severity="note",
                    reason=f"What {reader.words} cuts off isn't known: {error}",
                    mend="Correct the model's name, or look again when it can be reached.",
                )
            )
    return findings


def _readers(sides: Sides) -> list[_Reader]:
    """Return the models of the task with the lengths they are given."""
    used: dict[tuple[str, int | None], list[str]] = defaultdict(list)
    for name, entry in named(sides.task.candidates).items():
        settings = entry.settings
        if isinstance(settings, PromptSettings) and not settings.asks_elsewhere:
            used[settings.model, None].append(name)
        elif isinstance(settings, EncoderSettings | ProbeSettings):
            used[settings.model, settings.max_length].append(name)
    return [_Reader(model, most, tuple(names)) for (model, most), names in used.items()]


def _of_encoder(
    sides: Sides, reader: _Reader, model: ModelFolder, max_length: int
) -> list[Finding]:
    tokenizer = load_tokenizer(model.path)
    most = min(max_length, context_length(model.path, tokenizer) or max_length)
    rows = sides.used
    texts = [row.input for row in rows]
    words = keeps_words(tokenizer)
    chosen = _worth_counting([_bound(text, spaces=not words) for text in texts], most)
    counts = token_counts(tokenizer, [texts[n] for n in chosen], special=True)
    lengths = _lengths(rows, chosen, counts)
    cut = [
        (row, count) for row, count in zip(lengths.rows, counts.tolist(), strict=True)
        if count > most
    ]  # fmt: skip
    if not cut:
        return [_nothing_cut(f"{reader.words} reads all texts whole at {most:,} tokens.", lengths)]
    lost = sum(count - most for _, count in cut)
    return [
        Finding(
            check="truncation",
            severity="warning" if len(cut) > MUCH * len(rows) else "note",
            reason=f"{reader.words} reads {most:,} tokens, and {len(cut):,} of {len(rows):,} texts"
            f" are longer; {lost:,} tokens of them are cut off: {_longest(cut)}. {lengths.words}",
            mend="Raise max_length (as far as the model reads), or put what matters first.",
            rows=tuple(place(row) for row, _ in cut),
        )
    ]


def _of_language_model(sides: Sides, reader: _Reader, model: ModelFolder) -> list[Finding]:
    tokenizer = load_tokenizer(model.path)
    most = context_length(model.path, tokenizer)
    chat = chat_to_train(tokenizer)
    renderer = Renderer(chat, wording(sides.task, sides.dataset.labels))
    rows = sides.used
    said = _said(renderer.wording, rows)
    limit = most or max(said, default=0) + AROUND
    chosen = _worth_counting(said, limit - AROUND)
    counts = row_lengths(renderer, [rows[n] for n in chosen])
    lengths = _lengths(rows, chosen, counts)
    near = [
        row for row, count in zip(lengths.rows, counts.tolist(), strict=True)
        if count > limit - MARGIN
    ]  # fmt: skip
    rendered = renderer.rendered(near, Silent())
    cut = [
        (row, fault)
        for row in rendered
        for fault in faults_of(row, limit)
        if fault.name in ("truncated-answer", "nothing-supervised") and len(row.ids) > limit
    ]
    if not cut:
        whole = f"{reader.words} can be trained on all rows whole"
        return [_nothing_cut(f"{whole}, at {most:,} tokens." if most else f"{whole}.", lengths)]
    none = [fault for _, fault in cut if fault.name == "nothing-supervised"]
    named_rows = [(fault.row, len(row.ids)) for row, fault in cut]
    named_rows.sort(key=lambda one: -one[1])
    shown = ", ".join(f"{name} ({count:,} tokens)" for name, count in named_rows[:SHOWN])
    return [
        Finding(
            check="truncation",
            severity="warning",
            reason=f"{reader.words} reads {limit:,} tokens of a row, its prompt and its answer."
            f" {_places(cut):,} of {len(rows):,} rows are longer: {len(cut) - len(none):,} answers"
            f" are cut off, {len(none):,} rows have no answer left: {shown}. {lengths.words}",
            mend="Shorten these rows, or use a model that reads more; see: tunewise show --check",
            rows=tuple(dict.fromkeys(fault.row for _, fault in cut)),
        )
    ]


def _places(cut: Sequence[tuple[object, Fault]]) -> int:
    return len({fault.row for _, fault in cut})


def _nothing_cut(reason: str, lengths: _Lengths) -> Finding:
    return Finding(
        check="truncation",
        severity="note",
        reason=f"{reason} {lengths.words}",
        mend="Nothing is to be done; a smaller max_length would save time.",
    )


def _longest(cut: list[tuple[Example, int]]) -> str:
    first = sorted(cut, key=lambda one: -one[1])[:SHOWN]
    return ", ".join(f"{place(row)} ({count:,} tokens)" for row, count in first)


def _bound(text: str, *, spaces: bool = True) -> int:
    """Return a number of tokens that no tokenizer exceeds for this text.

    Args:
        text: to be read.
        spaces: whether a space may be a token, as it can't be in a vocabulary of words.
    """
    if text.isascii():
        return len(text) - (0 if spaces else text.count(" "))
    return WORST * len(text.encode(errors="surrogatepass"))


def _said(wording: Wording, rows: Sequence[Example]) -> list[int]:
    """Return bounds on the tokens of what is said in each row.

    Rows without turns are all said by one template, which is rendered once, around a mark.
    """

    def bound(row: Example) -> int:
        return sum(_bound(turn.content) for turn in wording.messages(row))

    blank = Example("", MARK, "", 0, "")
    times = sum(turn.content.count(MARK) for turn in wording.messages(blank))
    if not times:
        return [bound(row) for row in rows]
    around = bound(blank)
    answers = {label: _bound(text) for label, text in wording.answers.items()}
    return [
        bound(row)
        if row.messages
        else around + times * _bound(row.input) + (answers.get(row.target) or _bound(row.target))
        for row in rows
    ]


def _worth_counting(bounds: Sequence[int], limit: int) -> list[int]:
    """Return the numbers of rows that could be longer than `limit`, and those of a sample."""
    if len(bounds) <= SAMPLE:
        return list(range(len(bounds)))
    could = {number for number, bound in enumerate(bounds) if bound + MARGIN > limit}
    return sorted(could | set(_spread(len(bounds))))


def _spread(rows: int) -> list[int]:
    return [int(row) for row in np.linspace(0, rows - 1, min(rows, SAMPLE))]


def _lengths(rows: Sequence[Example], chosen: list[int], counts: Counts) -> _Lengths:
    sample = set(_spread(len(rows)))
    usual = counts[[n for n, number in enumerate(chosen) if number in sample]]
    few = len(rows) <= SAMPLE
    how = "" if few else f" (by {SAMPLE:,} rows spread evenly; cut rows are counted among all)"
    return _Lengths([rows[number] for number in chosen], counts, usual, how)
