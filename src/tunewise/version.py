"""The version, which run folders, reports and model cards are stamped with."""

from __future__ import annotations

__version__ = "0.1.0"
