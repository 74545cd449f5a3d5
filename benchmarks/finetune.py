"""LoRA tuning beside TRL's SFTTrainer: SmolLM2-135M on clinical notes and contracts, this machine.

All arms get the same token ids in the same order, the same adapter to begin with (r = 16 on all
linear layers), AdamW at the same rate and schedule, and the same rows per step. The arms:

- tunewise: as `tune: lora` trains, uncompiled unless --compile.
- trl-defaults: SFTTrainer and SFTConfig as they come (float32, gradient checkpointing, all tokens
  of a row trained, 8 rows to a batch).
- trl-tuned: its own options at their best: bf16 weights, no checkpointing, loss on answers only,
  rows one by one with gradient accumulation (8 at once take 1.7 times as long: padding).
- trl-autocast: the same with float32 weights under bf16 autocast (--all).

Each run is a process of its own, so that its peak memory is its own; arms take turns (A B C A B C).
The first step warms up and isn't timed. Before speed, equality: tunewise's and trl-tuned's loss
curves and their losses on validation rows, all computed by one plain function, must agree within
what bfloat16 rounds (2%).

Needed FLOPs are those of the layers' products forward and to their inputs, the adapters', causal
attention's and the head's on supervised tokens; padding, and the head elsewhere, aren't needed. The
rate they are held against is that of a 2048 x 2048 bf16 product, measured between the runs.

Goals: 5 times trl-defaults, 1.5 times trl-tuned, peak memory no higher than either, 45% of the
matrix-product rate. --check exits 1 when one is missed. --quick takes under a minute: one task, two
steps, one turn, without trl-defaults. Refuses to run on a busy machine.

    python benchmarks/finetune.py [--turns N] [--steps N] [--only TASK] [--all] [--compile]
                                  [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import commit, refuse_a_busy_machine
from torch import nn
from transformers import TrainerCallback

from tunewise.files import write_json
from tunewise.models.loading import load_causal, load_tokenizer, quiet_peft, quiet_transformers
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent
from tunewise.rendering.chat import chat_to_train
from tunewise.rendering.faults import preflight
from tunewise.rendering.rows import Renderer
from tunewise.rendering.wording import wording
from tunewise.training.fast.model import PlainLoss
from tunewise.training.fast.packed import Row, packed
from tunewise.training.language.arguments import Arguments
from tunewise.viewing.material import material
from tunewise.workspace.environment import environment

TASKS = ("clinical-notes", "plain-english-contracts")
EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS_PER_STEP = 8
RATE = 5e-4
MAX_LENGTH = 1024
VALIDATION_ROWS = 24
BF16 = 0.02  # by which losses may differ
GOALS = {"trl-defaults": 5.0, "trl-tuned": 1.5}
UTILISATION = 0.45


@dataclass(frozen=True)
class Bench:
    """What all arms are given."""

    model: ModelFolder
    train: list[Row]
    validation: list[Row]


def bench(task: str, steps: int) -> Bench:
    """Return a task's rows, in the order in which they are trained."""
    given = material(EXAMPLES / task / "task.yaml", Silent())
    model = resolve("smollm2-135m-instruct", Silent())
    chat = chat_to_train(load_tokenizer(model.path))
    renderer = Renderer(chat, wording(given.task, given.dataset.labels))
    sides: dict[str, list[Row]] = {}
    for side, count in (("train", steps * ROWS_PER_STEP), ("validation", VALIDATION_ROWS)):
        examples = [e for e in given.dataset.examples if given.sides.get(e.id) == side]
        rng = np.random.default_rng(0)
        some = [examples[i] for i in rng.permutation(len(examples))[: 2 * count]]
        names = ("truncated-answer", "nothing-supervised")
        whole = [r for r in renderer.rendered(some, Silent()) if r.needed <= MAX_LENGTH]
        rows = preflight(whole, MAX_LENGTH, names).rows
        sides[side] = [Row(row.ids, row.supervised) for row in rows][:count]
    return Bench(model, sides["train"], sides["validation"])


class Clock(TrainerCallback):
    """Seconds of each step, and its loss."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start."""
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop."""
        self.seconds.append(time.perf_counter() - self.began)

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        """Keep the loss."""
        if "loss" in logs:
            self.losses.append(logs["loss"])


def adapter(model: Any, *, ours: bool) -> Any:
    """Return the model with the adapter that all arms begin with."""
    from peft import LoraConfig, get_peft_model

    from tunewise.training.fast.lora import AdaptedLinear

    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    if ours:
        config._register_custom_module({nn.Linear: AdaptedLinear})
    torch.manual_seed(0)
    with quiet_peft():
        return get_peft_model(model, config)


def arguments_of(
    *, rate: float, rows_per_step: int, max_length: int, lora: dict[str, object], in_4bit: bool
) -> Arguments:
    """Return what tunewise trains with for an epoch, as plain as every arm."""
    return Arguments(
        method="lora",
        learning_rate=rate,
        num_train_epochs=1,
        train_batch_size=rows_per_step,
        weight_decay=0.0,
        warmup_ratio=0.0,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        max_length=max_length,
        bf16=True,
        seed=0,
        lora=lora,
        load_in_4bit=in_4bit,
        patience=1,
        train_on="all",
        switched_off=(),
    )


def trl_in_order() -> Any:
    """Return TRL's trainer, its rows left in their order."""
    from torch.utils.data import Sampler, SequentialSampler
    from trl import SFTTrainer

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, _: Any = None) -> Sampler[int]:
            return SequentialSampler(self.train_dataset)

    return InOrder


def by_tunewise(given: Bench, folder: Path, *, compiled: bool) -> tuple[Any, Clock]:
    """Train as the candidate does, but for the order of rows, which is all arms'."""
    from tunewise.training.fast.compiled import compile_layers
    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.language import trainer as training
    from tunewise.training.language.callbacks import LowestLoss
    from tunewise.training.language.preflight import BUDGETS

    model = adapter(load_causal(given.model.path, torch.bfloat16).requires_grad_(False), ours=True)
    loss = RowsLoss(model)
    if compiled:
        compile_layers(loss.causal)
    arguments = arguments_of(
        rate=RATE, rows_per_step=ROWS_PER_STEP, max_length=MAX_LENGTH, lora={}, in_4bit=False
    )
    clock = Clock()
    training.order = lambda rows, *_: list(range(rows))  # type: ignore[attr-defined]
    trainer = training.LanguageTrainer(
        loss,
        arguments,
        given.train,
        [],
        budget=BUDGETS["cpu"],
        share_beginnings=True,
        folder=folder,
        key="benchmark",
        best=LowestLoss(loss, 0, 1),
        callbacks=[clock],
        progress=Silent(),
    )
    trainer.args.logging_steps = 1
    with quiet_transformers():
        trainer.train()
    return model, clock


def by_trl(given: Bench, folder: Path, arm: str) -> tuple[Any, Clock]:
    """Train with SFTTrainer."""
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig

    disable_progress_bars()
    columns: dict[str, Any] = {"input_ids": [row.ids.tolist() for row in given.train]}
    options: dict[str, Any] = {"max_length": MAX_LENGTH}
    dtype, accumulated = torch.float32, 1
    if arm != "trl-defaults":
        columns["completion_mask"] = [row.supervised.astype(int).tolist() for row in given.train]
        options |= {"gradient_checkpointing": False, "completion_only_loss": True}
    if arm == "trl-tuned":
        dtype, options["bf16"] = torch.bfloat16, False
        accumulated = ROWS_PER_STEP  # rows one by one, so that nothing is padded: its best here
    elif arm == "trl-autocast":
        options["bf16"] = True
    else:
        options["bf16"] = False  # on a CPU without it by default, as here, this is what comes
    clock = Clock()
    with quiet_peft(), quiet_transformers():
        model = adapter(load_causal(given.model.path, dtype).requires_grad_(False), ours=False)
        trainer = trl_in_order()(
            model=model,
            processing_class=load_tokenizer(given.model.path),
            train_dataset=Dataset.from_dict(columns),
            args=SFTConfig(
                output_dir=str(folder),
                learning_rate=RATE,
                num_train_epochs=1,
                per_device_train_batch_size=ROWS_PER_STEP // accumulated,
                gradient_accumulation_steps=accumulated,
                lr_scheduler_type="linear",
                optim="adamw_torch_fused",
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
                **options,
            ),
            callbacks=[clock],
        )
        trainer.train()
    return model, clock


def one_run(task: str, arm: str, steps: int) -> dict[str, Any]:
    """Train one arm in this process and return its figures."""
    given = bench(task, steps)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        if arm.startswith("tunewise"):
            compiled = arm.endswith("compiled")
            model, clock = by_tunewise(given, Path(folder), compiled=compiled)
        else:
            model, clock = by_trl(given, Path(folder), arm)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    timed = given.train[ROWS_PER_STEP:]
    return {
        "seconds": clock.seconds,
        "losses": clock.losses,
        "timed_rows": len(timed),
        "timed_tokens": sum(len(row.ids) for row in timed),
        "timed_supervised": sum(row.targets for row in timed),
        "needed_flops": sum(needed_flops(row, model) for row in timed),
        "peak_mb": peak,
        "before_mb": before,
        "validation_loss": validation_loss(model, given),
    }


def needed_flops(row: Row, model: Any) -> float:
    """Return the FLOPs that one step on a row needs."""
    causal = model.get_base_model()
    config = causal.config
    frozen = sum(
        module.get_base_layer().in_features * module.get_base_layer().out_features
        for module in causal.modules()
        if hasattr(module, "get_base_layer")
    )
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    heads = config.num_attention_heads * config.head_dim * config.num_hidden_layers
    seen = row.read * (row.read + 1) / 2
    attention = 3 * 2 * 2 * seen * heads
    head = 2 * 2 * row.targets * config.vocab_size * config.hidden_size
    return float(row.read * (4 * frozen + 6 * trained) + attention + head)


def validation_loss(model: Any, given: Bench) -> float:
    """Return the mean loss over the validation rows' supervised tokens, the plain way."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    fresh = adapter(load_causal(given.model.path, torch.bfloat16), ours=False)
    set_peft_model_state_dict(fresh, get_peft_model_state_dict(model))
    loss = PlainLoss(fresh).eval()
    with torch.no_grad():
        total = sum(float(loss(packed([row]))) for row in given.validation)
    return total / sum(row.targets for row in given.validation)


def product_rate(size: int = 2048, turns: int = 7) -> float:
    """Return the FLOPs per second of a square bf16 product, the median of some."""
    one, other = (torch.randn(size, size).bfloat16() for _ in range(2))
    seconds = []
    for _ in range(turns + 2):
        began = time.perf_counter()
        one @ other
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / statistics.median(seconds[2:])


def run_arm(task: str, arm: str, steps: int) -> dict[str, Any]:
    """Return what a fresh process finds for one arm."""
    command = [sys.executable, str(Path(__file__).resolve()), "--task", task, "--arm", arm]
    told = subprocess.run(
        [*command, "--steps", str(steps)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run, print, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.arm:
        print(json.dumps(one_run(asked.task, asked.arm, asked.steps)))
        return
    refuse_a_busy_machine()
    arms = ["tunewise", "trl-tuned"] + ([] if asked.quick else ["trl-defaults"])
    arms += ["trl-autocast"] * asked.all + ["tunewise-compiled"] * asked.compile
    tasks = [asked.only] if asked.only else TASKS[:1] if asked.quick else TASKS
    turns, steps = (1, 2) if asked.quick else (asked.turns, asked.steps)
    missed: list[str] = []
    written: dict[str, Any] = {"commit": commit(), "environment": environment(), "tasks": {}}
    for task in tasks:
        rates, runs = [product_rate()], {arm: [] for arm in arms}  # type: ignore[var-annotated]
        for _ in range(turns):
            for arm in arms:
                runs[arm].append(run_arm(task, arm, steps))
                rates.append(product_rate())
        missed += told(task, runs, statistics.median(rates))
        written["tasks"][task] = {"rate": rates, "runs": runs}
    if asked.json:
        write_json(asked.json, written)
    if missed:
        print("MISSED: " + "; ".join(missed))
    if asked.check and missed:
        sys.exit(1)


def told(task: str, runs: dict[str, list[dict[str, Any]]], rate: float) -> list[str]:
    """Print a task's figures and return the goals that were missed."""
    speeds = {
        arm: statistics.median(r["timed_tokens"] / sum(r["seconds"][1:]) for r in several)
        for arm, several in runs.items()
    }
    peaks = {arm: statistics.median(r["peak_mb"] for r in some) for arm, some in runs.items()}
    first = {arm: several[0] for arm, several in runs.items()}
    one = first["tunewise"]
    flops_per_token = one["needed_flops"] / one["timed_tokens"]
    print(
        f"\n{task}: {one['timed_rows']} rows timed, {one['timed_tokens']:,} tokens,"
        f" {one['timed_supervised']:,} of them supervised; bf16 products at"
        f" {rate / 1e9:,.0f} GFLOP/s"
    )
    print(f"{'':18}{'tokens/s':>9}{'superv./s':>10}{'times':>7}{'of rate':>8}{'peak MB':>9}"
          f"{'valid.':>8}  loss by step")  # fmt: skip
    for arm, speed in speeds.items():
        supervised = speed * one["timed_supervised"] / one["timed_tokens"]
        curve = " ".join(f"{loss:.2f}" for loss in first[arm]["losses"])
        print(
            f"{arm:18}{speed:9.0f}{supervised:10.0f}{speeds['tunewise'] / speed:7.2f}"
            f"{speed * flops_per_token / rate:8.0%}{peaks[arm]:9.0f}"
            f"{first[arm]['validation_loss']:8.3f}  {curve}"
        )
    return _missed(task, speeds, peaks, first, speeds["tunewise"] * flops_per_token / rate)


def _missed(
    task: str,
    speeds: dict[str, float],
    peaks: dict[str, float],
    first: dict[str, dict[str, Any]],
    utilisation: float,
) -> list[str]:
    missed = []
    for arm, goal in GOALS.items():
        if arm in speeds and speeds["tunewise"] < goal * speeds[arm]:
            missed.append(f"{task}: {speeds['tunewise'] / speeds[arm]:.2f} times {arm}, not {goal}")
        if arm in peaks and peaks["tunewise"] > peaks[arm]:
            missed.append(f"{task}: peak {peaks['tunewise']:.0f} MB, {arm} {peaks[arm]:.0f} MB")
    ours, theirs = first["tunewise"], first["trl-tuned"]
    pairs = [(ours["validation_loss"], theirs["validation_loss"])]
    pairs += list(zip(ours["losses"], theirs["losses"], strict=True))
    worst = max(abs(a - b) / abs(b) for a, b in pairs)
    if worst > BF16:
        missed.append(f"{task}: losses differ by {worst:.1%}")
    if utilisation < UTILISATION:
        missed.append(f"{task}: {utilisation:.0%} of the rate of bf16 products")
    return missed


if __name__ == "__main__":
    main()
