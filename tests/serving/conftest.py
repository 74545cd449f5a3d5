"""One run of each kind and one server of each, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_runs import Served, label_run, served, writing_run

from tunewise.models.model_folder import ModelFolder


@pytest.fixture(scope="session")
def labels_folder(tmp_path_factory: pytest.TempPathFactory, minilm: ModelFolder) -> Path:
    return label_run(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="session")
def writing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing_run(tmp_path_factory.mktemp("writing"))


@pytest.fixture(scope="session")
def labels(labels_folder: Path) -> Iterator[Served]:
    with served(labels_folder) as server:
        yield server


@pytest.fixture(scope="session")
def writing(writing_folder: Path) -> Iterator[Served]:
    with served(writing_folder, "lora-tiny") as server:
        yield server
