"""Comparisons that were made before aren't made again: nor are the statistics loaded for them."""

from __future__ import annotations

from typing import Any, TypeAlias

from tunewise.records import Comparison

Comparisons: TypeAlias = dict[tuple[str, str, str], Comparison]


def remembered(known: Comparisons | None, **asked: Any) -> Comparison:
    """Return what compare.compared does, from what is known where it was made before.

    Args:
        known: comparisons by challenger, incumbent and metric; gets the new one.
        asked: what `compared` takes.
    """
    key = (asked["challenger"], asked["incumbent"], asked["metric"])
    if known is not None and key in known:
        return known[key]
    from tunewise.evaluation.compare import compared

    found = compared(**asked)
    if known is not None:
        known[key] = found
    return found
