"""The two embedded models, brought to this machine once per session; tests use the real ones."""

from __future__ import annotations

import pytest

from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent


@pytest.fixture(scope="session")
def minilm() -> ModelFolder:
    """MiniLM-L6, an encoder of 22M weights."""
    return resolve("minilm-l6", Silent())


@pytest.fixture(scope="session")
def smollm2() -> ModelFolder:
    """SmolLM2-135M-Instruct, a causal language model."""
    return resolve("smollm2-135m-instruct", Silent())
