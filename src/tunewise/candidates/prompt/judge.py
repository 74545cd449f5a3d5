"""How well a way to ask does on validation rows, and how scored labels compare best there.

Given what asks, gives back each row's score. Knows nothing of which ways are tried, and sees no
test row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewise.candidates.prompt.asked_file import Compared
from tunewise.candidates.prompt.asker import Asker, Heard
from tunewise.candidates.prompt.normalise import NORMALISATIONS, offsets_of
from tunewise.candidates.prompt.reading import Read
from tunewise.candidates.prompt.showing import Way
from tunewise.overlap import rouge_l
from tunewise.progress import Progress
from tunewise.records import Example


class Judge:
    """Scores ways to prompt on validation rows.

    Args:
        asker: that asks.
        rows: to score on.
        progress: gets bars.

    Attributes:
        unread: replies to the last rows of each way that are no answer.
        compared: how labels compare best on them, where they were scored after thoughts.
    """

    def __init__(self, asker: Asker, rows: Sequence[Example], progress: Progress) -> None:
        self.asker, self.rows, self.progress = asker, rows, progress
        self.unread: dict[Way, int] = {}
        self.compared: dict[Way, Compared | None] = {}

    def __call__(self, way: Way, first: int) -> np.ndarray:
        """Return the scores [rows] of a way on so many of the first rows.

        Where labels were scored, they are compared as does best; of equals, the simplest way.
        """
        some = self.rows[:first]
        heard = self.asker.heard(some, way, self.progress)
        best: np.ndarray | None = None
        for compared in _to_compare(heard):
            reads = self.asker.reads(heard, way, compared.normaliser if compared else None)
            labels = self.asker.reader is not None
            scores = _scores([row.target for row in some], reads, labels=labels)
            if best is None or scores.mean() > best.mean():
                best, self.compared[way] = scores, compared
                self.unread[way] = sum(not read.is_label for read in reads)
        assert best is not None, "there is always one way to compare"
        return best


def _to_compare(heard: Heard) -> list[Compared | None]:
    """Return the ways to compare labels that were scored, the simplest first; else none."""
    if heard.logps is None:
        return [None]
    lengths = tuple(map(int, heard.logps.lengths))
    offsets = tuple(map(float, offsets_of(heard.logps.values)))
    return [Compared(how, lengths, offsets) for how in NORMALISATIONS]


def _scores(targets: Sequence[str], reads: Sequence[Read], *, labels: bool) -> np.ndarray:
    """Return each row's score, [rows]: whether the label is right, or ROUGE-L of the text."""
    pairs = zip(targets, reads, strict=True)
    if labels:
        return np.array([float(read.is_label and read.answer == target) for target, read in pairs])
    return np.array([rouge_l(target, read.answer) for target, read in pairs])
