"""A GGUF file in llama.cpp, as an engine: its own server, in a child process, is asked like any.

Given a file, starts the server when the first question comes that the book has no answer to; it
answers several at once (continuous batching), gives log-probabilities and keeps to JSON schemas.
Knows nothing of tasks.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from tunewise.engines.asks import Abilities, Ask, Reply
from tunewise.engines.endpoint.address import Address
from tunewise.engines.endpoint.book import Book
from tunewise.engines.endpoint.engine import Endpoint, Terms
from tunewise.engines.llama_cpp_child import LlamaCppChild
from tunewise.errors import BadInput
from tunewise.progress import Progress

TOGETHER = 4  # conversations at once
TOKENS = 4096  # of a conversation at most
SECONDS = 600.0  # that one reply may take
NOT_STARTED = "http://127.0.0.1:0/v1"


class LlamaCpp:
    """A GGUF file that can be asked.

    Args:
        file: the GGUF file.
        fingerprint: SHA-256 of its bytes, by which the book knows its answers.
        book: of answers.
        extra: the user's own parameters of every request.

    Raises:
        BadInput: llama.cpp, or what speaks to its server, isn't installed.
    """

    abilities = Abilities(alternatives=True, schema=True)
    concluder = None  # it gives whole replies

    def __init__(
        self, file: Path, fingerprint: str, book: Book, extra: dict[str, object] | None = None
    ) -> None:
        for package, name in (("xllamacpp", "gguf"), ("openai", "endpoints")):
            if importlib.util.find_spec(package) is None:
                raise BadInput(
                    f"asking a GGUF file in llama.cpp needs the package {package}",
                    mend=f"Install it with: pip install 'tunewise[{name}]'",
                )
        self.file = file
        terms = Terms(None, "this machine", timeout=SECONDS, most=TOGETHER, extra=extra)
        address = Address(NOT_STARTED, file.stem, None)
        self._asked = Endpoint(address, terms, book, identity=f"gguf {fingerprint}")
        self._asked.announced = True  # nothing leaves the machine
        self._child: LlamaCppChild | None = None

    @property
    def sent(self) -> int:
        """Questions of the last `generate` that had not been answered before."""
        return self._asked.sent

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        """Return a reply to each ask, in their order; `title` is what the bar says.

        Raises:
            ModelError: llama.cpp doesn't load the file.
            DataError: a row is longer than a conversation may be.
        """
        if self._child is None and self._asked.unknown(asks):
            self._start(progress)
        return self._asked.generate(asks, progress, title)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has at most, in any usual script."""
        return self._asked.lengths(texts)

    def close(self) -> None:
        """End the server, and let go of the book."""
        self._asked.close()
        if self._child is not None:
            self._child.close()

    def _start(self, progress: Progress) -> None:
        progress.line(f"Loading {self.file.name} in llama.cpp.")
        self._child = LlamaCppChild(self.file, TOKENS, TOGETHER)
        self._asked.address = Address(f"{self._child.address}/v1", self.file.stem, None)
