"""A model of fakes: tensors with a shape, a number format and a device, and no bytes behind them.

Given a function that makes a model, has it made on the meta device, where nothing is initialised,
and puts PyTorch's fake tensors in place of its weights, so that what depends on the device
(autocast, a choice of kernels) goes as it would with real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def on_meta(make: Callable[[], Any]) -> Any:
    """Return what `make` makes, on the meta device and without initialising weights."""
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        return make()


@contextmanager
def fakes() -> Iterator[None]:
    """Have all tensors that are made meanwhile be fakes; real ones may be read along."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def faked(model: Any, device: str = "cpu") -> Any:
    """Put fakes in place of a meta model's weights, ties kept; to be called within `fakes`.

    Args:
        model: on the meta device; changed and returned.
        device: that the fakes say they are on.
    """
    made: dict[int, Any] = {}

    def fake(tensor: Tensor) -> Any:
        if id(tensor) not in made:
            new = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device
            )
            if isinstance(tensor, nn.Parameter):
                new = nn.Parameter(new, requires_grad=tensor.requires_grad)
            made[id(tensor)] = new
        return made[id(tensor)]

    originals = [*model.parameters(), *model.buffers()]  # kept, so that no id is used twice
    for module in model.modules():
        for holder in (module._parameters, module._buffers):
            for name, tensor in holder.items():
                if tensor is not None:
                    holder[name] = fake(tensor)
    del originals
    return model
