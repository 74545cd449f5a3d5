"""How fast this machine computes: products, and the very step that is to be planned.

The step is done for real with random weights: in all of a small model's layers, in a few of a large
one's, twice, carried on to all of them. That takes seconds where a training takes hours. Knows
nothing of plans.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SECONDS = 8.0  # spent on one step at most, both depths and both directions together
PRODUCT = 2048  # rows and columns
WEIGHTS = 32_768  # rows of them: 134 MB, more than a processor's caches hold
LARGEST = 400e6  # parameters of the model that is made, at most: more takes too long


@dataclass(frozen=True, slots=True)
class Rate:
    """Floating-point operations a second: at best and as a rule.

    Attributes:
        train_best, train: of a training step.
        answer_best, answer: of a forward pass alone.
    """

    train_best: float
    train: float
    answer_best: float
    answer: float


def product_rate(seconds: float = 0.6) -> float:
    """Return the operations a second of a square bf16 product on this processor."""
    import torch

    a = torch.ones(PRODUCT, PRODUCT, dtype=torch.bfloat16)
    with torch.inference_mode():
        best, _ = _seconds(lambda: a @ a, seconds)
    return 2 * PRODUCT**3 / best


def reading_rate(seconds: float = 0.3) -> float:
    """Return the bytes of bf16 weights a second that one token's product reads from memory."""
    import torch

    weights = torch.ones(WEIGHTS, PRODUCT, dtype=torch.bfloat16)
    token = torch.ones(1, PRODUCT, dtype=torch.bfloat16)
    with torch.inference_mode():
        best, _ = _seconds(lambda: torch.nn.functional.linear(token, weights), seconds)
    return float(weights.nbytes / best)


def language_rate(config: Any, arguments: Any, rows: Any) -> Rate | None:
    """Return the rates of a language model's step on these rows.

    None for one too large to try, in four bits, or whose step can't be traced.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from tunewise.models.loading import quiet_transformers
    from tunewise.training.fast.model import RowsLoss
    from tunewise.training.fast.packed import packed
    from tunewise.training.language.adapters import adapted
    from tunewise.training.language.memory import carried_on, few_layers, layers_of, shallow
    from tunewise.training.language.preflight import UNTRACEABLE
    from tunewise.training.language.traced import Step

    few, layers = few_layers(config), layers_of(config)
    if arguments.load_in_4bit or not _is_small(AutoModelForCausalLM, shallow(config, few)):
        return None
    full = arguments.method == "full"
    dtype = torch.bfloat16 if arguments.bf16 and not full else torch.float32
    batch = packed(rows)

    def step(layers: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        with quiet_transformers():
            model = AutoModelForCausalLM.from_config(shallow(config, layers), dtype=dtype)
        model = model.requires_grad_(full)
        loss = RowsLoss(model if full else adapted(model, arguments, "plan")).train()

        def forward() -> Any:
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16 and full):
                return loss(batch)

        def train() -> None:
            loss.zero_grad()
            forward().backward()

        def answer() -> None:
            with torch.no_grad():
                forward()

        return train, answer

    try:
        trace = carried_on(config, arguments, Step(rows=rows))
    except UNTRACEABLE:
        return None
    forward = trace.flops.get("forward", 0) + trace.flops.get("loss", 0) / 3
    depths = (layers,) if _is_small(AutoModelForCausalLM, config) else (few, 2 * few)
    return _rates(step, depths, layers, trace.all_flops, forward)


def encoder_rate(config: Any, arguments: Any, shape: tuple[int, int, int]) -> Rate | None:
    """Return the rates of an encoder's step on a batch of this shape."""
    import torch
    from transformers import AutoModel

    from tunewise.models.loading import quiet_peft, quiet_transformers
    from tunewise.training.encoder.classifier import EncoderClassifier
    from tunewise.training.encoder.traced import Batch, traced

    size, tokens, labels = shape
    ids = torch.ones(size, tokens, dtype=torch.long)
    answers = torch.zeros(size, dtype=torch.long)

    def step(layers: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        from copy import deepcopy

        short = deepcopy(config)
        short.num_hidden_layers = layers
        with quiet_transformers():
            encoder = AutoModel.from_config(short, attn_implementation="eager")
        if arguments.lora is not None:
            from peft import LoraConfig, TaskType, get_peft_model

            lora = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, **arguments.lora)
            with quiet_peft():
                encoder = get_peft_model(encoder, lora)
        model = EncoderClassifier(encoder, labels, config.hidden_size, arguments.pooling).train()
        optimizer = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad], lr=1e-9, fused=True
        )

        def forward() -> Any:
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
                return model(ids, torch.ones_like(ids), answers)["loss"]

        def train() -> None:
            forward().backward()
            optimizer.step()
            optimizer.zero_grad()

        def answer() -> None:
            with torch.no_grad():
                forward()

        return train, answer

    layers = int(config.num_hidden_layers)
    trace = traced(config, arguments, Batch(size, tokens, labels))
    few = max(1, min(2, layers // 2))
    depths = (layers,) if _is_small(AutoModel, config) else (few, 2 * few)
    return _rates(step, depths, layers, trace.all_flops, trace.flops.get("forward", 0))


def _is_small(kind: Any, config: Any) -> bool:
    """Whether a model is soon made.

    One that is small as a whole is measured whole: a few layers' weights stay in a processor's
    cache, and so promise too much.
    """
    from tunewise.tracing.fakes import on_meta

    made = on_meta(lambda: kind.from_config(config))
    parameters: int = sum(p.numel() for p in made.parameters())
    return parameters <= LARGEST


def _rates(
    step: Callable[[int], tuple[Callable[[], Any], Callable[[], Any]]],
    depths: tuple[int, ...],
    layers: int,
    whole: float,
    forward: float,
) -> Rate:
    """Return rates of all layers from the seconds that they take, or that two depths of less do."""
    taken = []
    for depth in depths:
        train, answer = step(depth)
        share = SECONDS / len(depths)
        taken.append((*_seconds(train, share * 2 / 3), *_seconds(answer, share / 3)))
    times = (layers - depths[0]) / depths[0]

    def on(place: int) -> float:
        less, more = taken[0][place], taken[-1][place]
        return max(less, less + max(more - less, 0.0) * times)

    return Rate(whole / on(0), whole / on(1), forward / on(2), forward / on(3))


def _seconds(work: Callable[[], Any], limit: float) -> tuple[float, float]:
    """Return the best and the median seconds of some work, done at least three times."""
    work()
    found: list[float] = []
    until = time.perf_counter() + limit
    while len(found) < 3 or time.perf_counter() < until:
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found), statistics.median(found)
