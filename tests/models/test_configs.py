"""Faults these catch: a shape that isn't its model's, a config read where code would be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel, AutoModelForCausalLM

from tunewise.errors import FileMissing, ModelError
from tunewise.models.catalogue import catalogue
from tunewise.models.configs import described, shapes
from tunewise.tracing.fakes import on_meta


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_shape_makes_as_many_parameters_as_were_published(name: str) -> None:
    known = described(name)

    def make() -> Any:
        kind = AutoModelForCausalLM if known.writes else AutoModel
        model = kind.from_config(known.config)
        model.tie_weights()
        return model

    counted = sum(p.numel() for p in on_meta(make).parameters())
    published = catalogue()[name].parameters
    assert counted == pytest.approx(published, rel=1e-3, abs=5.5e5)
    assert known.writes == (catalogue()[name].kind == "causal")


def test_every_model_of_the_catalogue_has_its_shape() -> None:
    assert shapes().keys() == catalogue().keys()


def test_a_config_that_names_code_is_refused(tmp_path: Path) -> None:
    config = {"model_type": "llama", "auto_map": {"AutoModel": "own.py"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="Python code of its own"):
        described(str(tmp_path))


def test_a_path_with_nothing_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="no model folder"):
        described("./nothing", tmp_path)
    with pytest.raises(ModelError, match=r"reads a model's config\.json"):
        described(str(tmp_path))
