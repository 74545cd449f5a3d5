"""LoRA and QLoRA of a Llama-3.1-8B-shaped model on one CUDA card, beside TRL's SFTTrainer.

Weights are random, of the published shape; nothing is downloaded. All arms get the same token ids
in the same order, r = 16 on all linear layers, AdamW at the same rate, and the same rows per step.
Rows: whole, of 2,048 tokens each, all but the first supervised; and real, as long as the clinical
notes and contracts of the examples are with the tokenizer of SmolLM2 (cut at 2,048 tokens), their
answers supervised. Token ids are drawn from a skewed distribution, so that there is something to
learn and losses can be held against each other.

Arms:

- tunewise: as `tune: lora` trains; tunewise-compiled: with its layers compiled.
- trl-tuned: bf16 weights under bf16 autocast, loss on answers only, no checkpointing, and of the
  batch sizes 4, 2 and 1 the first that fits; real rows packed into sequences of 2,048.
- trl-liger: the same with Liger's kernels, an option of TRL's (needs the package liger-kernel).
- trl-defaults: SFTConfig as it comes (checkpointing, 8 rows to a batch) with max_length 2048.

Each method is a process of its own, in which arms take turns on the same frozen weights, each with
a new adapter and with the allocator's peak begun anew. trl-liger must be the last: Liger's kernels
stay in the model. The first two steps warm up and aren't timed. Needed FLOPs are as in finetune.py;
they are held against the card's rate for an 8192 x 8192 bf16 product, measured in the same process,
and against the peak that the maker publishes. --profile prints tunewise's longest kernels.

Goal (aim): 55% of the published peak for LoRA on whole rows. Without a card it says so and exits 0.

    python benchmarks/finetune_cuda.py --tokenizer FOLDER [--method lora|qlora] [--arms A,B]
                                       [--rows whole,real] [--model NAME] [--steps N] [--profile]
                                       [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from finetune import EXAMPLES, TASKS, Clock, arguments_of, needed_flops, trl_in_order
from side_by_side import commit
from torch import nn

from tunewise.files import write_json
from tunewise.models.configs import described
from tunewise.models.loading import load_tokenizer, quiet_peft, quiet_transformers
from tunewise.planning.doctor import cuda_rate
from tunewise.planning.hardware import hardware
from tunewise.progress import Silent
from tunewise.training.fast.packed import Row
from tunewise.training.language.adapters import adapted
from tunewise.training.language.arguments import Arguments
from tunewise.workspace.environment import environment

LENGTH = 2048
ARMS = ("tunewise", "tunewise-compiled", "trl-defaults", "trl-tuned", "trl-liger")
ROWS_PER_STEP = {"whole": 8, "real": 48}
WARM = 2  # steps that aren't timed
RATE = 3e-4
AIM = 0.55
BF16 = 0.02  # by which losses may differ
ADAPTER: dict[str, object] = {
    "r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear",
    "use_dora": False, "use_rslora": False,
}  # fmt: skip


def lengths_of(kind: str, tokenizer: Path) -> list[tuple[int, int]]:
    """Return each row's tokens, and how many of them are supervised."""
    if kind == "whole":
        return [(LENGTH + 1, LENGTH)]
    from tunewise.rendering.chat import chat_to_train
    from tunewise.rendering.rows import Renderer
    from tunewise.rendering.wording import wording
    from tunewise.viewing.material import material

    chat, found = chat_to_train(load_tokenizer(tokenizer)), []
    for task in TASKS:
        given = material(EXAMPLES / task / "task.yaml", Silent())
        renderer = Renderer(chat, wording(given.task, given.dataset.labels))
        for row in renderer.rendered(given.dataset.examples, Silent()):
            tokens = min(len(row.ids), LENGTH + 1)
            found.append((tokens, max(1, int(row.supervised[:tokens].sum()))))
    return found


def made_rows(kind: str, count: int, vocabulary: int, tokenizer: Path) -> list[Row]:
    """Return rows of skewed random tokens, as long as the data's."""
    rng = np.random.default_rng(0)
    lengths = lengths_of(kind, tokenizer)
    order = rng.permutation(len(lengths))
    found = []
    for number in range(count):
        tokens, learnt = lengths[order[number % len(order)]]
        ids = (rng.zipf(1.3, tokens) * 7919 % vocabulary).astype(np.int32)
        supervised = np.zeros(tokens, dtype=bool)
        supervised[-min(learnt, tokens - 1) :] = True
        found.append(Row(ids, supervised))
    return found


def frozen(config: Any, method: str) -> Any:
    """Return the model with random weights on the card, its linear layers in NF4 for qlora."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    if method == "qlora":
        in_nf4(model)
    return model.requires_grad_(False)


def in_nf4(model: Any) -> None:
    from bitsandbytes.nn import Linear4bit, Params4bit

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is not nn.Linear or layer is model.get_output_embeddings():
                continue
            new = Linear4bit(
                layer.in_features, layer.out_features, bias=False, device="meta",
                compute_dtype=torch.bfloat16, quant_type="nf4",
            )  # fmt: skip
            new.weight = Params4bit(
                layer.weight.data, requires_grad=False, quant_type="nf4", module=new
            ).to("cuda")
            new.quant_state = new.weight.quant_state
            setattr(parent, name, new)
    model.is_loaded_in_4bit = True
    gc.collect()
    torch.cuda.empty_cache()


def by_tunewise(
    model: Any, rows: list[Row], arguments: Arguments, *, compiled: bool, folder: Path
) -> tuple[Clock, str]:
    from tunewise.training.fast.compiled import compile_layers
    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.fast.recomputed import recompute
    from tunewise.training.language import trainer as training
    from tunewise.training.language.callbacks import LowestLoss
    from tunewise.training.language.preflight import fit_into_memory

    device = torch.device("cuda")
    torch.cuda.empty_cache()
    fit = fit_into_memory(
        model, rows, device, asked=None, arguments=arguments, where="benchmark", progress=Silent()
    )
    loss = RowsLoss(model)
    recompute(loss.causal, fit.recomputed)
    if compiled:
        compile_layers(loss.causal)
    clock = InTime()
    training.order = lambda rows, *_: list(range(rows))  # type: ignore[attr-defined]
    torch.cuda.reset_peak_memory_stats()
    trainer = training.LanguageTrainer(
        loss, arguments, rows, [], budget=fit.budget, share_beginnings=False, folder=folder,
        key="benchmark", best=LowestLoss(loss, 0, 1), callbacks=[clock], progress=Silent(),
    )  # fmt: skip
    trainer.args.logging_steps = 1
    with quiet_transformers():
        trainer.train()
    foreseen = f"{fit.peak / 1e9:.1f} GB foreseen" if fit.peak else "not foreseen"
    return clock, f"passes of {fit.budget:,} tokens, {fit.recomputed} layers anew, {foreseen}"


class InTime(Clock):
    """A clock that waits for the card."""

    def on_step_begin(self, *arguments: Any, **options: Any) -> None:
        """Start."""
        torch.cuda.synchronize()
        super().on_step_begin(*arguments, **options)

    def on_step_end(self, *arguments: Any, **options: Any) -> None:
        """Stop."""
        torch.cuda.synchronize()
        super().on_step_end(*arguments, **options)


def by_trl(
    model: Any, rows: list[Row], arm: str, *, packing: bool, tokenizer: Path, folder: Path
) -> tuple[Clock, str]:
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig

    disable_progress_bars()
    columns: dict[str, Any] = {"input_ids": [row.ids[:LENGTH].tolist() for row in rows]}
    options: dict[str, Any] = {}
    sizes: tuple[int, ...] = (8,)
    per_step = 8
    if arm != "trl-defaults":
        columns["completion_mask"] = [row.supervised[:LENGTH].astype(int).tolist() for row in rows]
        options = {"gradient_checkpointing": False, "completion_only_loss": True}
        options |= {"packing": packing, "use_liger_kernel": arm == "trl-liger"}
        sizes = (4, 2, 1)
    for size in sizes:
        clock = InTime()
        options |= {
            "per_device_train_batch_size": size, "gradient_accumulation_steps": per_step // size
        }  # fmt: skip
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        trainer = None
        try:
            with quiet_transformers():
                trainer = trl_in_order()(
                    model=model,
                    processing_class=load_tokenizer(tokenizer),
                    train_dataset=Dataset.from_dict(columns),
                    args=SFTConfig(
                        output_dir=str(folder), learning_rate=RATE, num_train_epochs=1, bf16=True,
                        lr_scheduler_type="linear", optim="adamw_torch_fused", logging_steps=1,
                        save_strategy="no", report_to="none", disable_tqdm=True,
                        max_length=LENGTH, **options,
                    ),
                    callbacks=[clock],
                )  # fmt: skip
                trainer.train()
        except torch.OutOfMemoryError:
            del trainer
            model.zero_grad()
            gc.collect()
            continue
        return clock, f"{size} rows of up to {LENGTH:,} tokens to a batch"
    return InTime(), "out of memory"


def one_method(asked: argparse.Namespace) -> None:
    """Train all arms of one method in this process; print what each finds as a line of JSON."""
    config = described(asked.model).config
    base, rate = frozen(config, asked.method), cuda_rate(random=True)
    print(json.dumps({"rate": rate}), flush=True)
    for arm in asked.arms.split(","):
        for kind in asked.rows.split(","):
            found, base = one_arm(asked, base, arm, kind)
            print(json.dumps({"arm": arm, "kind": kind} | found), flush=True)


def one_arm(
    asked: argparse.Namespace, base: Any, arm: str, kind: str
) -> tuple[dict[str, Any], Any]:
    """Train a new adapter on frozen weights; return the figures, and the weights without it."""
    per_step = ROWS_PER_STEP[kind]
    rows = made_rows(kind, per_step * asked.steps, base.config.vocab_size, asked.tokenizer)
    began = time.perf_counter()
    arguments = arguments_of(
        rate=RATE, rows_per_step=per_step, max_length=LENGTH, lora=ADAPTER,
        in_4bit=asked.method == "qlora",
    )  # fmt: skip
    if arm.startswith("tunewise"):
        model: Any = adapted(base, arguments, "benchmark")
    else:
        from peft import LoraConfig, get_peft_model

        base.set_attn_implementation("sdpa")
        torch.manual_seed(0)
        settings: Any = LoraConfig(task_type="CAUSAL_LM", **ADAPTER)
        with quiet_peft():
            model = get_peft_model(base, settings)
    with tempfile.TemporaryDirectory() as folder:
        if arm.startswith("tunewise"):
            clock, how = by_tunewise(
                model, rows, arguments, compiled=arm.endswith("compiled"), folder=Path(folder)
            )
        else:
            clock, how = by_trl(
                model, rows, arm, packing=kind == "real", tokenizer=asked.tokenizer,
                folder=Path(folder),
            )  # fmt: skip
    peak = torch.cuda.max_memory_allocated()
    timed = clock.seconds[WARM:]
    # Packed sequences aren't steps of rows: tokens are those of all rows, shared out to steps.
    each = len(timed) / max(len(clock.seconds), 1) / sum(timed) if timed else 0.0
    found = {
        "how": how,
        "tokens_per_second": each * sum(row.read for row in rows),
        "supervised_per_second": each * sum(row.targets for row in rows),
        "flops_per_second": each * sum(needed_flops(row, model) for row in rows),
        "seconds": clock.seconds,
        "losses": clock.losses,
        "peak": peak,
        "all_seconds": time.perf_counter() - began,
    }
    if asked.profile and arm.startswith("tunewise") and kind == "whole":
        found["kernels"] = longest_kernels(model, rows[:4])
    for layer in model.get_base_model().get_decoder().layers:
        layer._compiled_call_impl = None
    base = model.unload()
    del model
    gc.collect()
    torch.cuda.empty_cache()
    return found, base


def longest_kernels(model: Any, rows: list[Row], count: int = 25) -> list[tuple[str, float]]:
    """Return the kernels that take the longest in one pass of some rows, in milliseconds."""
    from torch.profiler import ProfilerActivity, profile

    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.fast.packed import packed

    loss, batch = RowsLoss(model).train(), packed(rows).to(torch.device("cuda"))
    loss(batch).backward()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        loss(batch).backward()
        torch.cuda.synchronize()
    found = [(event.key[:70], event.self_device_time_total / 1e3) for event in seen.key_averages()]
    return sorted(found, key=lambda one: -one[1])[:count]


def published_peak() -> tuple[str, float] | None:
    """Return this card's name in the catalogue and its published bf16 rate, if it is there."""
    here = torch.cuda.get_device_name().lower()
    for name, machine in hardware().items():
        if machine.kind == "cuda" and name in here:
            return name, machine.flops
    return None


def told(one: dict[str, Any], rate: float, peak: float | None) -> None:
    print(f"{one['arm']:18}{one['kind']:6}", end="")
    if not one["tokens_per_second"]:
        print(one["how"], flush=True)
        return
    curve = " ".join(f"{loss:.2f}" for loss in one["losses"])
    mfu = f"{one['flops_per_second'] / peak:6.1%}" if peak else "      "
    print(
        f"{one['tokens_per_second']:9,.0f}{one['supervised_per_second']:9,.0f}"
        f"{one['flops_per_second'] / rate:7.1%}{mfu}{one['peak'] / 1e9:8.1f} GB  {one['how']}\n"
        f"{'':24}loss {curve}",
        flush=True,
    )
    for name, milliseconds in one.get("kernels", []):
        print(f"{'':24}{milliseconds:9.1f} ms  {name}", flush=True)


def main() -> None:
    """Run, print, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--method", choices=("lora", "qlora"))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--rows", default=",".join(ROWS_PER_STEP))
    parser.add_argument("--model", default="llama-3.1-8b")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one-method", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        print("no card here, so nothing is measured")
        return
    if asked.one_method:
        one_method(asked)
        return
    peak = published_peak()
    print(f"{torch.cuda.get_device_name()}, published peak {peak}")
    print(f"{'':24}tokens/s superv./s of rate   MFU")
    written: dict[str, Any] = {"commit": commit(), "environment": environment(), "runs": {}}
    for method in [asked.method] if asked.method else ["lora", "qlora"]:
        print(f"{asked.model} {method}:", flush=True)
        written["runs"][method] = run_method(method, peak[1] if peak else None)
        if asked.json:
            write_json(asked.json, written)
    missed = _missed(written["runs"], peak[1] if peak else None)
    if missed:
        print("MISSED: " + "; ".join(missed))
    if asked.check and missed:
        sys.exit(1)


def run_method(method: str, peak: float | None) -> list[dict[str, Any]]:
    """Print and return what a fresh process finds for one method, arm by arm."""
    command = [sys.executable, *sys.argv, "--method", method, "--one-method"]
    environ = os.environ | {"PYTHONWARNINGS": "ignore"}
    found, rate = [], 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if not line.startswith('{"'):
                continue
            one = json.loads(line)
            if "rate" in one:
                rate = one["rate"]
                continue
            found.append(one)
            told(one, rate, peak)
    if running.returncode:
        print(f"{method}: ended with {running.returncode}", flush=True)
    return found


def _missed(runs: dict[str, list[dict[str, Any]]], peak: float | None) -> list[str]:
    missed = []
    for method, several in runs.items():
        whole = {one["arm"]: one for one in several if one["kind"] == "whole"}
        ours = [whole[arm] for arm in ("tunewise", "tunewise-compiled") if arm in whole]
        theirs = [whole[arm] for arm in ("trl-tuned", "trl-liger") if arm in whole]
        for one in ours:
            for other in theirs:
                pairs = list(zip(one["losses"], other["losses"], strict=False))
                worst = max((abs(a - b) / abs(b) for a, b in pairs), default=0.0)
                if worst > BF16:
                    missed.append(f"{method}: losses of {other['arm']} differ by {worst:.1%}")
        best = max((one["flops_per_second"] for one in ours), default=0.0)
        if method == "lora" and peak and ours and best < AIM * peak:
            missed.append(f"lora: {best / peak:.1%} of the published peak, the aim is {AIM:.0%}")
    return missed


if __name__ == "__main__":
    main()
