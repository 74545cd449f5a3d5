"""Several replies to one question -> one answer: self-consistency (Wang et al. 2022).

Labels are voted on; of texts, the one that agrees most with the others is taken. Knows nothing of
engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunewise.candidates.prompt.reading import Read
from tunewise.overlap import rouge_l

TEMPERATURE = 0.7  # at which replies that vote are drawn, as the paper has it


def voted(reads: Sequence[Read], labels: Sequence[str]) -> Read:
    """Return the answer that most replies give, with each label's share of the votes.

    Ties go to the answer that was given first. A reply that is no label is no vote; if none is
    one, the first stands.

    Args:
        reads: of the replies to one question, at least one.
        labels: the legal answers; none where answers are texts.
    """
    if len(reads) == 1:
        return reads[0]
    legal = [read for read in reads if read.is_label]
    if not legal:
        return reads[0]
    if not labels:
        return _most_agreeing(legal)
    votes = Counter(read.answer for read in legal)  # keeps the order in which answers came
    answer = max(votes, key=lambda label: votes[label])
    shares = tuple(votes[label] / len(legal) for label in labels)
    first = next(read for read in legal if read.answer == answer)
    return Read(answer, True, shares, first.reasoning)


def _most_agreeing(reads: Sequence[Read]) -> Read:
    agree = [np.mean([rouge_l(other.answer, read.answer) for other in reads]) for read in reads]
    return reads[int(np.argmax(agree))]
