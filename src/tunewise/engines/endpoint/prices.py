"""What a request costs: the dated catalogue, the user's own file before it, the candidate's price.

Given an address, gives back a Price, or None where nobody says what it costs. Amounts of money are
whole picodollars (millionths of a millionth of a dollar), so that sums are exact. Knows nothing of
requests.
"""

from __future__ import annotations

import datetime
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunewise.engines.endpoint.address import Address
from tunewise.errors import BadInput

PICO = 10**12  # picodollars of a dollar
FILE = "prices.toml"  # the user's own, beside task.yaml
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """US dollars per million tokens.

    Attributes:
        input, output: for tokens read and written; reasoning counts as written.
        cached_input: for tokens read that the endpoint had read before; None: as `input`.
        context: tokens that the model reads and writes at most, where known.
        date: on which it was published.
        source: where.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    context: int | None = None
    date: datetime.date | None = None
    source: str | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int, cached: int = 0) -> int:
        """Return the picodollars of a request, rounded up.

        Args:
            prompt_tokens: read, those that were cached included.
            completion_tokens: written.
            cached: of the tokens read, those that the endpoint says it had read before.
        """
        cheap = _pico(self.input if self.cached_input is None else self.cached_input)
        fresh = prompt_tokens - cached
        return fresh * _pico(self.input) + cached * cheap + completion_tokens * _pico(self.output)


class Entry(Price):
    """A price of the catalogue: the endpoint and the model it is for."""

    endpoint: str
    model: str


class Catalogue(BaseModel):
    """A file of prices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    price: list[Entry] = []


def price_of(address: Address, task_folder: Path) -> Price | None:
    """Return what a model costs, from the user's prices.toml or the package's; None if unknown.

    Raises:
        BadInput: the user's file isn't one of prices.
    """
    own = task_folder / FILE
    package = resources.files(__package__) / FILE
    catalogues = [_read(own.read_bytes(), str(own))] if own.is_file() else []
    catalogues.append(_read(package.read_bytes(), FILE))
    for catalogue in catalogues:
        for entry in catalogue.price:
            if (entry.endpoint.rstrip("/"), entry.model) == (address.url, address.model):
                return entry
    return None


def tokens_cost(tokens: int, per_million: float) -> int:
    """Return the picodollars of so many tokens at a price per million, rounded up."""
    return tokens * _pico(per_million)


def dollars(pico: int) -> str:
    """Return an amount as people write it: '$1.25', and small ones with the digits they need."""
    amount = pico / PICO
    digits = 2 if amount >= 1 or pico == 0 else 4 if amount >= 0.001 else 6
    return f"${amount:,.{digits}f}"


def _pico(per_million: float) -> int:
    """Return picodollars per token, rounded up."""
    return -int(-round(per_million * 1e9) // 1000)


def _read(data: bytes, where: str) -> Catalogue:
    try:
        return Catalogue.model_validate(tomllib.loads(data.decode("utf-8-sig")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"this isn't TOML ({error})", where=where) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"'{place}': {first['msg']}",
            where=where,
            mend="Each [[price]] has endpoint, model, input and output, in US dollars per million"
            " tokens.",
        ) from error
