"""A language model made ready to be tuned: loaded, and wrapped in an adapter if one is asked for.

Given a model folder and arguments, gives back the model whose parameters with requires_grad are
trained, in float32. Knows nothing of rows.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tunewise.errors import BadInput, ModelError
from tunewise.models.loading import load_causal, quiet_peft, quiet_transformers
from tunewise.training.language.arguments import Arguments
from tunewise.training.preflight import check_target_modules


def trainable(folder: Path, arguments: Arguments, device: torch.device, where: str) -> nn.Module:
    """Return the model to train, on `device`.

    Frozen weights are in bfloat16 (or float32 where bf16 is off, or NF4); what is trained is in
    float32. The adapter's first weights are a function of the seed.

    Raises:
        TaskFileError: target modules that the model doesn't have.
        ModelError: a quantised model asked for full tuning, or one that can't be read.
        BadInput: NF4 without bitsandbytes.
    """
    if arguments.method == "full":
        model = load_causal(folder, torch.float32)
        if getattr(model, "is_quantized", False):
            raise ModelError(
                "all weights of a quantised model can't be tuned",
                where=where,
                mend="Tune an adapter (lora), or name the model it was quantised from.",
            )
        return model.to(device).requires_grad_(True)
    model = _frozen(folder, arguments, device, where)
    return adapted(model, arguments, where)


def adapted(model: Any, arguments: Arguments, where: str) -> nn.Module:
    """Return a frozen model with a new adapter, its weights in float32.

    Raises:
        TaskFileError: target modules that the model doesn't have.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    assert arguments.lora is not None, "an adapter needs settings"
    targets: Any = arguments.lora["target_modules"]
    check_target_modules(model, targets, f"{where}: target_modules")
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, **arguments.lora)
    if "lora" not in arguments.switched_off:
        config._register_custom_module(_in_one_piece(in_4bit=arguments.load_in_4bit))
    torch.manual_seed(arguments.seed)
    with quiet_transformers(), quiet_peft():
        found: nn.Module = get_peft_model(model, config)
    return found


def _in_one_piece(*, in_4bit: bool) -> dict[type[nn.Module], type[nn.Module]]:
    """Return the adapted layer for each kind of linear layer; PEFT takes the first that fits."""
    from tunewise.training.fast.lora import AdaptedLinear

    if not in_4bit:
        return {nn.Linear: AdaptedLinear}
    from bitsandbytes.nn import Linear4bit

    from tunewise.training.fast.lora_in_4bit import AdaptedLinear4bit

    return {Linear4bit: AdaptedLinear4bit, nn.Linear: AdaptedLinear}


def dequantised(folder: Path, dtype: torch.dtype, device: torch.device, where: str) -> Any:
    """Return what a model's weights are once they have been in NF4, in float32.

    Args:
        folder: of the model.
        dtype: that NF4 weights are read in while an adapter is trained.
        device: that quantises.
        where: for errors.

    Raises:
        BadInput: bitsandbytes is missing.
    """
    with quiet_transformers():
        model = _in_nf4(folder, dtype, device, where).dequantize()
    return model.float()


def _frozen(folder: Path, arguments: Arguments, device: torch.device, where: str) -> Any:
    dtype = torch.bfloat16 if arguments.bf16 else torch.float32
    if not arguments.load_in_4bit:
        return load_causal(folder, dtype).to(device).requires_grad_(False)
    model = _in_nf4(folder, dtype, device, where)
    for layer in model.modules():
        # On a CPU bitsandbytes repacks a layer's weights the first time it only answers, and lets
        # no gradient through from then on; a validation in between would end the learning unseen.
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    # PEFT's prepare_model_for_kbit_training would turn embeddings, head and norms to float32, and
    # with them all that layers pass on. Frozen, they lose nothing in bfloat16, as for LoRA.
    return model.requires_grad_(False)


def _in_nf4(folder: Path, dtype: torch.dtype, device: torch.device, where: str) -> Any:
    """Return a model whose linear layers are in NF4."""
    try:
        importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise BadInput(
            "load_in_4bit needs the package bitsandbytes",
            where=where,
            mend="Install it: pip install 'tunewise[qlora]'",
        ) from error
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    in_4bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    with quiet_transformers():
        return AutoModelForCausalLM.from_pretrained(
            str(folder),
            quantization_config=in_4bit,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )


def in_4bit(model: Any, dtype: torch.dtype) -> Any:
    """Return a model on the meta device with the layers it would have once loaded in NF4.

    What `_frozen` asks bitsandbytes for (blocks of 64, their scales in blocks of 256), without a
    weight that could be quantised.
    """
    from bitsandbytes.functional import QuantState
    from bitsandbytes.nn import Linear4bit, Params4bit

    def empty(count: int, kind: torch.dtype) -> torch.Tensor:
        return torch.empty(count, dtype=kind, device="meta")

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is not nn.Linear or layer is model.get_output_embeddings():
                continue
            blocks = -(-layer.weight.numel() // 64)
            scales = QuantState(
                absmax=empty(-(-blocks // 256), torch.float32),
                code=empty(256, torch.float32),
                blocksize=256,
                dtype=torch.float32,
            )
            state = QuantState(
                absmax=empty(blocks, torch.uint8),
                shape=layer.weight.shape,
                code=empty(16, torch.float32),
                blocksize=64,
                quant_type="nf4",
                dtype=dtype,
                offset=torch.empty((), device="meta"),
                state2=scales,
            )
            new = Linear4bit(
                layer.in_features,
                layer.out_features,
                bias=layer.bias is not None,
                compute_dtype=dtype,
                quant_type="nf4",
                device="meta",
            )
            packed = torch.empty(
                (-(-layer.weight.numel() // 2), 1), dtype=torch.uint8, device="meta"
            )
            new.weight = Params4bit(
                packed, requires_grad=False, quant_state=state, bnb_quantized=True, module=new
            )
            new.quant_state = state
            setattr(parent, name, new.requires_grad_(False))
    model.is_loaded_in_4bit = True
    return model.requires_grad_(False)
