"""The user's own words -> words that are safe and honest to show.

Characters that would hide, reorder or break what is around them are made visible; long texts are
shortened and say so. Knows nothing of HTML: escaping is the template's; Markdown's is here.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_TEXT = 600  # characters of a row's text that are shown
LONGEST_LABEL = 80
LONGEST_MARKDOWN = 600

_KEPT = {"\n", "\t", "\u200c", "\u200d", "\u200e", "\u200f"}  # breaks, joiners, harmless marks
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats, lone surrogates, odd breaks
_TAG = re.compile(r"<(?=[A-Za-z/!?])")  # what Markdown takes for HTML or a link
_MARKDOWN = re.compile(
    r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.|^[#>=]|^[+-](?=[\s-]|$)|(?<=^\d)[.)](?=\s|$))"
)


def shown(text: str) -> str:
    """Return `text` with every control, reordering or invisible character made visible."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in _KEPT else _visible(c) for c in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)  # Unicode's own pictures of control characters
    return f"[U+{code:04X}]"


def shortened(text: str, most: int = LONGEST_TEXT) -> str:
    """Return at most `most` characters of `text`, with its full length where it is longer."""
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()} … ({len(text):,} characters in all)"


def one_line(text: str, most: int = LONGEST_LABEL) -> str:
    """Return `text` on one line, its line breaks made visible, shortened to `most` characters."""
    return shortened(shown(text).replace("\n", "⏎").replace("\t", "␉"), most)


def middle_cut(text: str, most: int) -> str:
    """Return `text` with its middle left out where it is longer than `most` characters."""
    if len(text) <= most:
        return text
    head = (most - 1 + 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def markdown(text: str) -> str:
    """Return `text` on one line so that Markdown and HTML show it as it is."""
    flat = one_line(text, LONGEST_MARKDOWN).replace("&", "&amp;")
    return _MARKDOWN.sub(r"\\\1", _TAG.sub("&lt;", flat))
