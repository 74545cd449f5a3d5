"""When to try again: exponential back-off with full jitter, and whatever Retry-After asks for.

Given headers or the number of tries, gives back seconds. The jitter is Brooker's 'full jitter' (AWS
Architecture Blog, 2015). Knows nothing of requests.
"""

from __future__ import annotations

import datetime
import email.utils
import math
import random
from collections.abc import Mapping

FIRST, LONGEST = 0.5, 30.0  # seconds: the first wait at most, any at most
TRIES = 10  # of one request, those that a rate limit turned away not counted
PATIENCE = 900.0  # seconds that a rate limit may hold up one request


def back_off(tries: int, chance: random.Random) -> float:
    """Return seconds to wait after so many failed tries, at random up to a doubling bound."""
    return chance.uniform(0, min(LONGEST, FIRST * 2 ** min(tries - 1, 16)))


def retry_after(headers: Mapping[str, str], now: datetime.datetime) -> float | None:
    """Return the seconds that an endpoint asks to wait; None where it doesn't say.

    Args:
        headers: of its response: Retry-After in seconds or as a date (RFC 9110, 10.2.3), or
            retry-after-ms as OpenAI sends it.
        now: with its time zone.
    """
    asked = headers.get("retry-after-ms")
    if asked is not None and (seconds := _number(asked)) is not None:
        return seconds / 1000
    asked = headers.get("retry-after")
    if asked is None:
        return None
    if (seconds := _number(asked)) is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, (date - now).total_seconds())


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None
