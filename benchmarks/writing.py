"""Answers written side by side, beside the same ones by transformers' generate in batches.

SmolLM2-135M-Instruct answers conversations of the clinical notes, whose answers differ much in
length. In batches of like length (transformers' generate) all wait for the longest answer; side by
side, rows come and go. The two take turns.

Before speed, equality: the same tokens, but where rounding in bfloat16 parts them; printed is how
many answers are the same token by token. Goal: at least 1.3 times as fast; --check exits 1 when it
is missed.

    python benchmarks/writing.py [--rows N] [--tokens N] [--turns N] [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path

from side_by_side import commit

from tunewise.engines.generation import Writer, Written
from tunewise.files import write_json
from tunewise.models.loading import load_causal, load_tokenizer, stop_ids
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.workspace.environment import environment

MODEL = "smollm2-135m-instruct"
ROWS = Path(__file__).parents[1] / "examples/clinical-notes/data/ValidationSet.csv"
INSTRUCTION = "Write the section of the clinical note that this conversation gives rise to."
GOAL = 1.3


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
    writers = {how: writer(folder) for how in ("generate", "side by side")}
    writers["generate"]._masked = False  # as for models whose attention takes no mask of ours
    asked = prompts(folder, given.rows)
    for one in writers.values():
        one.write(asked[:2], 4, Silent())
    seconds: dict[str, list[float]] = {how: [] for how in writers}
    answers: dict[str, list[Written]] = {}
    for _ in range(given.turns):
        for how, one in writers.items():
            began = time.perf_counter()
            answers[how] = one.write(asked, given.tokens, Silent())
            seconds[how].append(time.perf_counter() - began)
    taken = {how: statistics.median(each) for how, each in seconds.items()}
    times = taken["generate"] / taken["side by side"]
    same = sum(a == b for a, b in zip(*answers.values(), strict=True))
    for how, median in taken.items():
        tokens = sum(len(one.ids) + one.ended for one in answers[how])
        print(f"{how:14} {median:6.1f} s  {tokens / median:6.1f} tokens/s  {tokens:,} tokens")
    print(f"{times:.2f} times as fast; {same} of {len(asked)} answers the same token by token")
    if given.json:
        result = {"seconds": seconds, "times": times, "same": same, "rows": len(asked)}
        write_json(given.json, {**result, "commit": commit(), "environment": environment()})
    if given.check and times < GOAL:
        sys.exit(f"below {GOAL} times")


def writer(folder: Path) -> Writer:
    """Return what writes with a model of its own."""
    return Writer(load_causal(folder).eval(), sorted(stop_ids(folder)), 0)


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
