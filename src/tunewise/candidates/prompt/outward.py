"""A prompt candidate's settings -> the endpoint it asks: address, price, cap, book of answers.

Given settings and what the task says of spending, gives back an engine; nothing is sent by that.
Knows nothing of prompts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunewise.cache import cache_folder
from tunewise.candidates import Outward, Setup
from tunewise.engines.endpoint.address import address_of
from tunewise.engines.endpoint.book import Book, Cap
from tunewise.engines.endpoint.dialect import Dialect
from tunewise.engines.endpoint.engine import Endpoint, Terms
from tunewise.engines.endpoint.prices import PICO, Price, price_of
from tunewise.task.settings import PromptSettings

BOOKS = "answers"  # folder of the cache


def endpoint_of(settings: PromptSettings, setup: Setup, dialect: Dialect | None = None) -> Endpoint:
    """Return the endpoint that settings name.

    Raises:
        ModelError: the URL isn't one, or a cap in dollars has no price to go by.
        BadInput: the user's prices.toml isn't one.
    """
    assert settings.endpoint is not None, "an endpoint is named"
    address = address_of(settings.endpoint, settings.model, settings.key_env)
    terms = Terms(
        price=known_price(settings, setup),
        account=setup.outward.account,
        cap=cap_of(setup.outward),
        timeout=settings.timeout,
        most=settings.concurrency,
        extra=settings.extra,
    )
    return Endpoint(address, terms, Book(cache_folder() / BOOKS), dialect)


def known_price(settings: PromptSettings, setup: Setup) -> Price | None:
    """Return what the candidate's model costs; None if nobody says."""
    if settings.price is not None:
        return Price(**settings.price.model_dump())
    if settings.endpoint is None:
        return None
    address = address_of(settings.endpoint, settings.model, settings.key_env)
    return price_of(address, setup.task_folder)


def cap_of(outward: Outward) -> Cap:
    """Return the cap on a task's spending."""
    pico = None if outward.usd is None else math.floor(outward.usd * PICO)
    return Cap(pico, outward.requests, outward.tokens)


def what_is_sent(rows: Sequence[tuple[int | None, str]], examples: int) -> str:
    """Return what is sent, in words.

    Args:
        rows: numbers of rows and what they are, such as (150, 'validation rows'); None for all
            that will come.
        examples: training rows that each may bring along.
    """
    told = " and ".join(
        f"all {name} that come" if count is None else f"up to {count:,} {name}"
        for count, name in rows
    )
    shown = f", each with up to {examples} training rows as examples" if examples else ""
    return told + shown
