"""What a proof finds: figures, whether they pass, and the likely cause where they don't.

Knows nothing of how they came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunewise.records import Interval

CauseName = Literal[
    "template lost",
    "template lacks the generation prompt",
    "template differs",
    "end token missing",
    "tokenizer swapped",
    "special tokens added twice",
    "stop token lost",
    "adapter not applied",
    "wrong base revision",
    "transposed weight",
    "scale alpha/r wrong",
    "wrong merge dtype",
    "weights differ",
    "labels in another order",
    "rounding",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """What is likely wrong.

    Attributes:
        name: one of a fixed list.
        words: the same as a sentence, with what was seen.
    """

    name: CauseName
    words: str


@dataclass(frozen=True, slots=True)
class Bars:
    """What a format must reach.

    Attributes:
        agreement: least share of positions at which both find the same token (or, for encoders,
            of rows with the same label) most probable.
        ran_on: largest share of rows whose answer the trained candidate ends and this one doesn't.
    """

    agreement: float
    ran_on: float = 0.02


@dataclass(frozen=True, slots=True)
class Proof:
    """How one model file answered beside the trained candidate.

    Attributes:
        model: the file, or '.' for the folder.
        runtime: that was asked, with its version.
        rows: that were asked, of which side.
        side: of the split.
        prompts_equal: rows whose prompt has the very same tokens; None for encoders' texts, where
            `prompts_equal` counts texts.
        positions: of the trained candidate's own answers; for encoders, rows.
        agreement: share of them at which both find the same token (or label) most probable.
        bar: that `agreement` must reach, with the share that is tied.
        greedy_agreement: share of tokens that are equal, place by place, in answers written freely.
        logp_largest, logp_mean: difference of log-probabilities along the answers, in nats.
        logp_unknown: positions at which the runtime doesn't tell the log-probability.
        metric: of the verdict.
        trained, exported: its values on these rows.
        difference: exported minus trained, with its paired interval.
        ended, trained_ended: rows whose freely written answer stops at the end token.
        ran_on: rows whose answer the trained candidate ends and this one doesn't.
        weights_compared, weights_off: tensors held against the trained ones, and those that differ
            by more than their format's rounding; None where they can't be read back.
        failures: what didn't hold, in words.
        causes: what is likely wrong, the likeliest first.
        seconds: that the proof took.
        tied: further positions at which both may mean the same: the trained model's own number
            format doesn't tell the one's token from the other's.
    """

    model: str
    runtime: str
    rows: int
    side: str
    prompts_equal: int
    positions: int
    agreement: float
    bar: float
    greedy_agreement: float | None
    logp_largest: float | None
    logp_mean: float | None
    logp_unknown: int
    metric: str
    trained: float
    exported: float
    difference: Interval
    ended: int | None
    trained_ended: int | None
    ran_on: int | None
    weights_compared: int | None
    weights_off: int | None
    failures: tuple[str, ...]
    causes: tuple[Cause, ...]
    seconds: float
    tied: int = 0

    @property
    def passed(self) -> bool:
        """Whether all of it held."""
        return not self.failures
