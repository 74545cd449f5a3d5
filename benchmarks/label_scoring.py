"""Label scoring beside the naive way: 77 BANKING77 labels, SmolLM2-135M-Instruct, this machine.

Naive: the whole prompt (instruction, list of labels, ticket) is read anew for each label, one
forward pass per label, or 8 labels in one pass if a trial shows that to be faster; the output
layer is computed for the label's tokens alone. Ours: the prompt's shared part is read once, then
each ticket with the trie of all labels in one pass. Both use the same model, number format and
threads, in one process, in turn on the same tickets.

Before speed, equality: in float32 the log-probabilities must agree within 1e-3 nats. In bf16, which
keeps 8 bits, no two orders of summing agree, so both ways are held against the float32 scores of
16 labels: ours must not be further from them than the naive way is (root mean square, half as
much again allowed for chance).

Goals: at least 15 times the naive speed; --check exits 1 when it, or equality, is missed.
--quick (under a minute) times the naive way on every ninth label of one ticket and multiplies.

    python benchmarks/label_scoring.py [--rows N] [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import commit, timed

from tunewise.candidates.prompt.conversation import Conversation
from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.naive_scoring import naive_scores
from tunewise.engines.precision import fastest_dtype
from tunewise.files import write_json
from tunewise.models.loading import load_causal, load_tokenizer
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import template_texts
from tunewise.workspace.environment import environment

GOAL = 15.0  # times the naive speed
EXACT = 1e-3  # nats, in float32
NOISE = 1.5  # times the naive way's distance from float32
REPEATS = 3  # of ours per ticket, the median counts
TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data" / "train.csv"
INSTRUCTION = "Find the intent of a message that a customer wrote to the support of a banking app."


@dataclass(frozen=True)
class Result:
    """What was measured. Differences are largest absolute ones, in nats or as a share."""

    rows: int
    labels: int
    naive_labels: int
    prompt_tokens: float
    shared_tokens: int
    trie_nodes: int
    dtype: str
    naive_batch: int
    naive_seconds: float
    ours_seconds: float
    ours_together_seconds: float
    prefix_seconds: float
    ratio: float
    difference_float32: float
    naive_off: float
    ours_off: float
    difference: float
    difference_share: float
    answers_agree: float

    @property
    def equal(self) -> bool:
        """Whether the scores are the same but for rounding."""
        within_noise = self.dtype == "float32" or self.ours_off <= NOISE * self.naive_off
        return self.difference_float32 < EXACT and within_noise


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=3, help="tickets on which both are timed")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    result = measured(given.model, 1 if given.quick else given.rows, 9 if given.quick else 1)
    table(result)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "result": result}
        write_json(given.json, {**about, "goal": GOAL, "quick": given.quick})
    met = result.equal and result.ratio >= GOAL
    print(
        f"{'met' if met else 'MISSED'}: {result.ratio:.1f} times the naive speed (goal {GOAL:g}),"
        f" scores {'equal' if result.equal else 'NOT equal'}"
    )
    if given.check and not met:
        sys.exit(1)


def measured(model_name: str, rows: int, every: int) -> Result:
    """Time both ways, in turn, on the first `rows` tickets; naive on every so-manieth label."""
    folder = resolve(model_name, Silent()).path
    texts, labels = tickets()
    talk = Conversation(load_tokenizer(folder), label_texts(labels), INSTRUCTION, template_texts())
    prompts = [talk.prompt_ids(text) for text in texts]
    shared, some = talk.shared_ids(0), talk.label_ids[::every]
    sample = list(range(0, len(labels), len(labels) // 16))[:16]
    difference, exact = in_float32(folder, prompts[0], talk, shared, sample)

    model = load_causal(folder, fastest_dtype("cpu"))

    def naive(size: int, prompt: Sequence[int]) -> Callable[[], np.ndarray]:
        return lambda: naive_scores(model, [prompt], some, batch=size)

    def ours(prompt: Sequence[int]) -> Callable[[], np.ndarray]:
        return lambda: scorer.scores([prompt])

    batch = faster_batch(model, prompts[0], some[:8])
    prefix_seconds, scorer = timed(lambda: LabelScorer(model, talk.label_ids, shared))
    scorer.scores(prompts[:1])  # the first call chooses kernels
    times: list[tuple[float, float]] = []
    ours_found, naive_found = [], []
    for prompt in prompts[:rows]:
        tries = [timed(ours(prompt)) for _ in range(REPEATS)]
        slow, plain = timed(naive(batch, prompt))
        times.append((statistics.median(t for t, _ in tries), slow * len(labels) / len(some)))
        ours_found.append(tries[0][1][0, ::every])
        naive_found.append(plain[0])
    together, _ = timed(lambda: scorer.scores(prompts))
    sampled = [talk.label_ids[i] for i in sample]
    naive_sample = naive_scores(model, prompts[:1], sampled, batch=batch)[0]
    trie, plain = np.stack(ours_found), np.stack(naive_found)
    off = np.abs(trie - plain)
    fast, slow = (statistics.median(column) for column in zip(*times, strict=True))
    return Result(
        rows=rows,
        labels=len(labels),
        naive_labels=len(some),
        prompt_tokens=statistics.mean(map(len, prompts)),
        shared_tokens=len(shared),
        trie_nodes=len(scorer.trie.tokens),
        dtype=str(model.dtype).removeprefix("torch."),
        naive_batch=batch,
        naive_seconds=slow,
        ours_seconds=fast,
        ours_together_seconds=together / len(prompts),
        prefix_seconds=prefix_seconds,
        ratio=slow / fast,
        difference_float32=difference,
        naive_off=root_mean_square(naive_sample - exact),
        ours_off=root_mean_square(scorer.scores(prompts[:1])[0, sample] - exact),
        difference=float(off.max()),
        difference_share=float((off / np.abs(plain)).max()),
        answers_agree=float((trie.argmax(1) == plain.argmax(1)).mean()),
    )


def in_float32(
    folder: Path,
    prompt: Sequence[int],
    talk: Conversation,
    shared: Sequence[int],
    sample: Sequence[int],
) -> tuple[float, np.ndarray]:
    """Return the largest difference between both ways in float32, and the naive way's scores.

    Args:
        folder: of the model.
        prompt: one ticket's.
        talk: knows the labels' tokens.
        shared: tokens that all prompts begin with.
        sample: numbers of the labels that are scored.
    """
    model = load_causal(folder, torch.float32)
    ours = LabelScorer(model, talk.label_ids, shared).scores([prompt])[0, sample]
    plain = naive_scores(model, [prompt], [talk.label_ids[i] for i in sample])[0]
    return float(np.abs(ours - plain).max()), plain


def root_mean_square(values: np.ndarray) -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt(np.square(values).mean()))


def tickets(count: int = 12) -> tuple[list[str], list[str]]:
    """Return some texts, far apart in the file and so of different labels, and all labels."""
    with TICKETS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows[:: len(rows) // count]][:count]
    return texts, sorted({row["category"] for row in rows})


def faster_batch(model: Any, prompt: Sequence[int], some: Sequence[Sequence[int]]) -> int:
    """Return how many labels the naive way should read at once: 1 or 8, whichever is faster."""
    times = {
        size: min(
            timed(partial(naive_scores, model, [prompt], some, batch=size))[0] for _ in range(2)
        )
        for size in (1, 8)
    }
    return min(times, key=lambda size: times[size])


def table(result: Result) -> None:
    """Print what was measured."""
    of = f"on {result.naive_labels} labels, scaled" if result.naive_labels < result.labels else ""
    together = f"{result.naive_batch} labels a pass" if result.naive_batch > 1 else "1 label a pass"
    print(
        f"{result.labels} labels in a trie of {result.trie_nodes} nodes; prompts of"
        f" {result.prompt_tokens:.0f} tokens, {result.shared_tokens} of them shared;"
        f" {result.dtype}, {torch.get_num_threads()} threads; {result.rows} tickets"
    )
    print(f"{'':34}{'s per ticket':>14}{'tickets/s':>11}{'times naive':>13}")
    for name, each in (
        (f"naive, {together} {of}", result.naive_seconds),
        ("ours, one ticket at a time", result.ours_seconds),
        ("ours, 12 tickets together", result.ours_together_seconds),
    ):
        faster = result.naive_seconds / each
        print(f"{name:34}{each:14.3f}{1 / each:11.3f}{faster:13.1f}")
    print(f"shared part, once per run: {result.prefix_seconds:.2f} s")
    print(
        f"largest difference: {result.difference_float32:.1e} nats in float32;"
        f" {result.difference:.3f} nats ({result.difference_share:.2%}) in {result.dtype};"
        f" same best label on {result.answers_agree:.0%} of tickets"
    )
    print(
        f"distance from float32 (root mean square): naive {result.naive_off:.3f} nats, ours"
        f" {result.ours_off:.3f} nats in {result.dtype}"
    )


if __name__ == "__main__":
    main()
