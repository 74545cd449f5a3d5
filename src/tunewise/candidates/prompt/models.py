"""The model that a prompt is asked of, wherever it is: at an endpoint or on this machine.

Given settings, or what a fit left on record, gives back an engine with what there is to say of it.
Nothing is sent by that. Knows nothing of prompts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tunewise.cache import cache_folder
from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import AskedFit
from tunewise.candidates.prompt.outward import BOOKS, endpoint_of
from tunewise.candidates.prompt.settings_file import (
    MENDS,
    UsedModel,
    found_model,
    same_model,
    used,
)
from tunewise.engines.asks import Engine
from tunewise.engines.endpoint.address import Address
from tunewise.engines.endpoint.book import Book, Cap, Spent
from tunewise.engines.endpoint.dialect import Dialect
from tunewise.engines.endpoint.engine import Endpoint
from tunewise.engines.endpoint.prices import PICO
from tunewise.engines.in_vllm import InVllm
from tunewise.errors import FileMissing, ModelError
from tunewise.files import unchanged_sha256
from tunewise.progress import Progress, Silent
from tunewise.task.settings import PromptSettings, SearchSettings

GGUF = "gguf"  # in place of a number format: the file has its own
VLLM = "vllm"  # likewise: vLLM takes the one that the model was saved in


@dataclass(frozen=True)
class Model:
    """A model that can be asked.

    Attributes:
        name: of the model.
        engine: that replies.
        used: the very model, where it is on this machine.
        dtype: of its weights there.
    """

    name: str
    engine: Engine
    used: UsedModel | None = None
    dtype: str | None = None

    @property
    def address(self) -> Address | None:
        """Where it is asked; None on this machine."""
        return self.engine.address if isinstance(self.engine, Endpoint) else None

    @property
    def dialect(self) -> Dialect | None:
        """Parameters that the endpoint takes; None on this machine."""
        return self.engine.dialect if isinstance(self.engine, Endpoint) else None

    def announce(self, what: str, personal: Sequence[str], progress: Progress) -> None:
        """Say what will leave this machine, where something will."""
        if isinstance(self.engine, Endpoint):
            self.engine.announce(what, personal, progress)

    @contextmanager
    def within(self, search: SearchSettings, account: str) -> Iterator[None]:
        """Keep an endpoint within the tokens and money of a search while the block lasts."""
        spent = self.spent(account)
        if not isinstance(self.engine, Endpoint) or spent is None:
            yield
            return
        whole = self.engine.terms
        usd = None if search.usd is None else spent.pico + math.floor(search.usd * PICO)
        tokens = None if search.tokens is None else spent.tokens + search.tokens
        cap = Cap(_lower(whole.cap.pico, usd), whole.cap.requests, _lower(whole.cap.tokens, tokens))
        self.engine.bind(replace(whole, cap=cap))
        try:
            yield
        finally:
            self.engine.bind(whole)

    def spent(self, account: str) -> Spent | None:
        """Return what an account has come to; None where nothing is paid."""
        return self.engine.book.spent(account) if isinstance(self.engine, Endpoint) else None


def model_of(settings: PromptSettings, setup: Setup, progress: Progress) -> Model:
    """Return the model that settings name; one on this machine remembers what it was asked.

    Raises:
        ModelError: it can't be found or used.
    """
    if settings.endpoint is not None:
        return Model(settings.model, endpoint_of(settings, setup))
    if settings.engine == "llama.cpp":
        return _in_llama_cpp(settings, setup)
    if settings.engine == "vllm":
        folder = found_model(settings.model, "causal", progress, setup.task_folder)
        return Model(folder.name, InVllm(folder.path, remembers=True), used(folder), VLLM)
    from tunewise.candidates.prompt.local import Local

    folder = found_model(settings.model, "causal", progress, setup.task_folder)
    engine = Local(folder, remembers=True)
    return Model(folder.name, engine, used(folder), engine.dtype)


def model_on_record(fit: AskedFit, settings: PromptSettings, setup: Setup) -> Model:
    """Return the model that a prompt was fitted with.

    Raises:
        ModelError: the name now leads to other weights.
    """
    if fit.local is None:
        return Model(fit.model, endpoint_of(settings, setup, fit.dialect))
    if fit.dtype == GGUF:
        model = _in_llama_cpp(settings, setup)
        if model.used != fit.local:
            raise ModelError(
                f"the file '{fit.model}' isn't the one that was used when the prompt was fitted",
                where=str(setup.task_folder / fit.model),
                mend=MENDS,
            )
        return model
    if fit.dtype == VLLM:
        folder = same_model(fit.local, Silent(), setup.task_folder)
        return Model(fit.model, InVllm(folder.path), fit.local, VLLM)
    from tunewise.candidates.prompt.local import Local

    engine = Local(same_model(fit.local, Silent(), setup.task_folder))
    return Model(fit.model, engine, fit.local, fit.dtype)


def _in_llama_cpp(settings: PromptSettings, setup: Setup) -> Model:
    """Return the GGUF file that settings name, in llama.cpp; its server starts when it is asked."""
    from tunewise.engines.llama_cpp import LlamaCpp

    file = setup.task_folder / Path(settings.model).expanduser()
    if not file.is_file():
        raise FileMissing("there is no GGUF file here", where=str(file))
    known = UsedModel(settings.model, str(file), None, unchanged_sha256(file))
    book = Book(cache_folder() / BOOKS)
    engine = LlamaCpp(file, known.fingerprint, book, settings.extra)
    return Model(settings.model, engine, known, GGUF)


def _lower(one: int | None, other: int | None) -> int | None:
    """Return the lower of two limits, of which any may be none."""
    return min((limit for limit in (one, other) if limit is not None), default=None)
