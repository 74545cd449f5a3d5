"""A model's config without its weights: from its folder, shapes.toml, or one file of the Hub.

Given a name as `resolve` takes it, gives back transformers' config and, where it is on this
machine, the folder with its tokenizer. Knows nothing of what the config is for.
"""

from __future__ import annotations

import functools
import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tunewise.cache import cache_folder
from tunewise.errors import FileMissing, ModelError, did_you_mean, one_line
from tunewise.hub import Repo, fetched_file, here
from tunewise.models.catalogue import Known, catalogue
from tunewise.models.model_folder import NAMES, refuse_code
from tunewise.models.resolve import HUB_ID, looks_like_path

NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
ENCODERS = ("bert", "roberta", "distilbert", "modernbert", "xlm-roberta", "electra", "camembert")


@dataclass(frozen=True)
class Described:
    """A model as its config describes it.

    Attributes:
        name: as the user wrote it.
        config: as transformers has it.
        folder: with its tokenizer, where that is on this machine.
        known: its entry in the catalogue, if it has one.
        writes: whether it is a language model that writes.
    """

    name: str
    config: Any
    folder: Path | None
    known: Known | None
    writes: bool


def described(name: str, task_folder: Path | None = None) -> Described:
    """Return what is known of a model before its weights are here.

    Args:
        name: catalogue name, path of a folder, or Hub id.
        task_folder: where relative paths start; left out: the working directory.

    Raises:
        ModelError: no such model, no access to it, or a config without what is needed.
        FileMissing: a path with nothing there.
        Unreachable: the Hub gives no answer.
    """
    known = catalogue().get(name)
    path = ((task_folder or Path.cwd()) / Path(name).expanduser()).absolute()
    if known is None and (path.exists() or looks_like_path(name)):
        folder: Path | None = _config_folder(path, name)
    else:
        folder = _on_this_machine(name, known)
    if folder is not None:
        told = _read(folder / "config.json", name)
    elif name in shapes():
        told = shapes()[name]
    elif known and known.hub:
        told = _read(fetched_file(Repo("model", known.hub), "config.json"), name)
    elif HUB_ID.match(name):
        owner_and_name, _, revision = name.partition("@")
        repo = Repo("model", owner_and_name, revision or None)
        told = _read(fetched_file(repo, "config.json"), name)
    else:
        raise ModelError(f"there is no model '{name}'", mend=did_you_mean(name, catalogue()))
    config, writes = _config(told, name)
    return Described(name, config, folder, known, known.kind == "causal" if known else writes)


@functools.cache
def shapes() -> dict[str, dict[str, Any]]:
    """Return the configs that come with tunewise, by the models' short names."""
    text = resources.files("tunewise.models").joinpath("shapes.toml").read_text("utf-8")
    return tomllib.loads(text)


def _config_folder(path: Path, shown: str) -> Path:
    if not path.exists():
        raise FileMissing("there is no model folder here", where=shown)
    if path.is_file() or not (path / "config.json").exists():
        raise ModelError(
            "a plan reads a model's config.json, and there is none",
            where=shown,
            mend="Name a folder as save_pretrained writes it.",
        )
    return path


def _on_this_machine(name: str, known: Known | None) -> Path | None:
    """Return the folder of a model that was fetched before."""
    if known and known.package:
        package = known.package
        kept = f"{name}-{package.version}-{package.wheel_sha256[:12]}"
        folder = cache_folder() / "models" / kept
        return folder if (folder / "config.json").exists() else None
    id_ = known.hub if known else name
    if not id_ or not HUB_ID.match(id_):
        return None
    owner_and_name, _, revision = id_.partition("@")
    found = here(Repo("model", owner_and_name), revision or None, NAMES, ["config.json"])
    return found if found and any((found / n).exists() for n in NAMES[2:4]) else None


def _read(path: Path, shown: str) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"config.json isn't readable JSON ({error})", where=shown) from error
    if not isinstance(told, dict):
        raise ModelError("config.json isn't a JSON object", where=shown)
    refuse_code(told, shown)
    return told


def _config(told: dict[str, Any], shown: str) -> tuple[Any, bool]:
    """Return transformers' config and whether its model writes.

    Raises:
        ModelError: a kind that transformers hasn't built in, or fields that are missing or wrong.
    """
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    kind = told.get("model_type")
    if kind not in CONFIG_MAPPING:
        near = did_you_mean(str(kind), CONFIG_MAPPING) if kind else None
        raise ModelError(
            f"transformers has no model of model_type '{kind}'" if kind else "no model_type",
            where=f"{shown}: config.json",
            mend=near or "Take the config.json that lies beside the model's weights.",
        )
    names = getattr(CONFIG_MAPPING[kind], "attribute_map", {})
    text = told.get("text_config", told)
    missing = [field for field in NEEDED if field not in text and names.get(field) not in text]
    if missing:
        raise ModelError(
            f"the config lacks {', '.join(missing)}",
            where=f"{shown}: config.json",
            mend="Take the config.json that lies beside the model's weights.",
        )
    try:
        config = AutoConfig.for_model(**told)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"the config can't be read ({one_line(str(error), 200)})", where=f"{shown}: config.json"
        ) from error
    architectures = [str(name) for name in told.get("architectures") or ()]
    if architectures:
        writes = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures)
    else:
        writes = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in ENCODERS
    return config, writes
