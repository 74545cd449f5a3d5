"""Encoder tuning beside plain transformers.Trainer: MiniLM-L6 on BANKING77, this machine.

Both get the same texts, seed, epochs and examples per step, and are timed from texts and a loaded
model to trained weights (tokenising included, validation left out), in turn: A B A B. Trainer is
used as its documentation shows it: AutoModelForSequenceClassification, TrainingArguments and
DataCollatorWithPadding with their defaults. --fair adds a third arm, timed once: Trainer at our
learning rate, so that its accuracy isn't held back by a default meant for larger models.

Before speed, equality: on the test tickets ours must not be worse than any arm of Trainer by more
than chance explains (the 95% interval of the paired difference reaches zero or is ours).

Goals: at least 2.5 times Trainer's examples per second at accuracy that is no worse; --check exits
1 when either is missed. --quick takes under a minute: 1,000 rows, one epoch, one turn. Two turns
of everything take about 17 minutes.

    python benchmarks/encoder.py [--turns N] [--fair] [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from side_by_side import commit, timed
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from tunewise.candidates.encoder import prepared_encoder
from tunewise.engines.precision import computes_in_bf16
from tunewise.evaluation.differences import paired_difference
from tunewise.files import write_json
from tunewise.models.loading import load_encoder, load_tokenizer, most_tokens, quiet_transformers
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent
from tunewise.records import Interval
from tunewise.task.settings import EncoderSettings
from tunewise.training.encoder.arguments import Arguments, effective
from tunewise.training.encoder.batches import Padding, batches_by_length, tokenised
from tunewise.training.encoder.fit import Job, Texts, device, tuned
from tunewise.workspace.environment import environment

GOAL = 2.5  # times Trainer's examples per second
TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Texts and the index of each one's label."""

    texts: list[str]
    labels: list[int]


@dataclass(frozen=True)
class Bench:
    """What both ways are given."""

    model: ModelFolder
    train: Rows
    test: Rows
    names: list[str]
    arguments: Arguments

    @property
    def examples(self) -> int:
        """Examples that are trained on, all epochs together."""
        return len(self.train.texts) * self.arguments.num_train_epochs


@dataclass(frozen=True)
class Arm:
    """One way: seconds of each turn, examples per second at the median, accuracy on test."""

    name: str
    learning_rate: float
    seconds: tuple[float, ...]
    examples_per_second: float
    accuracy: float
    right: tuple[bool, ...]


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=2, help="trainings of each way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fair", action="store_true", help="Trainer at our learning rate too")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    bench = prepared(given.seed, rows=1000 if given.quick else None, quick=given.quick)
    ours, plain, *more = measured(bench, 1 if given.quick else given.turns, fair=given.fair)
    ratios = [slow / fast for slow, fast in zip(plain.seconds, ours.seconds, strict=True)]
    ratio = statistics.median(ratios)
    leads = {arm.name: lead(ours, arm) for arm in (plain, *more)}
    table(bench, (plain, *more, ours))
    for name, found in leads.items():
        print(
            f"ours minus {name}: {100 * found.value:+.2f} points"
            f" ({100 * found.low:+.2f} to {100 * found.high:+.2f})"
        )
    no_worse = all(found.high >= 0 for found in leads.values())
    met = no_worse and ratio >= GOAL
    if given.json:
        figures = {
            "commit": commit(),
            "environment": environment(),
            "arms": [ours, plain, *more],
        }
        write_json(given.json, {**figures, "ratio": ratio, "leads": leads, "goal": GOAL})
    print(
        f"{'met' if met else 'MISSED'}: {ratio:.2f} times Trainer's examples per second (goal"
        f" {GOAL:g}), accuracy {'no worse' if no_worse else 'WORSE'}"
    )
    if given.check and not met:
        sys.exit(1)


def prepared(seed: int, *, rows: int | None, quick: bool) -> Bench:
    """Read the tickets, fetch the model, choose the arguments as a run would."""
    model = resolve("minilm-l6", Silent())
    train, test = read("train.csv", rows), read("test.csv", None)
    names = sorted({*train[1], *test[1]})
    index = {name: number for number, name in enumerate(names)}
    encoder, tokenizer = load_encoder(model.path), load_tokenizer(model.path)
    arguments = effective(
        EncoderSettings.model_validate({"num_train_epochs": 1} if quick else {}),
        rows=len(train[0]),
        parameters=encoder.num_parameters(),
        max_length=most_tokens(encoder.config, tokenizer) or int(tokenizer.model_max_length),
        bf16=computes_in_bf16("auto", device()),
        seed=seed,
    )
    learnt, judged = (
        Rows(texts, [index[label] for label in labels]) for texts, labels in (train, test)
    )
    return Bench(model, learnt, judged, names, arguments)


def read(name: str, rows: int | None) -> tuple[list[str], list[str]]:
    """Return texts and labels of a file, of its first `rows` rows spread over it."""
    with (TICKETS / name).open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    step = 1 if rows is None else len(found) // rows
    return [row["text"] for row in found[::step]], [row["category"] for row in found[::step]]


def measured(bench: Bench, turns: int, *, fair: bool) -> list[Arm]:
    """Return ours, Trainer, and if asked for Trainer at our learning rate; two of them in turn."""
    default = TrainingArguments(output_dir="unused", use_cpu=True).learning_rate
    rate = bench.arguments.learning_rate
    fast: list[tuple[float, Indices]] = []
    slow: list[tuple[float, Indices]] = []
    for _ in range(turns):
        fast.append(ours(bench))
        slow.append(plain_trainer(bench, default))
    arms = [arm("tunewise", rate, fast, bench), arm("Trainer", default, slow, bench)]
    if fair:
        arms.append(arm("Trainer, our rate", rate, [plain_trainer(bench, rate)], bench))
    return arms


def arm(name: str, rate: float, turns: Sequence[tuple[float, Indices]], bench: Bench) -> Arm:
    """Return the figures of one way; accuracy is its first turn's, as every turn has one seed."""
    seconds = tuple(spent for spent, _ in turns)
    right = turns[0][1] == np.asarray(bench.test.labels)
    speed = bench.examples / statistics.median(seconds)
    return Arm(name, rate, seconds, speed, float(right.mean()), tuple(map(bool, right)))


def ours(bench: Bench) -> tuple[float, Indices]:
    """Tune as the candidate `encoder` does; return the seconds and the answers to the test rows."""
    tokenizer = load_tokenizer(bench.model.path)
    encoder = prepared_encoder(load_encoder(bench.model.path), None, "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            train=Texts(bench.train.texts, bench.train.labels),
            validation=Texts([], []),
            labels=bench.names,
            arguments=bench.arguments,
            folder=Path(folder),
            model_fingerprint=bench.model.fingerprint,
        )
        seconds, done = timed(lambda: tuned(encoder, tokenizer, job, Silent()))
    ids = tokenised(tokenizer, bench.test.texts, bench.arguments.max_length).ids
    answers = np.empty(len(ids), dtype=np.int64)
    padding = Padding(tokenizer.pad_token_id)
    with torch.inference_mode():
        for rows in batches_by_length([len(row) for row in ids]):
            logits = done.model(**padding.padded([ids[row] for row in rows]))["logits"]
            answers[rows] = logits.argmax(-1).numpy()
    return seconds, answers


def plain_trainer(bench: Bench, rate: float) -> tuple[float, Indices]:
    """Tune with Trainer's defaults; return the seconds and the answers to the test rows."""
    tokenizer = load_tokenizer(bench.model.path)
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            str(bench.model.path), num_labels=len(bench.names)
        )

    def rows_of(rows: Rows) -> list[dict[str, Any]]:
        read = tokenizer(rows.texts, truncation=True, max_length=bench.arguments.max_length)
        return [
            {"input_ids": ids, "attention_mask": mask, "labels": label}
            for ids, mask, label in zip(
                read["input_ids"], read["attention_mask"], rows.labels, strict=True
            )
        ]

    with tempfile.TemporaryDirectory() as folder:

        def trained() -> Trainer:
            trainer = Trainer(
                model=model,
                args=TrainingArguments(
                    output_dir=folder,
                    num_train_epochs=bench.arguments.num_train_epochs,
                    per_device_train_batch_size=bench.arguments.per_device_train_batch_size,
                    learning_rate=rate,
                    seed=bench.arguments.seed,
                    use_cpu=not torch.cuda.is_available(),
                    report_to="none",
                    disable_tqdm=True,
                    dataloader_pin_memory=torch.cuda.is_available(),
                ),
                train_dataset=rows_of(bench.train),
                data_collator=DataCollatorWithPadding(tokenizer),
            )
            trainer.train()
            return trainer

        seconds, trainer = timed(trained)
        predicted = trainer.predict(rows_of(bench.test))
    return seconds, np.asarray(predicted.predictions).argmax(-1)


def lead(one: Arm, other: Arm) -> Interval:
    """Return by how much `one` answers more test rows rightly, with its 95% interval."""
    first, second = np.asarray(one.right), np.asarray(other.right)
    return paired_difference(int((first & ~second).sum()), int((second & ~first).sum()), len(first))


def table(bench: Bench, arms: Sequence[Arm]) -> None:
    """Print what was measured."""
    arguments = bench.arguments
    print(
        f"{len(bench.train.texts):,} tickets, {arguments.num_train_epochs} epochs,"
        f" {arguments.per_device_train_batch_size} examples per step, seed {arguments.seed};"
        f" {torch.get_num_threads()} threads; ours in {'bf16' if arguments.bf16 else 'float32'}"
    )
    print(f"{'':20}{'lr':>8}{'seconds':>18}{'examples/s':>13}{'test accuracy':>16}")
    for one in arms:
        spent = ", ".join(f"{seconds:.1f}" for seconds in one.seconds)
        print(
            f"{one.name:20}{one.learning_rate:>8g}{spent:>18}{one.examples_per_second:>13.1f}"
            f"{one.accuracy:>16.2%}"
        )


if __name__ == "__main__":
    main()
