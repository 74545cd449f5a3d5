"""Ten faults that exported models have in the field, each planted into a folder of merged weights.

Given a subject with its trained weights and a folder that was exported well, each fault changes a
copy of the folder as a careless export would. Knows nothing of proofs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tunewise.candidates.lora import merged
from tunewise.candidates.tuned import base_of
from tunewise.files import read_json
from tunewise.models.loading import load_causal, quiet_transformers
from tunewise.shipping.proof.records import CauseName
from tunewise.shipping.subject import Subject

NOISE = 0.02  # of a tensor's standard deviation: how far another revision of the base is


def planted(name: CauseName, subject: Subject, good: Path, place: Path) -> Path:
    """Return a copy of an exported folder with a fault in it."""
    shutil.copytree(good, place)
    FAULTS[name](subject, place)
    return place


def _template_lost(_: Subject, folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def _end_token_missing(_: Subject, folder: Path) -> None:
    about = _json(folder / "tokenizer.json")
    ends = _json(folder / "tokenizer_config.json")["eos_token"]
    about["added_tokens"] = [token for token in about["added_tokens"] if token["content"] != ends]
    _write(folder / "tokenizer.json", about)
    settings = _json(folder / "tokenizer_config.json")
    other = about["added_tokens"][0]["content"]
    settings = {key: other if value == ends else value for key, value in settings.items()}
    for key in ("additional_special_tokens", "extra_special_tokens", "added_tokens_decoder"):
        settings.pop(key, None)
    _write(folder / "tokenizer_config.json", settings)
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    written = template.replace("eos_token", f"'{ends}'")
    (folder / "chat_template.jinja").write_text(written, encoding="utf-8")


def _wrong_merge_dtype(subject: Subject, folder: Path) -> None:
    """Merge in bf16 throughout: base and adapter, as a model loaded in bf16 has them.

    A base that is stored in bf16 loses nothing by that, so the adapter has to be rounded too.
    """
    with _careless(subject, folder) as adapter:
        file = adapter / "adapter_model.safetensors"
        rounded = {name: tensor.bfloat16() for name, tensor in load_file(file).items()}
        save_file(rounded, file, metadata={"format": "pt"})
        _save(merged(load_causal(_base(subject), torch.bfloat16), adapter), folder)


def _adapter_not_applied(subject: Subject, folder: Path) -> None:
    _save(load_causal(_base(subject), torch.float32), folder)


def _wrong_base(subject: Subject, folder: Path) -> None:
    base = load_causal(_base(subject), torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in base.parameters():
            if parameter.ndim > 1:
                parameter.add_(torch.randn_like(parameter), alpha=NOISE * float(parameter.std()))
    _save(merged(base, subject.folder / "adapter"), folder)


def _transposed(_: Subject, folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(n for n, t in tensors.items() if n.endswith("proj.weight") and _square(t))
    tensors[name] = tensors[name].T.contiguous()
    save_file(tensors, file, metadata={"format": "pt"})


def _tokenizer_swapped(_: Subject, folder: Path) -> None:
    about = _json(folder / "tokenizer.json")
    vocabulary = about["model"]["vocab"]
    special = {token["id"] for token in about["added_tokens"]}
    free = [token for token, number in vocabulary.items() if number not in special]
    numbers = [vocabulary[token] for token in free]
    about["model"]["vocab"] = vocabulary | dict(zip(free, numbers[1:] + numbers[:1], strict=True))
    _write(folder / "tokenizer.json", about)


def _stop_token_lost(_: Subject, folder: Path) -> None:
    about = _json(folder / "generation_config.json")
    about["eos_token_id"] = 0
    _write(folder / "generation_config.json", about)


def _added_twice(_: Subject, folder: Path) -> None:
    file = folder / "chat_template.jinja"
    file.write_text("{{- bos_token -}}\n" + file.read_text(encoding="utf-8"), encoding="utf-8")


def _scale_wrong(subject: Subject, folder: Path) -> None:
    with _careless(subject, folder) as adapter:
        about = read_json(adapter / "adapter_config.json")
        about["lora_alpha"] *= 2
        _write(adapter / "adapter_config.json", about)
        _save(merged(load_causal(_base(subject), torch.float32), adapter), folder)


FAULTS: dict[CauseName, Callable[[Subject, Path], None]] = {
    "template lost": _template_lost,
    "end token missing": _end_token_missing,
    "wrong merge dtype": _wrong_merge_dtype,
    "adapter not applied": _adapter_not_applied,
    "wrong base revision": _wrong_base,
    "transposed weight": _transposed,
    "tokenizer swapped": _tokenizer_swapped,
    "stop token lost": _stop_token_lost,
    "special tokens added twice": _added_twice,
    "scale alpha/r wrong": _scale_wrong,
}


@contextmanager
def _careless(subject: Subject, folder: Path) -> Iterator[Path]:
    """Lend a copy of the adapter that may be spoilt."""
    adapter = folder / "careless"
    shutil.copytree(subject.folder / "adapter", adapter)
    yield adapter
    shutil.rmtree(adapter)


def _base(subject: Subject) -> Path:
    return base_of(subject.about, subject.folder, subject.setup.task_folder)


def _save(model: Any, folder: Path) -> None:
    """Write weights in bf16 and leave all else as it is."""
    kept = (folder / "generation_config.json").read_bytes()
    with quiet_transformers():
        model.to(torch.bfloat16).save_pretrained(str(folder))
    (folder / "generation_config.json").write_bytes(kept)


def _square(tensor: torch.Tensor) -> bool:
    return bool(tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1])


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
