"""What is done with each question and its answer beside sending it: nothing, or drift and a shadow.

Told of every answer in the server's own thread, so what it does there is small.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.records import Example, Prediction


class Watch:
    """Watches nothing."""

    def seen(self, examples: Sequence[Example], answers: Sequence[Prediction]) -> None:
        """Take note of questions and their answers."""
