"""tunewise: tune or prompt? An honest verdict from labelled examples, and the winner to ship.

    run = tunewise.run("task.yaml")
    run.verdict.sentence
    tunewise.load("runs/support-tickets").predict(["where is my card?"])

Importing this loads nothing heavy; what needs torch is imported when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tunewise.version import __version__

if TYPE_CHECKING:
    from tunewise.api import Predictor, Run, load, run


__all__ = ["Predictor", "Run", "__version__", "load", "run"]


def __getattr__(name: str) -> Any:
    if name in ("Predictor", "Run", "load", "run"):
        from tunewise import api

        return getattr(api, name)
    raise AttributeError(f"module 'tunewise' has no attribute '{name}'")
