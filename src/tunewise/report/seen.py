"""A View on a terminal: what is trained on, what is only read, what is cut off, token by token.

Two columns at the left say without colour what each line is, so that no text can pretend to be
another kind. Spaces at odd places, line breaks and control tokens are visible. Given a console
and a View, prints; knows nothing of tokenizers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from tunewise.rendering.faults import NAMES, Fault
from tunewise.rendering.pieces import Mark, Piece
from tunewise.report.figures import count, counted
from tunewise.report.text import shown
from tunewise.viewing.view import Part, View

WIDEST = 100
LONGEST_CUT = 600  # characters shown of what is cut off
GUTTER: dict[Mark, str] = {"trained": "+ ", "read": "  ", "cut": "- "}
STYLES: dict[Mark, str] = {"trained": "bold green", "read": "", "cut": "red"}
CONTROL = "magenta"
BREAK, TAB, SPACE = "⏎", "⇥", "·"
KIND_WORDS = {
    "training": "as it is trained on",
    "prompt": "as it is asked",
    "encoder": "as it is encoded",
}


@dataclass(frozen=True, slots=True)
class _Char:
    """What one character of the text looks like; several columns for one that hides."""

    looks: str
    mark: Mark
    control: bool


def print_view(console: Console, view: View, *, ids: bool = False) -> None:
    """Print what a model sees of a row.

    Args:
        console: to print on; its width is used up to 100 columns, and 20 at the least.
        view: of the row.
        ids: whether to list every token with its id in place of the running text.
    """
    width = max(20, min(console.width, WIDEST))

    def say(words: str, style: str = "") -> None:
        for line in _wrapped_words(shown(words), width):
            console.print(Text(line, style=style), soft_wrap=True)

    side = f", {view.side} side" if view.side else ""
    say(f"{view.row} (id {view.id}{side}), {KIND_WORDS[view.kind]}")
    say(f"Model: {view.model}")
    for note in view.notes:
        say(note, "yellow")
    for number, part in enumerate(view.parts, start=1):
        say("")
        if len(view.parts) > 1:
            say(f"Row {number} of {len(view.parts)}", "bold")
        say(_figures(part, view))
        say("")
        for line in _ids(part) if ids else _lines(part, width):
            console.print(line, soft_wrap=True)
    say("")
    say(_legend(view), "dim")


def print_faults(console: Console, faults: Sequence[Fault], rows: int, what: str) -> None:
    """Print every row that has a fault, by its kind.

    Args:
        console: to print on.
        faults: of all rows.
        rows: that were looked at.
        what: the model and length they were looked at for, in words.
    """
    width = max(20, min(console.width, WIDEST))
    by_name: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_name[fault.name].append(fault)
    faulty = len({fault.row for fault in faults})
    said = "none has a fault" if not faults else f"{counted(faulty, 'row')} with faults"
    for line in _wrapped_words(f"{counted(rows, 'training row')} {shown(what)}: {said}.", width):
        console.print(Text(line), soft_wrap=True)
    for name in (name for name in NAMES if name in by_name):
        several = by_name[name]
        console.print(Text(f"\n{name}: {counted(len({f.row for f in several}), 'row')}", "bold"))
        first = several[0]
        words = shown(f"{first.row}: {first.reason}. {first.mend}")
        for told in (*_wrapped_words(words, width), *_places(several, width)):
            console.print(Text(told), soft_wrap=True)


def _figures(part: Part, view: View) -> str:
    """Return how many tokens there are, and of what."""
    total = part.prompt + part.answer + part.after + part.cut
    most = f" of at most {count(view.max_length)}" if view.max_length else ""
    parts = [f"{count(part.prompt)} read"]
    if view.kind == "training":
        learnt = any(p.control and p.mark == "trained" for p in part.pieces)
        parts = [f"prompt {count(part.prompt)}", f"answer {count(part.answer)}"]
        if part.answer:
            parts[1] += f" with its end {view.end_token}" if learnt else ", its end NOT among them"
    if part.after:
        parts.append(f"after it {count(part.after)}")
    if part.cut:
        parts.append(f"cut off {count(part.cut)}")
    return f"{counted(total, 'token')}{most}: {', '.join(parts)}"


def _ids(part: Part) -> Iterator[Text]:
    """Return a line per piece: what it is, its ids, its text."""
    place = 0
    for piece in part.pieces:
        numbers = " ".join(map(str, piece.ids))
        looks = shown(piece.text).replace("\n", BREAK).replace("\t", TAB)
        line = Text(f"{GUTTER[piece.mark]}{place:>6} {numbers:>9}  ")
        style = CONTROL if piece.control else STYLES[piece.mark]
        line.append(looks if piece.control else looks.replace(" ", SPACE), style=style)
        place += len(piece.ids)
        yield line


def _lines(part: Part, width: int) -> Iterator[Text]:
    """Return the text in lines that fit; a line holds one mark only."""
    for mark, chars in _runs(part.pieces):
        for line in _broken(chars, width - cell_len(GUTTER[mark])):
            text = Text(GUTTER[mark])
            for char in line:
                style = CONTROL if char.control else STYLES[mark]
                if mark == "trained":
                    style += " underline" if not char.control else " bold underline"
                text.append(char.looks, style=style)
            yield text


def _runs(pieces: Iterable[Piece]) -> Iterator[tuple[Mark, list[_Char]]]:
    """Return the characters between two changes of mark; long text that is cut off is shortened."""
    runs: list[tuple[Mark, list[_Char]]] = []
    for piece in pieces:
        if not runs or runs[-1][0] != piece.mark:
            runs.append((piece.mark, []))
        looks = [_looks(c) for c in piece.text] if not piece.control else [shown(piece.text)]
        runs[-1][1].extend(_Char(one, piece.mark, piece.control) for one in looks)
    for mark, chars in runs:
        if mark == "cut" and len(chars) > LONGEST_CUT:
            more = f" … and {count(len(chars) - LONGEST_CUT)} more characters"
            chars[LONGEST_CUT:] = [_Char(c, mark, control=True) for c in more]
        yield mark, _with_odd_spaces(chars)


def _looks(character: str) -> str:
    """Return what stands for a character: itself, if it shows and stays in its place."""
    if character == "\t":
        return TAB
    if character != " " and character.isspace() and character != "\n":
        return f"[U+{ord(character):04X}]"
    return shown(character)


def _with_odd_spaces(chars: list[_Char]) -> list[_Char]:
    """Return the characters with a dot for each space that isn't a single one between words."""

    def plain(place: int) -> bool:
        if not 0 <= place < len(chars):
            return False
        return not chars[place].control and chars[place].looks not in (" ", "\n", TAB)

    return [
        _Char(SPACE, char.mark, char.control)
        if char.looks == " " and not char.control and not (plain(n - 1) and plain(n + 1))
        else char
        for n, char in enumerate(chars)
    ]


def _broken(chars: Sequence[_Char], width: int) -> Iterator[list[_Char]]:
    """Return lines of at most `width` columns, broken after line breaks, else after spaces."""
    line: list[_Char] = []
    used = 0
    for char in chars:
        looks = BREAK if char.looks == "\n" else char.looks
        wide = cell_len(looks)
        while used + wide > width and line:  # one wide character may need a line of its own
            space = max((n for n, c in enumerate(line) if c.looks == " "), default=-1)
            kept = line[: space + 1] or line
            yield kept
            line = line[len(kept) :]
            used = sum(cell_len(c.looks) for c in line)
        line.append(_Char(looks, char.mark, char.control))
        used += wide
        if char.looks == "\n":
            yield line
            line, used = [], 0
    if line:
        yield line


def _legend(view: View) -> str:
    """Return what the signs mean, those that are on view."""
    marks = {piece.mark for part in view.parts for piece in part.pieces}
    said = []
    if "trained" in marks:
        said.append("+ is trained on.")
    if view.kind == "training":
        said.append("No sign: read, not trained on.")
    if "cut" in marks:
        said.append("- is cut off: the model never sees it.")
    signs = f"{BREAK} line break, {SPACE} space, {TAB} tab;"
    return " ".join([*said, signs, "other lines are broken only to fit."])


def _places(faults: Sequence[Fault], width: int) -> Iterator[str]:
    """Return all rows as 'train.csv: 3, 8-11', in lines that fit."""
    by_file: dict[str, set[int]] = defaultdict(set)
    for fault in faults:
        source, _, row = fault.row.rpartition(":")
        by_file[source].add(int(row))
    for source, rows in by_file.items():
        yield from _wrapped_words(f"{shown(source)}: {', '.join(ranges(sorted(rows)))}", width)


def ranges(rows: Sequence[int]) -> list[str]:
    """Return sorted numbers with runs of three or more as '8-11'."""
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][-1] + 1:
            found[-1].append(row)
        else:
            found.append([row])
    return [
        word
        for run in found
        for word in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(row) for row in run])
    ]


def _wrapped_words(text: str, width: int) -> list[str]:
    """Return a sentence in lines that fit, broken at spaces, long words anywhere."""
    lines = [""]
    for word in text.replace("\n", " ").split(" "):
        for part in chop_cells(word, width) or [""]:
            joined = f"{lines[-1]} {part}" if lines[-1] else part
            if cell_len(joined) <= width or not lines[-1]:
                lines[-1] = joined
            else:
                lines.append(part)
    return lines
