"""The nouns that pass between rooms: frozen, typed, small, plain to write as JSON.

Behaviour lives elsewhere, as functions on these. Units: seconds, US dollars, tokens; shares and
metrics are between 0 and 1. `None` means unknown, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "validation", "test"]
Family = Literal["floor", "keep", "prompt", "tune"]
Severity = Literal["error", "warning", "note"]
Decision = Literal["tune", "prompt", "keep", "not enough evidence", "none meets your bar"]
Role = Literal["system", "user", "assistant"]
Action = Literal["delete", "relabel", "rewrite"]
Ways = Literal["rewordings", "same_request", "seeds"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled row.

    Attributes:
        id: stable hash of its content; a second identical row has '-2' after it.
        input: what the model is given.
        target: the label or answer; empty for rows that are only to be answered.
        row: number of the row in its file, the first being 1 (a header not counted).
        source: the file's name.
        columns: the row's other columns, as text.
        group: customer, document or the like that must stay on one side of a split.
        given_split: the side on which the user's own files put it, if they do.
        time: when it came about, in ISO 8601, where the task names a column of times.
        messages: the whole conversation, the answer included, where the row is one; then `input`
            is what was said before the last answer and `target` that answer.
        rejected: the answer that was liked less than `target`, in rows for preference tuning.
        desirable: whether `target` was liked, in rows that say no more than that (KTO).
    """

    id: str
    input: str
    target: str
    row: int
    source: str
    columns: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    given_split: Split | None = None
    time: str | None = None
    messages: tuple[Message, ...] = ()
    rejected: str | None = None
    desirable: bool | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that isn't used, and why. Nothing is dropped without one of these."""

    source: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Which column plays a role, and why it was taken.

    Where there was more to choose, the same record says so: the format of the rows that aren't
    plain columns, the sheet of a spreadsheet, the data set on the Hub (with its commit) that a
    side's rows come from; `column` is then its name.
    """

    role: Literal[
        "input", "target", "group", "time", "format", "sheet", "train", "validation", "test"
    ]
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """All rows of a task. `labels` is sorted; empty for generation."""

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    columns: tuple[ColumnChoice, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of one row that a finding proposes; the user decides.

    Attributes:
        row: 'file:row'.
        action: 'delete' the row, 'relabel' it (a new target), or 'rewrite' its input.
        value: the new target or input; None where the row is deleted.
        reason: why, in a few words.
    """

    row: str
    action: Action
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the audit noticed.

    Attributes:
        check: that noticed it.
        severity: 'error' puts the verdict in doubt, 'warning' costs quality, 'note' is to be known.
        reason: what was found, with its size, in words; personal data masked.
        mend: what the user can do.
        rows: as 'file:row'.
        fixes: changes of rows that would mend it; empty where only a person can tell.
    """

    check: str
    severity: Severity
    reason: str
    mend: str
    rows: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Splits:
    """Ids on each side, and a sentence on how they came to be there."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer.

    Attributes:
        id: of the example answered.
        answer: the label or text.
        scores: probability of each label, in the order of Dataset.labels; None where the
            candidate has no probabilities.
        prompt_tokens: tokens the model read; None where there are none.
        completion_tokens: tokens it wrote or scored as its answer.
        cost: US dollars paid for it; None where no price is known.
        reasoning: what a model wrote before its answer, kept apart from it.
    """

    id: str
    answer: str
    scores: tuple[float, ...] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long answering took.

    Attributes:
        rows: rows answered together; those that were asked one at a time are not among them.
        seconds: wall time for all of them, batched as the candidate likes.
        latencies: wall seconds of single requests, one at a time, after warm-up.
    """

    rows: int
    seconds: float
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95% interval and the method that gave it."""

    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How one label fares: `support` rows have it, `predicted` rows were answered with it."""

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """`count` rows of `target` were answered with `answer`; `rows` gives some of their ids."""

    target: str
    answer: str
    count: int
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckFigures:
    """How many of `rows` answers pass a check that the user declared."""

    check: str
    passed: int
    rows: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers given with a probability from `low` to `high`: the mean of these, and the truth."""

    low: float
    high: float
    rows: int
    claimed: float
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class RejectPoint:
    """Accuracy where only answers at least as sure as `threshold` are given."""

    coverage: float
    threshold: float
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a candidate's probabilities can be believed.

    Attributes:
        ece: expected calibration error, the mean gap of claimed probability and accuracy.
        ece_by_chance: what it would be with perfect probabilities on as many rows.
    """

    ece: float
    ece_by_chance: float
    bins: tuple[ReliabilityBin, ...]
    reject: tuple[RejectPoint, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """How alike a candidate's answers to the same request are, right or wrong.

    Attributes:
        over: what the answers differ in: small changes of the wording, rows that the user's column
            says are the same request, or the seed that the candidate was fitted with.
        requests: that have several answers.
        answers: to all of them.
        alike: share of the requests to which all answers are the same.
        likeness: mean ROUGE-L of each two answers to a request; None for labels.
    """

    over: Ways
    requests: int
    answers: int
    alike: Interval
    likeness: Interval | None = None

    @property
    def figure(self) -> Interval:
        """What says how consistent it is: likeness of written answers, the share of labels."""
        return self.likeness or self.alike


@dataclass(frozen=True, slots=True)
class Scorecard:
    """How one candidate did on one side of the split.

    Attributes:
        metrics: 'accuracy' and 'macro_f1', or those of written answers, each with its interval.
        part: how `rows` were chosen when they aren't all there are, else None.
        latency_p50, latency_p95, latency_p99: seconds per single request.
        rows_per_second: when answered in batches.
        tokens_per_request: mean of tokens read and written.
        tokens_in, tokens_out: means of tokens read, and of tokens written.
        fit_seconds: wall time spent fitting.
        cost_per_1000: US dollars per 1,000 requests; None where no price is known.
        calibration: of its probabilities; None where it has none.
        checks: that the user declared; the metric 'checks' is the share that passes all of them.
        reading_grade: median over the answers; None for labels.
        seconds_per_request: mean over single requests, with its interval.
        cost_range: `cost_per_1000` with its interval.
        local: whether no row leaves the machine.
        consistency: where the task asks for it, one for each way in which answers can differ.
    """

    candidate: str
    kind: str
    family: Family
    split: Split
    rows: int
    metrics: dict[str, Interval]
    labels: tuple[LabelFigures, ...]
    confused: tuple[ConfusedPair, ...]
    part: str | None = None
    latency_p50: float | None = None
    latency_p95: float | None = None
    rows_per_second: float | None = None
    tokens_per_request: float | None = None
    fit_seconds: float | None = None
    cost_per_1000: float | None = None
    latency_p99: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None
    calibration: Calibration | None = None
    checks: tuple[CheckFigures, ...] = ()
    reading_grade: float | None = None
    seconds_per_request: Interval | None = None
    cost_range: Interval | None = None
    local: bool = True
    consistency: tuple[Consistency, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """How a candidate does on the `rows` that have something in common.

    Attributes:
        kind: label, length, group or language.
        name: which of the kind.
        score: the mean of the verdict's metric over these rows; for labels the share right.
        others: the mean over all other rows.
        p_value: whether the two differ, by chance alone; after Holm over all slices `p_adjusted`.
    """

    kind: str
    name: str
    rows: int
    score: Interval
    others: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two candidates on the same rows.

    Attributes:
        difference: challenger minus incumbent, with a paired 95% interval.
        p_value: two-sided; exact McNemar for accuracy, paired bootstrap for the rest.
        p_adjusted: after Holm over all comparisons of the verdict.
        only_challenger, only_incumbent: rows that just one of them got right, or did better on.
        noticeable: the smallest true difference that these rows would reveal with 80% power.
        rows_needed: rows that would reveal the observed difference with 80% power; None when
            the observed difference is nil.
    """

    challenger: str
    incumbent: str
    metric: str
    rows: int
    difference: Interval
    p_value: float
    p_adjusted: float
    test: str
    only_challenger: int
    only_incumbent: int
    noticeable: float | None
    rows_needed: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What having a candidate costs, in US dollars; None where a price or a time isn't known.

    Attributes:
        per_1000: requests, with the interval of what was measured.
        once: to tune it; 0 for what isn't tuned.
        a_month: requests and upkeep at the user's volume.
        in_all: over the months asked for, what is paid once included.
    """

    candidate: str
    per_1000: Interval | None
    once: float | None
    a_month: float | None
    in_all: float | None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how many requests a month on `cheaper` costs less than `than`, over so many months.

    `high` is None where what was measured doesn't rule out that it never does.
    """

    cheaper: str
    than: str
    requests_per_month: float
    low: float
    high: float | None
    months: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, in one sentence, with its reasons and the evidence.

    Attributes:
        winner: the candidate to use, even when the evidence isn't enough (then the simplest
            that isn't shown to be worse); None when nothing beats the majority label.
        finalists: per family, the candidate that validation picked.
        more_rows: further test rows that would settle an open question.
        looks: how often the test set has been looked at in this run folder.
        costs: of every candidate, where the task gives a price.
        break_even: between finalists.
        changes: what would change the verdict, in sentences.
    """

    decision: Decision
    winner: str | None
    sentence: str
    reasons: tuple[str, ...]
    metric: str
    finalists: dict[str, str]
    comparisons: tuple[Comparison, ...]
    more_rows: int | None
    looks: int
    costs: tuple[Costs, ...] = ()
    break_even: tuple[BreakEven, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether the evidence was enough; if not, the winner is what to use for now."""
        return self.decision not in ("not enough evidence", "none meets your bar")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One fit of a learning curve.

    Attributes:
        size: labelled rows that it was given, those that it chose on included.
        draw: number of the draw that picked them; a draw's smaller sets lie in its larger ones.
        fold: number of the rows that it was judged on; equal folds are equal rows.
        judged: rows that it was judged on.
        error: their mean error: the share of them that it got wrong, or 1 less the metric of texts.
        seconds: to fit and to answer.
    """

    size: int
    draw: int
    fold: int
    judged: int
    error: float
    seconds: float


@dataclass(frozen=True, slots=True)
class CurveForecast:
    """The error that the fitted law expects with `size` labelled rows."""

    size: int
    error: Interval


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """How one candidate's error falls with the number of labelled rows.

    Attributes:
        floor, scale, exponent: of the law error(n) = floor + scale * n ** -exponent.
        now: its error with all the rows there are.
        gain: by how much the further rows would lower it.
        line: the law from the smallest number of rows to all of them with the further ones.
        rows_judged: different rows that some point was judged on.
    """

    candidate: str
    kind: str
    points: tuple[CurvePoint, ...]
    floor: float
    scale: float
    exponent: float
    now: Interval
    gain: Interval
    line: tuple[CurveForecast, ...]
    rows_judged: int


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """What wrong labels cost.

    Attributes:
        rows: labelled rows whose labels were looked at.
        found: how many of them look wrong.
        share: of wrong labels among all, as estimated.
        cost: points of accuracy that a probe gains when it learns without them.
        judged: rows on which that was measured.
    """

    rows: int
    found: int
    share: float
    cost: Interval
    judged: int


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """What `tunewise curve` found.

    Attributes:
        rows: labelled rows there are to learn from and choose on.
        more: further rows that the forecast is about.
        metric: of the errors: 1 less it is the error.
        how: the rows that judged, in words.
        noise: what wrong labels cost; None where texts are written.
        sentence: what it comes to.
    """

    rows: int
    more: int
    metric: str
    how: str
    curves: tuple[LearningCurve, ...]
    noise: LabelNoise | None
    sentence: str
