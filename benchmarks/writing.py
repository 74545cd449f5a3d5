"""Answers written side by side, beside the same ones by transformers' generate in batches.

SmolLM2-135M-Instruct answers conversations of the clinical notes, whose answers differ much in
length. In batches of like length (transformers' generate) all wait for the longest answer; side by
side, rows come and go. The two take turns.

Before speed, equality: with weights in float32, the same tokens (the first 64 of each answer at
most). Speed is in bfloat16, as the model is used, in tokens per second: there rounding, which
depends on who is read together, may part answers of equal worth, so their lengths differ. Goal: at
least 1.3 times as fast; --check exits 1 when it is missed or an answer differs.

    python benchmarks/writing.py [--rows N] [--tokens N] [--turns N] [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path

import torch
from side_by_side import commit

from tunewise.engines.generation import Writer
from tunewise.files import write_json
from tunewise.models.loading import load_causal, load_tokenizer, stop_ids
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.workspace.environment import environment

MODEL = "smollm2-135m-instruct"
ROWS = Path(__file__).parents[1] / "examples/clinical-notes/data/ValidationSet.csv"
INSTRUCTION = "Write the section of the clinical note that this conversation gives rise to."
GOAL = 1.3
COMPARED = 64  # tokens of each answer, in float32


def main() -> None:
    """Measure, print, and exit 1 when the goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=500, help="of an answer at most")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    folder = resolve(MODEL, Silent()).path
    asked = prompts(folder, given.rows)
    same = equal(folder, asked)
    print(f"{same} of {len(asked)} answers the same token by token in float32")
    writers = both(folder, torch.bfloat16)
    for one in writers.values():
        one.write(asked[:2], 4, Silent())
    seconds: dict[str, list[float]] = {how: [] for how in writers}
    tokens: dict[str, int] = {}
    for _ in range(given.turns):
        for how, one in writers.items():
            began = time.perf_counter()
            answers = one.write(asked, given.tokens, Silent())
            seconds[how].append(time.perf_counter() - began)
            tokens[how] = sum(len(answer.ids) + answer.ended for answer in answers)
    rates = {how: tokens[how] / statistics.median(each) for how, each in seconds.items()}
    times = rates["side by side"] / rates["generate"]
    for how, rate in rates.items():
        median = statistics.median(seconds[how])
        print(f"{how:14} {median:6.1f} s  {rate:6.1f} tokens/s  {tokens[how]:,} tokens")
    print(f"{times:.2f} times as fast")
    if given.json:
        result = {"seconds": seconds, "tokens": tokens, "times": times, "same": same}
        about = {"rows": len(asked), "commit": commit(), "environment": environment()}
        write_json(given.json, {**result, **about})
    if given.check and (times < GOAL or same < len(asked)):
        sys.exit(f"below {GOAL} times, or answers differ")


def both(folder: Path, dtype: torch.dtype) -> dict[str, Writer]:
    """Return both ways of writing, each with a model of its own."""
    ends = sorted(stop_ids(folder))
    writers = {
        how: Writer(load_causal(folder, dtype).eval(), ends, 0)
        for how in ("generate", "side by side")
    }
    writers["generate"]._masked = False  # as for models whose attention takes no mask of ours
    return writers


def equal(folder: Path, asked: list[list[int]]) -> int:
    """Return how many answers both ways write alike when nothing is rounded to bfloat16."""
    answers = [one.write(asked, COMPARED, Silent()) for one in both(folder, torch.float32).values()]
    return sum(a == b for a, b in zip(*answers, strict=True))


def prompts(folder: Path, rows: int) -> list[list[int]]:
    """Return conversations as the model is asked about them, as tokens."""
    tokenizer = load_tokenizer(folder)
    with ROWS.open(encoding="utf-8", newline="") as file:
        texts = [row["dialogue"] for row in csv.DictReader(file)][:rows]
    return [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": f"{INSTRUCTION}\n\n{text}"}],
            add_generation_prompt=True,
            return_dict=True,
        )["input_ids"]
        for text in texts
    ]


if __name__ == "__main__":
    main()
