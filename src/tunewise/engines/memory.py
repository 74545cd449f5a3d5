"""What an engine in this process was asked before, so that no question is answered twice.

Given asks and what answers those that are new, gives back replies. Nothing is kept on disk, as
nothing was paid for. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunewise.engines.asks import Ask, Reply


class Memory:
    """Replies by what was asked.

    Args:
        keeps: whether they are kept for the next call; within one, equal questions are one.

    Attributes:
        sent: questions of the last call that were new.
    """

    def __init__(self, *, keeps: bool) -> None:
        self._keeps, self._known = keeps, dict[Ask, Reply]()
        self.sent = 0

    def replies(
        self, asks: Sequence[Ask], answers: Callable[[list[Ask]], Sequence[Reply]]
    ) -> list[Reply]:
        """Return a reply to each ask, in their order; `answers` is given those that are new."""
        unknown = [ask for ask in dict.fromkeys(asks) if ask not in self._known]
        self.sent = len(unknown)
        known = dict(self._known)
        if unknown:
            known |= zip(unknown, answers(unknown), strict=True)
        if self._keeps:
            self._known = known
        return [known[ask] for ask in asks]
