"""The floor: always the label that is most frequent in train. Knows nothing of the texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.candidates import Setup
from tunewise.files import read_record, write_json
from tunewise.progress import Progress
from tunewise.records import Example, Prediction
from tunewise.task.settings import MajoritySettings


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is kept: the answer, and each label's share of the training rows, in order."""

    answer: str
    labels: tuple[str, ...]
    shares: tuple[float, ...]
    train_rows: int


class Majority:
    """Counts the labels."""

    def __init__(self, settings: MajoritySettings, setup: Setup) -> None:
        self.settings, self.setup = settings, setup

    def fit(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],  # noqa: ARG002 -- nothing is chosen
        folder: Path,
        progress: Progress,  # noqa: ARG002 -- over at once
    ) -> FittedMajority:
        """Count the labels of `train`; among equally frequent ones the first in order is taken."""
        counts = Counter(row.target for row in train)
        labels = self.setup.labels
        # The first of equals; without labels, the text that is the most frequent answer.
        answer = max(labels or sorted(counts), key=lambda label: counts[label])
        shares = tuple(counts[label] / len(train) for label in labels)
        write_json(folder / "settings.json", Learnt(answer, labels, shares, len(train)))
        return self.load(folder)

    def load(self, folder: Path) -> FittedMajority:
        """Return what answers with the label that was counted."""
        return FittedMajority(read_record(folder / "settings.json", Learnt))


class FittedMajority:
    """Answers every row alike."""

    def __init__(self, learnt: Learnt) -> None:
        self.learnt_ = learnt

    def predict(
        self,
        examples: Sequence[Example],
        progress: Progress,  # noqa: ARG002 -- over at once
    ) -> list[Prediction]:
        """Return the most frequent label for each row, with the labels' shares as its scores."""
        learnt = self.learnt_
        shares = learnt.shares or None
        return [Prediction(row.id, learnt.answer, shares) for row in examples]
