"""All ways to use an embedded model on the same rows: prompted in every way, and tuned.

BANKING77 (77 labels) and contracts in plain English (written answers), each with
SmolLM2-135M-Instruct asked zero-shot, with fixed and with nearest training examples, with examples
that words and meaning find (retrieval), thinking first (chain of thought) and by the winner of a
prompt search; tuned are MiniLM and SmolLM2 as a classifier (BANKING77), and SmolLM2 (contracts).
Each is a candidate of one task, which tunewise.run carries out, so that figures and intervals are
those that a user would get; the run folder stays under --folder, and an interrupted benchmark
carries on there.

There is no goal but completeness: every way has a figure with an interval. --check exits 1 when one
has none. Accuracies don't depend on how busy the machine is. --rows are the test rows of each way;
those that think are judged on a fifth of them, since SmolLM2 may write 1,000 tokens on each, and
tuned candidates on all. On 2 idle cores each data set takes about 20 minutes without --tuned.
--quick: 8 rows, BANKING77 alone, without thinking.

    python benchmarks/ways.py --folder DIR [--rows N] [--validation-rows N] [--only NAME] [--tuned]
                              [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from side_by_side import commit

import tunewise
from tunewise.files import write_json
from tunewise.workspace.environment import environment

EXAMPLES = Path(__file__).parents[1] / "examples"
TASKS = {"support-tickets": "accuracy", "plain-english-contracts": "rouge_l"}
SHOTS = {"support-tickets": 8, "plain-english-contracts": 4}
TUNED: dict[str, list[dict[str, Any]]] = {
    "support-tickets": [{"encoder": {"name": "tuned"}}, {"classifier": {"name": "tuned-smollm2"}}],
    "plain-english-contracts": [
        {
            "lora": {
                "name": "tuned",
                "recipe": "quick",  # as in the example
                "allow": ["nothing-supervised", "truncated-answer"],
            }
        }
    ],
}
THINKING = 5  # of so many rows, one is thought about
SEARCHED = 8  # requests to a validation row


def ways(task: str, rows: int, validation_rows: int) -> dict[str, dict[str, Any]]:
    """Return the settings of each way to prompt, by its name."""
    shots = SHOTS[task]
    fewer = {"test_rows": max(8, rows // THINKING)}
    found: dict[str, dict[str, Any]] = {
        "zero-shot": {"shots": [0]},
        "few-shot-fixed": {"shots": [shots], "select": ["fixed"]},
        "few-shot-nearest": {"shots": [shots], "select": ["nearest"]},
        "retrieval": {"shots": [shots], "select": ["fused"]},
        "thinking": {"shots": [0], "think": [True], **fewer},
        "searched": {
            "shots": [0, shots],
            "select": ["nearest", "fused"],
            "search": {"requests": SEARCHED * validation_rows, "proposals": 2, "draws": 1},
        },
    }
    return {
        name: {"name": name, "test_rows": rows, "validation_rows": validation_rows, **settings}
        for name, settings in found.items()
    }


def task_file(task: str, folder: Path, given: argparse.Namespace) -> Path:
    """Write the example's task with these candidates; return where."""
    yaml = YAML(typ="safe")
    home = EXAMPLES / task
    told = yaml.load((home / "task.yaml").read_text(encoding="utf-8"))
    for key in ("train", "validation", "test"):
        if key in told["data"]:
            told["data"][key] = str((home / told["data"][key]).resolve())
    asked = ways(task, given.rows, given.validation_rows)
    if given.quick:
        del asked["thinking"]
    told["candidates"] = [{"prompt": settings} for settings in asked.values()]
    if given.tuned:
        told["candidates"] += TUNED[task]
    path = folder / task / "task.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(told, file)
    return path


def show(task: str, metric: str, cards: pd.DataFrame) -> None:
    """Print a data set's table."""
    print(f"\n{task}: {metric}, percent, with 95% intervals")
    print(f"{'way':<20}{'value':>8}{'low':>8}{'high':>8}{'rows':>8}{'s a row':>9}")
    for name, row in cards.iterrows():
        speed = row.rows_per_second
        each = f"{1 / speed:.2f}" if speed and not pd.isna(speed) else ""
        value, low, high = (100 * row[key] for key in (metric, f"{metric}_low", f"{metric}_high"))
        print(f"{name!s:<20}{value:>8.1f}{low:>8.1f}{high:>8.1f}{row.rows:>8}{each:>9}")


def main() -> None:
    """Run, print, check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where runs are left")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--validation-rows", type=int, default=40)
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.validation_rows, given.only = 8, 4, "support-tickets"
    found, missing = {}, []
    for task, metric in TASKS.items():
        if given.only not in (None, task):
            continue
        run = tunewise.run(task_file(task, given.folder, given))
        cards = run.scorecards
        show(task, metric, cards)
        keys = [metric, f"{metric}_low", f"{metric}_high"]
        missing += [f"{task}, {name}" for name, row in cards[keys].iterrows() if row.isna().any()]
        found[task] = {
            "verdict": run.verdict.sentence,
            "ways": cards[[*keys, "rows", "rows_per_second"]].astype(object).to_dict("index"),
        }
    if given.json:
        about = {"commit": commit(), "environment": environment(), "rows": given.rows}
        write_json(given.json, about | {"validation_rows": given.validation_rows, "found": found})
    print(f"MISSED: no figure for {'; '.join(missing)}" if missing else "every way has a figure")
    if given.check and missing:
        sys.exit(1)


if __name__ == "__main__":
    main()
