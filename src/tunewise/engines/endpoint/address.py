"""Where a model is asked: the endpoint's URL, the model's name there, and the key by its variable.

The key is read from the environment when a request is made, and lies in no record. Knows nothing
of requests.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tunewise.errors import BadInput, ModelError

LOCAL = re.compile(r"localhost|127(\.\d+){3}|\[?::1\]?|.*\.localhost|host\.docker\.internal")
OPENAI = "api.openai.com"
NO_KEY = "none"  # local servers want some key and look at none


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint's model.

    Attributes:
        url: base URL, such as 'https://api.openai.com/v1', without a slash at its end.
        model: its name there.
        key_env: environment variable that holds the key; None where none is needed.
    """

    url: str
    model: str
    key_env: str | None

    @property
    def host(self) -> str:
        """The machine that is asked, with its port where one is given."""
        return urlsplit(self.url).netloc

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine."""
        return LOCAL.fullmatch(urlsplit(self.url).hostname or "") is not None

    @property
    def sends_key_in_clear(self) -> bool:
        """Whether the key would go over a network unencrypted."""
        plain = urlsplit(self.url).scheme == "http"
        return plain and self.key_env is not None and not self.is_local

    def key(self) -> str:
        """Return the key.

        Raises:
            BadInput: the variable isn't set, or holds what no header can carry.
        """
        if self.key_env is None:
            return NO_KEY
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise BadInput(
                f"the environment variable {self.key_env}, which should hold the key, isn't set",
                where=self.url,
                mend=f"Set it and run again, as in: export {self.key_env}=…",
            )
        if not key.isascii() or not key.isprintable():
            raise BadInput(
                f"the key in {self.key_env} holds characters that no key has",
                where=self.url,
                mend="Copy it anew; it is a single line of plain letters, digits and signs.",
            )
        return key

    def without_key(self, text: str) -> str:
        """Return what an endpoint says, the key in it hidden."""
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        return text.replace(key, "[key]") if key else text


def address_of(url: str, model: str, key_env: str | None) -> Address:
    """Return the address that a user's settings name.

    Raises:
        ModelError: the URL isn't that of an endpoint.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(
            "the endpoint isn't a URL",
            where=f"endpoint: {parts.hostname or url[:80]}",
            mend="Give its base URL, such as https://api.openai.com/v1.",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ModelError(
            "the endpoint's URL holds more than an address",
            where=f"endpoint: {parts.hostname}",
            mend="Leave out name, password and what follows '?'; a key is named by `key_env`.",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return Address(f"{parts.scheme}://{parts.netloc}{path}", model, key_env)
