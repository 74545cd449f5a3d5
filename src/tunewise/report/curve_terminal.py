"""The learning curves on a terminal, for the end of `tunewise curve`: the sentence, a plot, tables.

Given LearningCurves and a console, prints within its width. Knows nothing of HTML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewise.records import LearningCurve, LearningCurves
from tunewise.report import figures
from tunewise.report.curve_plot import LETTERS
from tunewise.report.terminal import nearby
from tunewise.report.text import middle_cut, one_line
from tunewise.workspace.folder import RunFolder

WIDEST_PROSE = 80
WIDEST_NAME = 40
PLOT_ROWS = 12
WIDEST_PLOT = 64
LEFT = 7  # columns for the metric's marks


def print_curves(console: Console, found: LearningCurves, folder: RunFolder) -> None:
    """Print what was found, within the console's width."""
    width = min(console.width, WIDEST_PROSE)
    console.print()
    console.print(Text(one_line(found.sentence, most=1000), style="bold"), width=width)
    console.print()
    for line in text_plot(found, min(WIDEST_PLOT, width - 2)):
        console.print(Text(line), no_wrap=True, overflow="crop")
    console.print()
    for letter, curve in zip(LETTERS, found.curves, strict=False):
        name = middle_cut(one_line(curve.candidate), WIDEST_NAME)
        console.print(Text(f"{letter} {name}", style="bold"), no_wrap=True, overflow="ellipsis")
        console.print(curve_table(curve, found))
    console.print(Text(one_line(found.how, most=1000), style="dim"), width=width)
    console.print()
    console.print(Text(f"Plot: {nearby(folder.curve_page)}"), soft_wrap=True)


def curve_table(curve: LearningCurve, found: LearningCurves) -> Table:
    """Return a line per number of rows: what was measured, then what the law expects."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    for n, title in enumerate(("     Rows", figures.metric_name(found.metric), "", "Fits", "Time")):
        table.add_column(title, justify="left" if n == 2 else "right", no_wrap=True)
    for size, same in groupby(curve.points, key=lambda point: point.size):
        points = list(same)
        shares = [1 - point.error for point in points]
        mean = sum(shares) / len(shares)
        spread = f"{figures.share(min(shares))} to {figures.share(max(shares))}"
        seconds = figures.duration(sum(point.seconds for point in points))
        table.add_row(
            f"{size:,}",
            figures.share(mean),
            spread if len(points) > 1 else "",
            str(len(points)),
            seconds,
        )
    by_size = {one.size: one.error for one in curve.line}
    for size in (found.rows, found.rows + found.more):
        error = by_size[size]
        spread = f"{figures.share(1 - error.high)} to {figures.share(1 - error.low)}"
        table.add_row(f"{size:,}", figures.share(1 - error.value), spread, "law", "", style="dim")
    return table


def text_plot(found: LearningCurves, width: int) -> list[str]:
    """Return lines of at most `width` characters: letters are fits, dots the law.

    Rows of data go to the right by their logarithm, the metric goes up; the bar stands where the
    rows there are end.
    """
    sizes = [one.size for curve in found.curves for one in curve.line]
    shares = [1 - one.error.value for curve in found.curves for one in curve.line]
    shares += [1 - p.error for curve in found.curves for p in curve.points]
    low, high = _rounded_ends(shares)
    columns = max(10, width - LEFT - 2)
    spans = math.log(max(sizes) / min(sizes))

    def column(size: float) -> int:
        return round(math.log(size / min(sizes)) / spans * (columns - 1))

    def line(share: float) -> int:
        return round((high - share) / (high - low) * (PLOT_ROWS - 1))

    grid = [[" "] * columns for _ in range(PLOT_ROWS)]
    for row in grid:
        row[column(found.rows)] = "|"
    for curve in found.curves:
        for at, share in _along(curve, columns, column):
            grid[line(share)][at] = "·"
    for curve, letter in zip(found.curves, LETTERS, strict=False):
        for point in curve.points:
            grid[line(1 - point.error)][column(point.size)] = letter
    lines = []
    for number, row in enumerate(grid):
        share = high - (high - low) * number / (PLOT_ROWS - 1)
        mark = f"{share:.0%}" if number in (0, PLOT_ROWS - 1) else ""
        lines.append(f"{mark:>{LEFT - 2}} ┤{''.join(row)}".rstrip())
    return [*lines, _foot(found, min(sizes), max(sizes), columns, column(found.rows))]


def _along(
    curve: LearningCurve, columns: int, column: Callable[[float], int]
) -> Iterator[tuple[int, float]]:
    """Give each column that the law's line crosses, with the metric there."""
    first, last = curve.line[0].size, curve.line[-1].size
    for step in range(2 * columns):
        size = first * (last / first) ** (step / (2 * columns - 1))
        error = curve.floor + curve.scale * size**-curve.exponent
        yield column(size), min(1.0, max(0.0, 1 - error))


def _rounded_ends(shares: Sequence[float]) -> tuple[float, float]:
    low, high = math.floor(20 * min(shares)) / 20, math.ceil(20 * max(shares)) / 20
    return low, high if high > low else low + 0.05


def _foot(found: LearningCurves, first: int, last: int, columns: int, now: int) -> str:
    """Return the line of numbers of rows below the plot."""
    marks = [" "] * columns
    words = ((0, f"{first:,}"), (now, f"{found.rows:,}"), (columns - 1, f"{last:,} rows"))
    free = -1
    for at, text in words:
        start = min(max(at - len(text) // 2, 0), columns - len(text))
        if start > free:
            marks[start : start + len(text)] = text
            free = start + len(text)
    return " " * LEFT + "".join(marks).rstrip()
