"""What is done with each question and its answer beside sending it: drift, and the shadow.

Told of every answer in the server's own thread, so what it does there is small. Gives the figures
of both to /metrics and to the summary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewise.records import Example, Prediction
from tunewise.serving.drift import FEWEST, Drift, Measure
from tunewise.serving.meters import Meters
from tunewise.serving.shadow import Shadow, Tally


@dataclass(frozen=True, slots=True)
class Summary:
    """What was seen.

    Attributes:
        texts: answered, of which the last ones are compared with the training rows.
        drift: how far they are from them; empty while there are fewer than 50.
        shadow: how a second candidate compares, where there is one.
    """

    texts: int
    drift: tuple[Measure, ...]
    shadow: Tally | None

    def sentences(self) -> list[str]:
        """Return it in words."""
        found = [f"{self.texts:,} texts were answered."]
        far = [measure.name.replace("_", " ") for measure in self.drift if measure.drifted]
        if far:
            found.append(f"They have drifted from the training rows in {' and '.join(far)}.")
        elif self.drift:
            found.append("The last of them look like the training rows.")
        else:
            found.append(f"Drift is told from {FEWEST} on.")
        if self.shadow is not None:
            found.append(_shadow_sentence(self.shadow))
        return found


class Watch:
    """Drift and shadow.

    Args:
        drift: compares texts with the training rows.
        shadow: the second candidate, if there is one.
    """

    def __init__(self, drift: Drift, shadow: Shadow | None = None) -> None:
        self.drift, self.shadow = drift, shadow
        self._texts = 0

    def seen(
        self, examples: Sequence[Example], answers: Sequence[Prediction], seconds: float
    ) -> None:
        """Take note of questions and their answers, which took so many seconds."""
        self._texts += len(examples)
        for example, answer in zip(examples, answers, strict=True):
            self.drift.add(example.input, answer.answer)
        if self.shadow is not None:
            self.shadow.ask(examples, answers, seconds)

    def summary(self) -> Summary:
        """Return what was seen so far."""
        tally = None if self.shadow is None else self.shadow.tally()
        return Summary(self._texts, tuple(self.drift.measures()), tally)

    def measure(self, meters: Meters) -> None:
        """Bring the figures of drift up to date."""
        meters.drift_texts.set(self.drift.texts)
        for measure in self.drift.measures():
            meters.drift.labels(measure.name).set(measure.distance)
            meters.drift_p.labels(measure.name).set(measure.p_value)
            meters.drifted.labels(measure.name).set(measure.drifted)

    async def ended(self, seconds: float) -> None:
        """Wait for what the second candidate still has to answer."""
        if self.shadow is not None:
            await self.shadow.ended(seconds)


def _shadow_sentence(tally: Tally) -> str:
    if tally.same is None:
        return f"{tally.second} has answered nothing yet."
    same = tally.same
    sentence = (
        f"{tally.second} answered {tally.both:,} of them as well, {100 * same.value:.1f}% like"
        f" {tally.first} ({100 * same.low:.1f} to {100 * same.high:.1f})"
    )
    others = {
        "failed": tally.failed,
        "left out": tally.left_out,
        "not written down": tally.unwritten,
    }
    told = ", ".join(f"{count:,} {word}" for word, count in others.items() if count)
    return f"{sentence}; {told}." if told else f"{sentence}."
