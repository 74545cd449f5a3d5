"""The two embedded models, brought to this machine once per session; tests use the real ones."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # before anything imports torch
    threads = max(1, (os.cpu_count() or 1) // int(workers))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a job in the background; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent

hypothesis.settings.register_profile("no-time-limit", deadline=None)  # machines may be busy
hypothesis.settings.load_profile("no-time-limit")


@pytest.fixture(scope="session")
def minilm() -> ModelFolder:
    """MiniLM-L6, an encoder of 22M weights."""
    return resolve("minilm-l6", Silent())


@pytest.fixture(scope="session")
def smollm2() -> ModelFolder:
    """SmolLM2-135M-Instruct, a causal language model."""
    return resolve("smollm2-135m-instruct", Silent())
