"""The verdict and the candidates on a terminal, for the end of `tunewise run`.

Given a finished run folder and a console; from 76 columns on a table, else two lines for each
candidate. Knows nothing of HTML.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tunewise.files import read_record
from tunewise.records import Scorecard, Verdict
from tunewise.report import figures
from tunewise.report.text import middle_cut, one_line
from tunewise.task.load import load_task
from tunewise.task.settings import named
from tunewise.workspace.folder import RunFolder

NARROWEST_TABLE = 76
WIDEST_NAME = 30
WIDEST_PROSE = 92
MOST_OTHERS = 2  # metrics beside the verdict's; the report has all
WIDTH_FOR_FIT = 94  # from here on there is room for the time to fit


def print_verdict(console: Console, folder: RunFolder) -> None:
    """Print the verdict, its reasons, the candidates' figures and where to read on.

    Raises:
        FileMissing: the run isn't finished.
    """
    verdict = read_record(folder.verdict, Verdict)
    names = named(load_task(folder.task).candidates)
    cards = {n: read_record(folder.candidate(n).scorecard("test"), Scorecard) for n in names}
    width = min(console.width, WIDEST_PROSE)
    print_words(console, verdict)
    if console.width >= NARROWEST_TABLE:
        console.print(verdict_table(cards, verdict, console.width))
    else:
        _print_narrow(console, cards, verdict)
    console.print(Text(_legend(cards, verdict), style="dim"), width=width)
    console.print()
    console.print(Text(f"Report: {nearby(folder.report)}"), soft_wrap=True)
    if verdict.winner is not None:
        command = f"tunewise predict {shlex.quote(nearby(folder.path))} NEW-ROWS.csv"
        console.print(Text(f"Use it: {command}"), soft_wrap=True)


def print_words(console: Console, verdict: Verdict) -> None:
    """Print the verdict's sentence, its reasons and what would change it."""
    width = min(console.width, WIDEST_PROSE)
    console.print()
    decision, colon, rest = _words(verdict.sentence).partition(": ")
    console.print(Text.assemble((decision, "bold"), colon, rest), width=width)
    _print_list(console, verdict.reasons, width)
    if verdict.changes:
        console.print(Text("What would change it:"))
        _print_list(console, verdict.changes, width)
    console.print()


def _print_list(console: Console, sentences: Sequence[str], width: int) -> None:
    for sentence in sentences:
        line = Table.grid(padding=(0, 1))
        line.add_row(Text("•"), Text(_words(sentence)))
        console.print(line, width=width)


def verdict_table(scorecards: Mapping[str, Scorecard], verdict: Verdict, width: int = 80) -> Table:
    """Return the candidates' figures on the test rows, the best first.

    Args:
        scorecards: test figures by the candidate's name.
        verdict: says which of them are winner and finalists, and by which metric.
        width: columns there are, at least 76.
    """
    metric = verdict.metric
    known = {m for card in scorecards.values() for m in card.metrics} - {metric}
    others = sorted(known, key=[*figures.METRICS].index)[:MOST_OTHERS]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    titles = ["", *map(figures.metric_name, (metric, *others)), "p50", "Rows"]
    wide = width >= WIDTH_FOR_FIT
    for n, title in enumerate([*titles, "Fit"] if wide else titles):
        table.add_column(title, justify="left" if n == 0 else "right", no_wrap=True)
    for card in _ranked(scorecards, verdict):
        interval = card.metrics[metric]
        cells = [
            _marked(card, verdict) + middle_cut(card.candidate, WIDEST_NAME),
            f"{figures.share(interval.value)} ({figures.share_range(interval)})",
            *(figures.share(card.metrics[m].value if m in card.metrics else None) for m in others),
            figures.duration(card.latency_p50),
            figures.count(card.rows),
        ]
        fit = [figures.fit_time(card.fit_seconds)] if wide else []
        table.add_row(*cells, *fit, style="bold" if card.candidate == verdict.winner else "")
    return table


def _print_narrow(console: Console, scorecards: Mapping[str, Scorecard], verdict: Verdict) -> None:
    for card in _ranked(scorecards, verdict):
        name = _marked(card, verdict) + middle_cut(card.candidate, max(8, console.width - 2))
        style = "bold" if card.candidate == verdict.winner else ""
        console.print(Text(name, style=style), no_wrap=True, overflow="ellipsis")
        interval = card.metrics[verdict.metric]
        parts = [
            f"{figures.share(interval.value)} ({figures.share_range(interval)})",
            figures.duration(card.latency_p50),
            figures.counted(card.rows, "row"),
        ]
        console.print(Padding(Text(", ".join(parts), style=style), (0, 0, 0, 2)))


def nearby(path: Path) -> str:
    """Return the path as it is named from here, the whole of it when it lies elsewhere."""
    here, whole = Path.cwd(), path.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)


def _ranked(scorecards: Mapping[str, Scorecard], verdict: Verdict) -> Sequence[Scorecard]:
    metric = verdict.metric
    return sorted(scorecards.values(), key=lambda c: (-c.metrics[metric].value, c.candidate))


def _marked(card: Scorecard, verdict: Verdict) -> str:
    """Return a mark that says the same without colour: '>' the winner, '·' another finalist."""
    if card.candidate == verdict.winner:
        return "> "
    chosen = card.family != "floor" and card.candidate in verdict.finalists.values()
    return "· " if chosen else "  "


def _legend(scorecards: Mapping[str, Scorecard], verdict: Verdict) -> str:
    settled = verdict.is_settled
    said = ["· finalist"]
    if verdict.winner is not None:
        said.insert(0, "> winner" if settled else "> to use for now")
    if any(card.latency_p50 is None for card in scorecards.values()):
        said.append(f"{figures.UNKNOWN} not known")
    words = ", ".join(said) + ". In brackets: 95% intervals."
    told = " ".join(verdict.reasons)
    parts = {c.part for c in scorecards.values() if c.part and c.part not in told}
    return " ".join([words, *(f"Judged on a part: {_words(part)}." for part in sorted(parts))])


def _words(text: str) -> str:
    return one_line(text, most=1000)
