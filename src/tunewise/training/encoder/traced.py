"""A training step of an encoder on tensors without bytes: its memory and its operations.

Given an encoder's config, the arguments and the shape of a batch, does what a step does (fit.py and
trainer.py: encoder with head, forward, loss, backward, clipping, AdamW) and gives back what the
ledger noted. Knows nothing of cards or limits.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tunewise.models.loading import quiet_peft
from tunewise.tracing.fakes import faked, fakes, on_meta
from tunewise.tracing.ledger import Ledger, Trace
from tunewise.tracing.optimizer import after_a_step
from tunewise.training.encoder.arguments import Arguments
from tunewise.training.encoder.classifier import EncoderClassifier


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is traced, and what lies in memory beside it.

    Attributes:
        rows, tokens: its shape, padding included.
        labels: of the task.
        occurring: tokens whose embeddings are trained, see vocabulary.py; None for all.
        on_cuda: whether it is traced as on a card: with fused attention, best weights elsewhere.
        padded: whether a row is shorter than the others; else attention needs no mask.
    """

    rows: int
    tokens: int
    labels: int
    occurring: int | None = None
    on_cuda: bool = False
    padded: bool = True


def traced(config: Any, arguments: Arguments, batch: Batch) -> Trace:
    """Return what one training step does, once the optimizer's state is there."""
    model = on_meta(lambda: _made(copy.deepcopy(config), arguments, batch))
    ledger = Ledger()
    with fakes():  # meta tensors won't do: whether a mask is needed is asked of its values
        model = faked(model).train()
        if not batch.padded:  # the values of a fake mask can't be asked, so a mask would be made
            model.encoder.register_forward_pre_hook(_without_mask, with_kwargs=True)
        inputs = _inputs(batch)
        _freeze_unused(model, inputs, arguments)
        with ledger:
            _step(ledger, model, inputs, arguments, keeps_best=not batch.on_cuda)
    return ledger.trace()


def _without_mask(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, kwargs | {"attention_mask": None}


def _made(config: Any, arguments: Arguments, batch: Batch) -> EncoderClassifier:
    from transformers import AutoModel

    how = "sdpa" if batch.on_cuda else "eager"
    encoder = AutoModel.from_config(config, dtype=torch.float32, attn_implementation=how)
    if arguments.lora is not None:
        from peft import LoraConfig, TaskType, get_peft_model

        lora: Any = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, **arguments.lora)
        with quiet_peft():
            encoder = get_peft_model(encoder, lora)
    elif batch.occurring is not None:
        whole = encoder.get_input_embeddings()
        kept = min(batch.occurring, whole.num_embeddings)
        encoder.set_input_embeddings(nn.Embedding(kept, whole.embedding_dim, padding_idx=0))
    return EncoderClassifier(encoder, batch.labels, config.hidden_size, arguments.pooling)


def _inputs(batch: Batch) -> dict[str, Tensor]:
    shape = (batch.rows, batch.tokens)
    return {
        "input_ids": torch.ones(shape, dtype=torch.long),
        "attention_mask": torch.ones(shape, dtype=torch.long),
        "labels": torch.zeros(batch.rows, dtype=torch.long),
    }


def _loss(model: nn.Module, inputs: dict[str, Tensor], arguments: Arguments) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
        found: Tensor = model(**inputs)["loss"]
    return found


def _freeze_unused(model: nn.Module, inputs: dict[str, Tensor], arguments: Arguments) -> None:
    """Freeze what gets no gradient, as the training's own trial step does."""
    _loss(model, inputs, arguments).backward()
    for parameter in model.parameters():
        if parameter.grad is None:
            parameter.requires_grad_(False)
        parameter.grad = None


def _step(
    ledger: Ledger,
    model: nn.Module,
    inputs: dict[str, Tensor],
    arguments: Arguments,
    *,
    keeps_best: bool,
) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    ledger.note_all((p for p in model.parameters() if not p.requires_grad), "frozen weights")
    ledger.note_all(trained, "trained weights")
    ledger.note_all(model.buffers(), "frozen weights")
    optimizer = after_a_step(trained)
    ledger.note_all((v for s in optimizer.state.values() for v in s.values()), "optimizer")
    best = [p.detach().clone() for p in trained] if keeps_best else []
    ledger.note_all(best, "best weights so far")
    ledger.begin("forward")
    loss = _loss(model, inputs, arguments)
    ledger.begin("backward")
    loss.backward()
    ledger.note_all((p.grad for p in trained), "gradients")
    ledger.begin("optimizer step")
    nn.utils.clip_grad_norm_(trained, arguments.max_grad_norm)
    optimizer.step()
    del best
