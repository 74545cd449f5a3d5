"""The user's documents as passages, and which of them a text points at.

Given a folder of texts, gives back passages of a few sentences; given a text, the passages that
words (BM25) and meaning (embeddings) find, both rankings fused. Knows nothing of prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.candidates.prompt.embedded import load_embedded, save_embedded
from tunewise.candidates.prompt.lexical import Lexical
from tunewise.candidates.prompt.shots import Embeds
from tunewise.candidates.prompt.showing import NEAR, Way, fused, nearest
from tunewise.errors import DataError, FileMissing
from tunewise.progress import Progress
from tunewise.records import Example
from tunewise.task.settings import PromptSettings

SUFFIXES = (".txt", ".md", ".markdown", ".rst")
WORDS = 120  # of a passage at most; encoders read about as much
OVERLAP = 20  # words that a passage repeats of the one before it, in the same paragraph
PASSAGES = "passages"  # what the files in a folder are named by


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of a document."""

    source: str
    text: str


def passages_in(folder: Path) -> list[Passage]:
    """Return the passages of all texts in a folder and below, in the order of their names.

    Raises:
        FileMissing: there is no such folder.
        DataError: it holds no text, or one that isn't UTF-8.
    """
    if not folder.is_dir():
        raise FileMissing(
            "the folder of documents isn't there",
            where=str(folder),
            mend="Check `documents`; relative paths start at the task's folder.",
        )
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(
                f"the document isn't UTF-8 (byte {error.start})",
                where=str(file),
                mend="Save it so.",
            ) from error
        name = file.relative_to(folder).as_posix()
        found += [Passage(name, part) for part in parts(text)]
    if not found:
        kinds = ", ".join(SUFFIXES)
        raise DataError(
            f"the folder holds no text to look up ({len(files)} files of the kinds {kinds})",
            where=str(folder),
            mend="Put texts into it, or leave out `documents`.",
        )
    return found


def parts(text: str) -> list[str]:
    """Return a text in parts: short paragraphs joined, long ones cut with a little overlap."""
    found: list[str] = []
    held: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        words = paragraph.split()
        if not words:
            continue
        if len(held) + len(words) <= WORDS:
            held += words
            continue
        if held:
            found.append(" ".join(held))
        start = 0
        while len(words) - start > WORDS:
            found.append(" ".join(words[start : start + WORDS]))
            start += WORDS - OVERLAP
        held = words[start:]
    return [*found, " ".join(held)] if held else found


class Library:
    """Passages that can be looked up.

    Args:
        embedder: of texts; the one that embedded the passages.
        passages: at least one.
        embeddings: of them, of unit length, [passages, hidden].
    """

    def __init__(
        self, embedder: Embeds, passages: Sequence[Passage], embeddings: np.ndarray
    ) -> None:
        self._embedder, self._passages, self._embeddings = embedder, passages, embeddings
        self._lexical = Lexical([passage.text for passage in passages])

    def passages(self, texts: Sequence[str], count: int) -> list[list[str]]:
        """Return the passages that each text points at, the best first."""
        similar = self._embedder.embed(list(texts)) @ self._embeddings.T  # [texts, passages]
        found = []
        for text, of_text in zip(texts, similar, strict=True):
            most = NEAR * count
            both = [nearest(of_text, most), self._lexical.ranking(text, most)]
            found.append([self._passages[n].text for n in fused(both, count)])
        return found

    def save(self, folder: Path) -> None:
        """Write the passages and their embeddings into a folder."""
        save_embedded(folder, PASSAGES, self._passages, self._embeddings)


def library_of(
    settings: PromptSettings,
    setup: Setup,
    embedder: Embeds,
    questions: Embeds,
    progress: Progress,
) -> Library | None:
    """Return the library of a candidate's documents; None where it names none.

    Args:
        settings: name the folder.
        setup: tells where relative folders start.
        embedder: of the passages.
        questions: the same for the texts that are looked up.
        progress: gets a line.
    """
    if settings.documents is None:
        return None
    folder = setup.task_folder / settings.documents
    found = passages_in(folder)
    some = "1 passage" if len(found) == 1 else f"{len(found):,} passages"
    progress.line(f"Documents: {some} in {settings.documents}.")
    return Library(questions, found, embedder.embed([p.text for p in found], progress))


def looked_up(
    library: Library | None, examples: Sequence[Example], way: Way
) -> Sequence[Sequence[str]]:
    """Return the passages that a way shows with each example: none where none are wanted."""
    if way.passages == 0 or not examples:
        return [()] * len(examples)
    assert library is not None, "passages need a library"
    return library.passages([example.input for example in examples], way.passages)


def load_library(folder: Path, embedder: Embeds) -> Library:
    """Return the library that `save` wrote into a folder.

    Raises:
        RunFolderError: it isn't as it was written.
    """
    return Library(embedder, *load_embedded(folder, PASSAGES, Passage))
