"""How many tokens a text can have at an endpoint whose tokenizer nobody here knows.

Given a request's body or a text, gives back a bound. Knows nothing of prices or caps.
"""

from __future__ import annotations

import unicodedata
from typing import Any

MARGIN = 256  # tokens that an endpoint may put around the messages, before one has been counted
AROUND = 16  # that it may put around each message
BYTES = 2  # of a token of running text at least


def most_tokens(body: dict[str, Any]) -> int:
    """Return how many tokens the messages of a request can have at most.

    No tokenizer makes more tokens of a text than it has bytes; some normalise it first (NFKC),
    which can make it longer.
    """
    texts = [message["content"] for message in body["messages"]]
    if "response_format" in body:
        texts.append(str(body["response_format"]))
    return sum(AROUND + _bytes(text) for text in texts)


def _bytes(text: str) -> int:
    normal = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return max(len(t.encode("utf-8", "surrogatepass")) for t in (text, normal))


def likely_tokens(text: str) -> int:
    """Return how many tokens a text has at most, in any usual script."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES)
