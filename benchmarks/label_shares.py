"""How far labels' shares on each side of a split are from what was asked for: BANKING77.

Test rows are drawn by the hash of their content, so that rows added later never move one from test
to train; a label's share then varies as a binomial count does, more where near copies are drawn
together, and a rare label may have no test row. Validation is drawn from the rest in equal shares.
Prints, for 200, 1,000 and 5,000 rows, the mean over seeds of: the side's share of all rows, the
standard deviation of the labels' shares beside the binomial one, and labels without a row.

    python benchmarks/label_shares.py [--seeds N]
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections import Counter
from pathlib import Path

from tunewise.data.identity import lot
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.records import Dataset, Splits
from tunewise.task.settings import DataSettings

DATA = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
SETTINGS = DataSettings(train="train.csv", input="text", target="category")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    every = sorted(read_dataset(SETTINGS, DATA).examples, key=lambda row: lot("some", row.id))
    print(f"{'rows':>6} {'side':12}{'share':>8}{'deviation':>11}{'binomial':>10}{'no row':>14}")
    for count in (200, 1_000, 5_000):
        rows = tuple(every[:count])
        labels = tuple(sorted({row.target for row in rows}))
        dataset = Dataset(rows, labels, ())
        splits = [split(dataset, SETTINGS, seed) for seed in seeds]
        for side, asked in (
            ("test", SETTINGS.test_share),
            ("validation", SETTINGS.validation_share),
        ):
            told = [figures(dataset, one, side, asked) for one in splits]
            share, deviation, binomial, none = map(statistics.mean, zip(*told, strict=True))
            print(
                f"{count:6,} {side:12}{share:8.1%}{deviation:11.1%}{binomial:10.1%}"
                f"{none:7.1f} of {len(labels)}"
            )


def figures(
    dataset: Dataset, splits: Splits, side: str, asked: float
) -> tuple[float, float, float, int]:
    """Return share, deviation of labels' shares, the binomial one, and labels without a row."""
    target = {row.id: row.target for row in dataset.examples}
    drawn = Counter(target[i] for i in getattr(splits, side))
    pool = splits.train + splits.validation + (splits.test if side == "test" else ())
    whole = Counter(target[i] for i in pool)
    shares = [drawn[label] / count for label, count in whole.items()]
    binomial = math.sqrt(statistics.mean(asked * (1 - asked) / n for n in whole.values()))
    none = sum(drawn[label] == 0 for label in dataset.labels)
    return drawn.total() / len(pool), statistics.pstdev(shares), binomial, none


if __name__ == "__main__":
    main()
