"""A training step of a language model on fakes: its memory and its operations, without its weights.

Given a model's config, the arguments and the rows of a pass, does what a step does (fit.py and
trainer.py: the model with its adapter, forward, loss, backward, clipping, AdamW) on tensors that
have no bytes, and gives back what the ledger noted. Knows nothing of cards or limits.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from tunewise.tracing.fakes import faked, fakes, on_meta
from tunewise.tracing.ledger import Ledger, Trace
from tunewise.tracing.optimizer import after_a_step
from tunewise.training.fast import attention
from tunewise.training.fast.device import AS_ON_CUDA
from tunewise.training.fast.model import PlainLoss, RowsLoss
from tunewise.training.fast.packed import Packed, Row, packed
from tunewise.training.fast.recomputed import recompute, recompute_nothing
from tunewise.training.language.adapters import adapted, in_4bit
from tunewise.training.language.arguments import Arguments

WHERE = "plan"  # what to call it in an error
# What PyTorch holds for cuBLAS and cuBLASLt on a Hopper card, 32 MiB each (its CUDABlas.cpp and
# CUDAContextLight.h); 71 MB were measured on an H100. Older cards take less.
WORKSPACES = 2 * 32 * 2**20


@dataclass(frozen=True, slots=True)
class Step:
    """The pass of a step that is traced, and what lies in memory beside it.

    Attributes:
        rows: laid end to end in the pass.
        recomputed: layers that are computed anew in the backward pass.
        further_passes: whether the gradients of an earlier pass of the step lie there.
        keeps_best: whether the best epoch's weights lie in the same memory, as on a CPU.
        on_cuda: whether it is traced as on a card, whose attention is another kernel.
    """

    rows: Sequence[Row]
    recomputed: int = 0
    further_passes: bool = True
    keeps_best: bool = False
    on_cuda: bool = False


class Traceable:
    """A model without weights whose training steps are traced, one after the other.

    Args:
        config: of the language model, as transformers has it; isn't changed.
        arguments: what is trained with.
    """

    def __init__(self, config: Any, arguments: Arguments) -> None:
        self._config = config
        self._arguments = arguments

    def trace(self, step: Step) -> Trace:
        """Return what one training step does, once the optimizer's state is there.

        Raises:
            TaskFileError: target modules that the model doesn't have.
        """
        arguments, batch = self._arguments, packed(step.rows)
        # Autocast depends on the device that a tensor says it is on; without it, meta tensors do,
        # and take a tenth of the time of fakes.
        autocast = arguments.bf16 and arguments.method == "full"
        if not autocast:
            batch = batch.to(torch.device("meta"))
        ledger = Ledger("cpu" if autocast else "meta")
        with fakes() if autocast else contextlib.nullcontext(), _as_on_cuda(step.on_cuda):
            model = faked(self._made()) if autocast else self._model
            loss = _loss(model, arguments)
            if step.recomputed:
                recompute(loss.causal, step.recomputed)
            attention._bias.cache_clear()
            try:
                with ledger:
                    _step(ledger, loss.train(), batch, arguments, step)
            finally:
                attention._bias.cache_clear()  # no fake may be met by a training
                recompute_nothing(loss.causal)
                loss.zero_grad()
        return ledger.trace()

    @cached_property
    def _model(self) -> Any:
        """The model, made once: that takes as long as a step."""
        return self._made()

    def _made(self) -> Any:
        return _on_meta(copy.deepcopy(self._config), self._arguments)


def _on_meta(config: Any, arguments: Arguments) -> Any:
    """Return the model as it is trained, on the meta device."""
    from transformers import AutoModelForCausalLM

    full = arguments.method == "full"
    dtype = torch.bfloat16 if arguments.bf16 and not full else torch.float32

    def make() -> Any:
        model = AutoModelForCausalLM.from_config(config, dtype=dtype).requires_grad_(full)
        if arguments.load_in_4bit:
            model = in_4bit(model, dtype)
        model.tie_weights()
        return model if full else adapted(model, arguments, WHERE)

    return on_meta(make)


def _loss(model: Any, arguments: Arguments) -> RowsLoss | PlainLoss:
    if "packing" in arguments.switched_off:
        return PlainLoss(model)
    return RowsLoss(model, supervised_head="head" not in arguments.switched_off)


def _step(ledger: Ledger, loss: Any, batch: Packed, arguments: Arguments, step: Step) -> None:
    trained = [p for p in loss.parameters() if p.requires_grad]
    ledger.note_all((p for p in loss.parameters() if not p.requires_grad), "frozen weights")
    ledger.note_all(trained, "trained weights")
    ledger.note_all(loss.buffers(), "frozen weights")
    optimizer = after_a_step(trained)
    state = [value for entry in optimizer.state.values() for value in entry.values()]
    ledger.note_all(state, "optimizer")
    best = [p.detach().clone() for p in trained] if step.keeps_best else []
    ledger.note_all(best, "best weights so far")
    workspaces = torch.empty(WORKSPACES * step.on_cuda, dtype=torch.uint8, device=ledger.device)
    ledger.note_all([workspaces], "cuBLAS's workspaces")
    if step.further_passes:
        _fill_gradients(trained)
    autocast = arguments.bf16 and arguments.method == "full"
    decoder = loss.causal.get_decoder()
    hook = decoder.register_forward_hook(lambda *_: ledger.begin("loss"))
    ledger.begin("forward")
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(batch)
    value = value * 0.01
    hook.remove()
    ledger.begin("backward")
    value.backward()
    ledger.note_all((p.grad for p in trained), "gradients")
    ledger.begin("optimizer step")
    if arguments.max_grad_norm:
        nn.utils.clip_grad_norm_(trained, arguments.max_grad_norm)
    optimizer.step()
    del best, workspaces


def _fill_gradients(trained: Sequence[nn.Parameter]) -> None:
    for parameter in trained:
        parameter.grad = torch.empty_like(parameter)


@contextlib.contextmanager
def _as_on_cuda(on_cuda: bool) -> Iterator[None]:
    token = AS_ON_CUDA.set(on_cuda)
    try:
        yield
    finally:
        AS_ON_CUDA.reset(token)
