"""Faults these catch: a pickle or a model's own code loaded, a changed model not noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_encoders import tiny_encoder

from tunewise.errors import FileMissing, ModelError, TunewiseError
from tunewise.models.resolve import resolve
from tunewise.progress import Silent


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder("bert", tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "model")


def edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_used_where_it_lies_relative_to_the_task(model: Path) -> None:
    found = resolve("./model", Silent(), task_folder=model.parent)
    assert found.path == model
    assert found.kind == "encoder"
    assert found.fingerprint == resolve(str(model), Silent()).fingerprint


def test_a_change_of_weights_tokenizer_or_config_changes_the_fingerprint(model: Path) -> None:
    seen = {resolve(str(model), Silent()).fingerprint}
    edited(model / "config.json", layer_norm_eps=0.5)
    seen.add(resolve(str(model), Silent()).fingerprint)
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    seen.add(resolve(str(model), Silent()).fingerprint)
    edited(model / "tokenizer_config.json", model_max_length=12)
    seen.add(resolve(str(model), Silent()).fingerprint)
    assert len(seen) == 4
    (model / "notes.txt").write_text("of no effect")
    assert resolve(str(model), Silent()).fingerprint in seen


def faults(model: Path) -> dict[str, tuple[str, type[TunewiseError], str]]:
    """Return what is done to the folder, the error, and what it must say."""
    return {
        "no weights": ("model.safetensors", ModelError, "without safetensors"),
        "a pickle": ("pickle", ModelError, "only pytorch_model.bin, a pickle"),
        "no config": ("config.json", ModelError, "has no config.json"),
        "broken config": ("broken", ModelError, "isn't readable JSON"),
        "own code": ("auto_map", ModelError, "Python code of its own"),
        "tokenizer code": ("tokenizer auto_map", ModelError, "Python code of its own"),
        "no tokenizer": ("tokenizer", ModelError, "has no tokenizer"),
        "nothing there": ("all", FileMissing, "no model folder here"),
    }


@pytest.mark.parametrize("fault", faults(Path()))
def test_a_folder_that_cannot_be_used_is_refused(fault: str, model: Path) -> None:
    what, kind, said = faults(model)[fault]
    if what in ("model.safetensors", "config.json"):
        (model / what).unlink()
    elif what == "pickle":
        (model / "model.safetensors").rename(model / "pytorch_model.bin")
    elif what == "broken":
        (model / "config.json").write_text("{")
    elif what == "auto_map":
        edited(model / "config.json", auto_map={"AutoModel": "own.Model"})
    elif what == "tokenizer auto_map":
        edited(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Tok", None]})
    elif what == "tokenizer":
        for path in model.glob("*token*"):
            path.unlink()
    else:
        shutil.rmtree(model)
    with pytest.raises(kind, match=said) as caught:
        resolve(str(model), Silent())
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'minilm-l6'"):
        resolve("minilm-l-6", Silent())


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\x80pickle")
    with pytest.raises(ModelError, match="a folder of safetensors or a GGUF file"):
        resolve("./model.bin", Silent(), task_folder=tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"no GGUF at all")
    with pytest.raises(ModelError, match="this isn't a GGUF file"):
        resolve("./model.gguf", Silent(), task_folder=tmp_path)
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03" + bytes(200))
    with pytest.raises(ModelError, match="the GGUF file can't be converted"):
        resolve("./cut.gguf", Silent(), task_folder=tmp_path)
    assert not list((tmp_path / "cache" / "models").glob("gguf-*"))
