"""The rows of a dataset on their sides of the split, as the checks look at them."""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.records import Dataset, Example, Splits


@dataclass(frozen=True)
class Sides:
    """What every check is given.

    Attributes:
        dataset: with the rows that were left out.
        train, validation, test: rows on each side; rows that train_rows spares are on none.
    """

    dataset: Dataset
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def learning(self) -> tuple[Example, ...]:
        """Rows that a candidate sees before it is judged."""
        return self.train + self.validation

    @property
    def used(self) -> tuple[Example, ...]:
        """All rows on any side."""
        return self.learning + self.test


def sides(dataset: Dataset, splits: Splits) -> Sides:
    """Return the rows on their sides."""
    by_id = {row.id: row for row in dataset.examples}
    train, validation, test = (
        tuple(by_id[i] for i in ids) for ids in (splits.train, splits.validation, splits.test)
    )
    return Sides(dataset, train, validation, test)
