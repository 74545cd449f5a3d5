"""What tunewise plan foresees, held against what is measured or published.

- memory: peak bytes of live tensors of the real trainers (LanguageTrainer, EncoderTrainer: two
  epochs, validation in between) against the trace made without weights, for SmolLM2-135M (full,
  LoRA, QLoRA; no layers and all layers computed anew) and MiniLM-L6 (full, LoRA; it has no layers
  computed anew), five shapes each. The real peak is noted by the same ledger, and independently by
  PyTorch's profiler, which is told of every allocation and release of the CPU's allocator.
- cuda: the trace as on a card against max_memory_allocated, where there is a card.
- published: our figure for settings that torchtune, litgpt and others published.
- story: Llama 2 7B, LoRA, 1,500 rows on one A10G: published as about 4 hours, under 50 dollars.
- speed: seconds and memory that planning a 7B, 8B and 70B model takes.
- time: seconds of a real SmolLM2 LoRA training against those foreseen on this machine.

Goals: memory within 2% of the ledger's; within 5% on a card; a 7B or 8B model in 10 s and 2 GB, a
70B in 30 s; time within 15% (on an idle machine). --check exits 1 when one is missed. --quick: two
shapes, memory and speed only.

    python benchmarks/plan.py [--only PART] [--model smollm2|minilm] [--how full|lora|qlora]
                              [--json FILE] [--check] [--quick]
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import commit
from transformers import AutoConfig

from tunewise.files import write_json
from tunewise.models.configs import described
from tunewise.models.loading import load_encoder, quiet_transformers
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.task.settings import EncoderSettings, FullSettings, LoraCandidateSettings
from tunewise.tracing.ledger import Ledger
from tunewise.training.fast.packed import Row
from tunewise.workspace.environment import environment

SHAPES = ((1, 512), (2, 256), (4, 128), (8, 64), (3, 200))  # rows and tokens of a pass or batch
MEMORY, CARD, TIME = 0.02, 0.05, 0.15
PLAN_SECONDS = {"llama-2-7b": 10.0, "llama-3.1-8b": 10.0, "llama-3.3-70b": 30.0}
PLAN_GB = 2.0
ON_CARDS = (
    "smollm2-135m-instruct", "qwen2.5-0.5b", "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b",
)  # fmt: skip
CARD_SETTINGS = (
    *((name, "lora", anew) for name in ON_CARDS for anew in (False, True)),
    ("llama-3.2-1b", "qlora", False),
    ("llama-3.1-8b", "qlora", False),
)
GIB = 2**30
MAIN = "from tunewise.cli.main import main; main()"


@dataclass(frozen=True)
class Compared:
    """One setting: bytes foreseen, bytes the ledger saw, bytes the profiler saw."""

    model: str
    how: str
    anew: bool
    rows: int
    tokens: int
    foreseen: int
    real: int
    profiled: int | None

    @property
    def off(self) -> float:
        """By what share the foreseen peak is off."""
        return self.foreseen / self.real - 1


def made_rows(count: int, tokens: int, learnt: int) -> list[Row]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        supervised = np.zeros(tokens + 1, dtype=bool)
        supervised[-learnt:] = True
        found.append(Row(rng.integers(5, 40_000, tokens + 1).astype(np.int32), supervised))
    return found


def noted(train: Callable[[], Any], ledger: Ledger) -> tuple[int, int | None]:
    """Return the peak that the ledger sees, and the one that the profiler sees, of a training."""
    from torch.profiler import ProfilerActivity, profile

    before = sum(life.size for life in ledger.lives if life.went is None)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen, ledger:
        train()
    now = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return ledger.trace().peak, before + most


def language(how: str, anew: bool, rows: int, tokens: int) -> Compared:
    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.fast.recomputed import recompute
    from tunewise.training.language.adapters import trainable
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.callbacks import LowestLoss
    from tunewise.training.language.memory import carried_on
    from tunewise.training.language.traced import Step
    from tunewise.training.language.trainer import LanguageTrainer

    path = resolve("smollm2-135m-instruct", Silent()).path
    common: dict[str, Any] = {"num_train_epochs": 2, "train_batch_size": 2 * rows}
    settings: Any = (
        FullSettings(**common)
        if how == "full"
        else LoraCandidateSettings(**common, load_in_4bit=how == "qlora")
    )
    arguments = effective(
        settings, rows=2 * rows, parameters=135_000_000, max_length=2048, bf16=True, seed=0
    )
    data = made_rows(2 * rows, tokens, max(4, tokens // 4))
    layers = 30 if anew else 0
    config = AutoConfig.from_pretrained(str(path))
    foreseen = carried_on(config, arguments, Step(data[:rows], layers, keeps_best=True))
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        model = trainable(path, arguments, torch.device("cpu"), "benchmark")
        loss = RowsLoss(model)
        recompute(loss.causal, layers)
        trainer = LanguageTrainer(
            loss, arguments, data, data[:2], budget=rows * tokens, share_beginnings=False,
            folder=Path(folder), key="key", best=LowestLoss(loss, 2, 9), callbacks=[],
            progress=Silent(),
        )  # fmt: skip
        ledger = Ledger()
        ledger.note_all([*loss.parameters(), *loss.buffers()], "weights")
        real, profiled = noted(trainer.train, ledger)
    return Compared("smollm2", how, anew, rows, tokens, foreseen.peak, real, profiled)


def encoder(how: str, rows: int, tokens: int) -> Compared:
    from tunewise.candidates.encoder import prepared_encoder
    from tunewise.training.callbacks import BestWeights
    from tunewise.training.encoder import preflight
    from tunewise.training.encoder.arguments import effective, lora_settings
    from tunewise.training.encoder.batches import LabelledRows, Padding
    from tunewise.training.encoder.classifier import EncoderClassifier
    from tunewise.training.encoder.traced import Batch, traced
    from tunewise.training.encoder.trainer import EncoderTrainer
    from tunewise.training.encoder.vocabulary import keep_occurring_rows

    path, labels = resolve("minilm-l6", Silent()).path, 77
    settings = EncoderSettings(
        lora=how == "lora", num_train_epochs=2, per_device_train_batch_size=rows
    )
    arguments = effective(
        settings, rows=2 * rows, parameters=22_700_000, max_length=512, bf16=True, seed=0
    )
    rng = np.random.default_rng(0)
    ids = [rng.integers(5, 3000, tokens - row).tolist() for row in range(2 * rows)]
    known = {token for row in ids for token in row} | {0}
    data = LabelledRows(ids, [row % labels for row in range(2 * rows)])
    config = AutoConfig.from_pretrained(str(path))
    foreseen = traced(config, arguments, Batch(rows, tokens, labels, len(known), padded=rows > 1))
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        made = prepared_encoder(load_encoder(path), lora_settings(settings), "benchmark")
        model = EncoderClassifier(made, labels, config.hidden_size)
        if made.get_input_embeddings().weight.requires_grad:
            keep_occurring_rows(made, known)
        preflight.check_step(model, data, Padding(0), arguments, "benchmark")
        trainer = EncoderTrainer(
            model, arguments, data, LabelledRows(ids[:2], [0, 1]), padding=Padding(0),
            folder=Path(folder), key="key", best=BestWeights(model, "accuracy", 2), callbacks=[],
        )  # fmt: skip
        ledger = Ledger()
        ledger.note_all([*model.parameters(), *model.buffers()], "weights")
        real, profiled = noted(trainer.train, ledger)
    return Compared("minilm", how, False, rows, tokens, foreseen.peak, real, profiled)


def memory(asked: argparse.Namespace) -> list[Compared]:
    shapes = SHAPES[:2] if asked.quick else SHAPES
    found = []
    for model, hows in (("smollm2", ("full", "lora", "qlora")), ("minilm", ("full", "lora"))):
        if asked.model not in (None, model):
            continue
        for how in hows:
            if asked.how not in (None, how):
                continue
            for anew in (False, True) if model == "smollm2" else (False,):
                for rows, tokens in shapes:
                    one = (
                        language(how, anew, rows, tokens)
                        if model == "smollm2"
                        else encoder(how, rows, tokens)
                    )
                    found.append(one)
                    gc.collect()
                    profiled = "" if one.profiled is None else f"{one.profiled / 1e6:9.1f}"
                    print(
                        f"{model:8} {how:6} {'anew' if anew else '':5} {rows:2} x {tokens:3}"
                        f" {one.foreseen / 1e6:9.1f} {one.real / 1e6:9.1f} {one.off:+7.2%}"
                        f" {profiled}",
                        flush=True,
                    )
    return found


# Settings as published, and what was published, in bytes.
PUBLISHED = (
    ("torchtune README: Llama 3.1 8B, LoRA, 4090, 2 x 2,048 packed, compiled", "llama-3.1-8b",
     {"r": 8, "lora_alpha": 16}, 2, 2048, True, 16.2 * GIB),
    ("torchtune README: Llama 3.1 8B, QLoRA, 4090, 2 x 2,048 packed, compiled", "llama-3.1-8b",
     {"r": 8, "lora_alpha": 16, "load_in_4bit": True}, 2, 2048, True, 7.4 * GIB),
    ("litgpt: Llama 2 7B, LoRA of q and v, A100, 1 x 1,304 (Alpaca)", "llama-2-7b",
     {"r": 8, "target_modules": ["q_proj", "v_proj"]}, 1, 1304, False, 21.3e9),
    ("litgpt: the same with NF4", "llama-2-7b",
     {"r": 8, "target_modules": ["q_proj", "v_proj"], "load_in_4bit": True}, 1, 1304, False,
     14.1e9),
)  # fmt: skip


def published() -> list[dict[str, Any]]:
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.memory import carried_on
    from tunewise.training.language.traced import Step

    found = []
    for words, name, lora, rows, tokens, anew, theirs in PUBLISHED:
        config = described(name).config
        arguments = effective(
            LoraCandidateSettings(num_train_epochs=1, **lora),
            rows=1000, parameters=8_000_000_000, max_length=tokens, bf16=True, seed=0,
        )  # fmt: skip
        layers = config.num_hidden_layers if anew else 0
        data = made_rows(rows, tokens, tokens)
        trace = carried_on(
            config, arguments, Step(data, layers, further_passes=False, on_cuda=True)
        )
        found.append({"setting": words, "ours": trace.peak, "theirs": theirs, "kinds": trace.kinds})
        print(f"{words}: ours {trace.peak / 1e9:.1f} GB ({trace.peak / GIB:.1f} GiB),"
              f" theirs {theirs / 1e9:.1f} GB", flush=True)  # fmt: skip
        print("   ", {kind: round(size / 1e9, 2) for kind, size in trace.kinds.items()})
    return found


STORY = """task: story
kind: generation
data: {train: rows.jsonl, input: input, target: output}
candidates:
  - lora: {model: llama-2-7b, num_train_epochs: 3, test_rows: 1}
"""


def story() -> dict[str, Any]:
    """Plan 1,500 interaction logs of about 700 tokens on an A10G; their length is our guess."""
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        lines = []
        for number in range(1875):  # a fifth is kept back to judge on
            words = int(rng.lognormal(6.0, 0.5))
            text = " ".join(f"event{rng.integers(0, 999)}" for _ in range(words // 3))
            row = {"input": f"{number} {text}", "output": "the next step is " + text[:200]}
            lines.append(json.dumps(row))
        (Path(folder) / "rows.jsonl").write_text("\n".join(lines))
        (Path(folder) / "task.yaml").write_text(STORY)
        told = _plan(Path(folder) / "task.yaml", "a10g")
    total = next(t for t in told["totals"] if t["machine"] == "a10g")
    seconds, usd = total["seconds"], total["usd"]
    print(f"story: rows {told['rows']}, tokens {told['lengths']}: "
          f"{seconds['low'] / 3600:.1f} to {seconds['high'] / 3600:.1f} h, "
          f"{usd['low']:.2f} to {usd['high']:.2f} dollars", flush=True)  # fmt: skip
    return {"lengths": told["lengths"], "seconds": seconds, "usd": usd}


def _plan(task: Path, on: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MAIN, "plan", str(task), "--on", on, "--json"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


SPEED = """task: speed
kind: generation
data: {{train: rows.csv, input: text, target: answer}}
candidates:
  - lora: {{model: {model}}}
"""


def speed() -> list[dict[str, Any]]:
    """Plan each model for all cards in a process of its own; the processor's time counts."""
    found = []
    for model, limit in PLAN_SECONDS.items():
        with tempfile.TemporaryDirectory() as folder:
            rng = np.random.default_rng(0)  # words at random, as no two rows are near copies
            texts = (
                " ".join(f"word{w}" for w in rng.integers(0, 9999, 10 + n % 90)) for n in range(400)
            )
            rows = "\n".join(f"{text},answer {n}" for n, text in enumerate(texts))
            (Path(folder) / "rows.csv").write_text(f"text,answer\n{rows}\n")
            (Path(folder) / "task.yaml").write_text(SPEED.format(model=model))
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            _plan(Path(folder) / "task.yaml", "h100")
            wall = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        gigabytes = after.ru_maxrss / 1e6
        found.append({"model": model, "wall": wall, "cpu": cpu, "gb": gigabytes, "limit": limit})
        print(f"{model}: {wall:.1f} s ({cpu:.1f} s of the processor), {gigabytes:.2f} GB,"
              f" limit {limit:.0f} s", flush=True)  # fmt: skip
    return found


def duration() -> dict[str, Any]:
    """Train SmolLM2 by LoRA on rows of mixed lengths, and foresee how long that takes."""
    from tunewise.planning.measured import language_rate
    from tunewise.planning.rates import UNSETTLED
    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.language.adapters import trainable
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.callbacks import LowestLoss
    from tunewise.training.language.memory import carried_on
    from tunewise.training.language.traced import Step
    from tunewise.training.language.trainer import LanguageTrainer

    path = resolve("smollm2-135m-instruct", Silent()).path
    config = AutoConfig.from_pretrained(str(path))
    lengths = np.random.default_rng(1).integers(60, 260, 48)
    data = [row for length in lengths for row in made_rows(1, int(length), int(length) // 4)]
    arguments = effective(
        LoraCandidateSettings(num_train_epochs=1), rows=len(data), parameters=135_000_000,
        max_length=2048, bf16=True, seed=0,
    )  # fmt: skip
    some = sorted(data, key=lambda row: row.read)[3::8][:6]
    rate = language_rate(config, arguments, some)
    assert rate is not None
    whole = sum(row.read for row in data)
    flops = carried_on(config, arguments, Step(some)).all_flops
    all_flops = flops / sum(row.read for row in some) * whole
    foreseen = all_flops / rate.train
    low, high = all_flops / rate.train_best * UNSETTLED.low, foreseen * UNSETTLED.high
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        loss = RowsLoss(trainable(path, arguments, torch.device("cpu"), "benchmark"))
        trainer = LanguageTrainer(
            loss, arguments, data, [], budget=1024, share_beginnings=False, folder=Path(folder),
            key="key", best=LowestLoss(loss, 0, 9), callbacks=[], progress=Silent(),
        )  # fmt: skip
        began = time.perf_counter()
        trainer.train()
        taken = time.perf_counter() - began
    print(f"time: foreseen {foreseen:.1f} s ({low:.1f} to {high:.1f}), taken {taken:.1f} s,"
          f" {foreseen / taken - 1:+.0%}", flush=True)  # fmt: skip
    return {"foreseen": foreseen, "low": low, "high": high, "taken": taken}


def cuda(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Hold the trace as on a card against max_memory_allocated, with random weights."""
    if not torch.cuda.is_available():
        print("cuda: no card here, so nothing of it is measured")
        return []
    from finetune_cuda import frozen

    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.fast.packed import packed
    from tunewise.training.fast.recomputed import recompute
    from tunewise.training.language.adapters import adapted
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.memory import carried_on
    from tunewise.training.language.traced import Step

    found = []
    for name, how, anew in CARD_SETTINGS[:4] if asked.quick else CARD_SETTINGS:
        config = described(name).config
        settings = LoraCandidateSettings(num_train_epochs=1, load_in_4bit=how == "qlora")
        arguments = effective(
            settings, rows=100, parameters=10**9, max_length=2048, bf16=True, seed=0
        )
        data = made_rows(4, 512, 128)
        layers = config.num_hidden_layers if anew else 0
        step = Step(data, layers, further_passes=False, on_cuda=True)
        foreseen = carried_on(config, arguments, step).peak
        model = frozen(config, how)
        loss = RowsLoss(adapted(model, arguments, "benchmark")).train()
        recompute(loss.causal, layers)
        trained = [p for p in loss.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, fused=True)
        batch = packed(data).to(torch.device("cuda"))
        for turn in range(2):
            if turn:
                torch.cuda.reset_peak_memory_stats()
            (loss(batch) * 0.01).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        real = torch.cuda.max_memory_allocated()
        found.append({"model": name, "how": how, "anew": anew, "foreseen": foreseen, "real": real})
        print(f"{name} {how} {'anew' if anew else '':5} {foreseen / 1e9:.3f} {real / 1e9:.3f} GB"
              f" {foreseen / real - 1:+.2%}", flush=True)  # fmt: skip
        del loss, model, optimizer, trained
        gc.collect()
        torch.cuda.empty_cache()
    return found


def missed(told: dict[str, Any]) -> list[str]:
    wrong = [
        f"{one.model} {one.how} {one.rows} x {one.tokens}: {one.off:+.2%}"
        for one in told.get("memory", [])
        if abs(one.off) > MEMORY
    ]
    wrong += [
        f"{one['model']} {one['how']} on a card: {one['foreseen'] / one['real'] - 1:+.2%}"
        for one in told.get("cuda", [])
        if abs(one["foreseen"] / one["real"] - 1) > CARD
    ]
    wrong += [
        f"planning {one['model']}: {one['wall']:.1f} s, {one['gb']:.2f} GB"
        for one in told.get("speed", [])
        if one["wall"] > one["limit"] or (one["limit"] < 20 and one["gb"] > PLAN_GB)
    ]
    timed = told.get("time")
    if timed and abs(timed["foreseen"] / timed["taken"] - 1) > TIME:
        wrong.append(f"time: {timed['foreseen']:.1f} s foreseen, {timed['taken']:.1f} s taken")
    return wrong


PARTS = ("memory", "cuda", "published", "story", "speed", "time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--model", choices=("smollm2", "minilm"))
    parser.add_argument("--how", choices=("full", "lora", "qlora"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    parts = [asked.only] if asked.only else ["memory", "speed"] if asked.quick else list(PARTS)
    does: dict[str, Callable[[], Any]] = {
        "memory": lambda: memory(asked), "cuda": lambda: cuda(asked), "published": published,
        "story": story, "speed": speed, "time": duration,
    }  # fmt: skip
    told = {part: does[part]() for part in parts}
    if asked.json:
        plain = told | {"memory": [asdict(one) for one in told.get("memory", [])]}
        write_json(asked.json, plain | {"environment": environment(), "commit": commit()})
    wrong = missed(told)
    if asked.check and wrong:
        print("missed: " + "; ".join(wrong))
        sys.exit(1)


if __name__ == "__main__":
    main()
