"""What is merged is what was trained: DoRA, rsLoRA and QLoRA, in float32 and rounded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_exports import Made, made
from tiny_language_models import reversing, tiny_folder

from tunewise.models.loading import load_causal, quiet_peft, quiet_transformers
from tunewise.progress import Silent
from tunewise.shipping.export import written
from tunewise.shipping.formats.weights import tuned_weights
from tunewise.shipping.proving import proofs
from tunewise.training.language.adapters import dequantised

KINDS = ({}, {"use_dora": True}, {"use_rslora": True, "r": 4, "lora_alpha": 8})


def tuned(home: Path, **more: object) -> Made:
    tiny_folder("llama", home / "tiny")
    return made(home, "generation", reversing(40), **({"num_train_epochs": 1} | more))


@pytest.mark.parametrize("more", KINDS, ids=["lora", "dora", "rslora"])
def test_merged_weights_answer_as_the_adapter_beside_its_base(
    more: dict[str, object], tmp_path: Path
) -> None:
    from peft import PeftModel

    one = tuned(tmp_path, **more)
    with quiet_transformers(), quiet_peft():
        base = load_causal(tmp_path / "tiny", torch.float32)
        beside = PeftModel.from_pretrained(base, str(one.subject.folder / "adapter")).eval()
    ids = torch.tensor([[6, 7, 8, 9, 10]])
    with torch.inference_mode():
        wanted = beside(input_ids=ids).logits
        found = tuned_weights(one.subject)(input_ids=ids).logits
    assert (found - wanted).abs().max() < 1e-4


def test_merged_files_are_the_float32_merge_rounded_once(tmp_path: Path) -> None:
    one = tuned(tmp_path)
    written("merged", one.subject, one.fitted, tmp_path / "merged", Silent())
    exact = tuned_weights(one.subject).state_dict()
    saved = load_file(tmp_path / "merged" / "model.safetensors")
    assert saved
    for name, tensor in saved.items():
        assert tensor.dtype is torch.bfloat16
        assert torch.equal(tensor, exact[name].to(torch.bfloat16)), name


def test_an_adapter_that_learnt_beside_nf4_is_merged_into_what_nf4_stands_for(
    tmp_path: Path,
) -> None:
    one = tuned(tmp_path, load_in_4bit=True)
    base = dequantised(tmp_path / "tiny", torch.float32, torch.device("cpu"), "here")
    plain = load_causal(tmp_path / "tiny", torch.float32)
    found = tuned_weights(one.subject).state_dict()
    # Norms are never in NF4; a linear layer's merge stays near its NF4 base, not the plain one.
    name = "model.layers.0.mlp.up_proj.weight"
    learnt = (found[name] - base.state_dict()[name]).norm()
    wrong = (found[name] - plain.state_dict()[name]).norm()
    assert learnt < wrong
    written("merged", one.subject, one.fitted, tmp_path / "merged", Silent())
    (proof,) = proofs(
        "merged", one.subject, one.fitted, tmp_path / "merged", ["."], progress=Silent()
    )
    assert proof.passed, proof
