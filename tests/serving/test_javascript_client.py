"""Faults these catch: what OpenAI's JavaScript client can't read.

Runs where node and the npm package are: NODE_PATH=FOLDER/node_modules after `npm install openai`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serving_runs import PROBE, Served

CLIENT = Path(__file__).with_name("openai_client.mjs")
FOUND = (
    shutil.which("node")
    and not subprocess.run(
        ["node", "-e", "require('openai')"], capture_output=True, check=False
    ).returncode
)
pytestmark = pytest.mark.skipif(not FOUND, reason="no node with the npm package openai here")


def said(server: Served, model: str, text: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(CLIENT), f"{server.url}/v1", model, text],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["unknown"] == {"status": 404, "code": "model_not_found", "param": "model"}
    return found


def test_labels_and_vectors(labels: Served) -> None:
    found = said(labels, PROBE, "my card has not arrived")
    assert found["models"] == [PROBE]
    assert found["chat"] == found["completion"] == found["stream"] == "card_arrival"
    assert found["vector"] == 384


def test_written_answers(writing: Served) -> None:
    found = said(writing, "letters", "dcbaab")
    assert len(found["chat"]) >= 3
    assert found["chat"] == found["completion"] == found["stream"]
    assert found["usage"]["completion_tokens"] == len(found["chat"]) + 1
    assert found["refused"] == {
        "status": 400, "code": "no_embeddings", "type": "invalid_request_error"
    }  # fmt: skip
