"""A tiny tuned model, fitted once per session."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_exports import Made, made
from tiny_language_models import reversing


@pytest.fixture(scope="session")
def labelling(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A tiny Llama that sorts words by their first letter."""
    from tiny_chat_models import tiny_chat_folder

    home = tmp_path_factory.mktemp("labelling")
    tiny_chat_folder("llama", home / "tiny")
    rows = [replace(row, target=row.input[0]) for row in reversing(32)]
    return made(home, "classification", rows)
