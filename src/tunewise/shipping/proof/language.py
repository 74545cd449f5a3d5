"""A language model's export beside the trained candidate: ask, compare, name the cause.

Given the trained candidate's rows and a runtime with the exported model, gives back a Proof. Knows
nothing of formats or how the weights were compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tunewise.progress import Progress, showing
from tunewise.records import Interval, Prediction
from tunewise.shipping.proof.causes import rendering_cause, stopping_cause
from tunewise.shipping.proof.metric import metric_of
from tunewise.shipping.proof.records import Bars, Cause, Proof
from tunewise.shipping.proof.weights import Compared
from tunewise.shipping.runtimes import LanguageRuntime, Rendered, Steps, Wrote
from tunewise.shipping.subject import Subject
from tunewise.shipping.trained import Row, Trained


@dataclass(frozen=True)
class Asked:
    """What a runtime said to one row."""

    rendered: Rendered
    steps: Steps
    wrote: Wrote
    prediction: Prediction


@dataclass
class _Found:
    """What doesn't hold, and why, in the order found."""

    failures: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)

    def add(self, failure: str, *causes: Cause | None) -> None:
        self.failures.append(failure)
        known = {cause.name for cause in self.causes}
        self.causes += [cause for cause in causes if cause is not None and cause.name not in known]


def proved(
    subject: Subject,
    trained: Trained,
    runtime: LanguageRuntime,
    *,
    model: str,
    bars: Bars,
    weights: Callable[[], Compared | None],
    decode: Callable[[Sequence[int]], str],
    progress: Progress,
) -> Proof:
    """Return how an exported language model answers beside the trained candidate.

    Args:
        subject: what was exported.
        trained: its rows.
        runtime: with the exported model.
        model: its file, or '.'.
        bars: that it must reach.
        weights: compares the weights; None where they can't be read back.
        decode: turns an answer's tokens into text, as the trained candidate does.
        progress: gets a bar of rows.
    """
    began = time.monotonic()
    asked = []
    with showing(progress, f"Asking {runtime.name}", len(trained.rows)) as bar:
        for row in trained.rows:
            asked.append(_asked(row, trained, runtime, decode))
            bar.advance()
    found = _Found()
    equal = _check_prompts(trained, asked, runtime, found)
    seen = weights()
    if seen is not None and seen.off:
        found.add(
            f"{len(seen.off):,} of {seen.compared:,} tensors aren't the trained ones", *seen.causes
        )
    same, tied, positions = _agreement(trained.rows, asked)
    if same + tied < bars.agreement * positions:
        beside = f" (and is tied at {tied:,} more)" if tied else ""
        found.add(
            f"the likeliest token agrees at {same / positions:.2%} of {positions:,}"
            f" positions{beside}, below {bars.agreement:.0%}",
            *_fallback(found),
        )
    ran_on = [
        (row, one)
        for row, one in zip(trained.rows, asked, strict=True)
        if row.wrote.stopped and not one.wrote.stopped
    ]
    if len(ran_on) > bars.ran_on * len(asked):
        causes = [stopping_cause(row, one.wrote, trained) for row, one in ran_on]
        found.add(
            f"{len(ran_on):,} of {len(asked):,} answers don't stop where the trained model's do",
            *causes,
        )
    values, difference = _metric(subject, trained.rows, asked)
    if not difference.low <= 0.0 <= difference.high:
        found.add(
            f"{subject.metric} differs by {difference.value:+.3f}"
            f" ({difference.low:+.3f} to {difference.high:+.3f})",
            *_fallback(found),
        )
    largest, mean, unknown = _logps(trained.rows, asked)
    return Proof(
        model=model,
        runtime=runtime.name,
        rows=len(asked),
        side=subject.side,
        prompts_equal=equal,
        positions=positions,
        agreement=same / positions,
        bar=bars.agreement,
        greedy_agreement=_greedy(trained.rows, asked),
        logp_largest=largest,
        logp_mean=mean,
        logp_unknown=unknown,
        metric=subject.metric,
        trained=values[0],
        exported=values[1],
        difference=difference,
        ended=sum(one.wrote.stopped for one in asked),
        trained_ended=sum(row.wrote.stopped for row in trained.rows),
        ran_on=len(ran_on),
        weights_compared=seen.compared if seen else None,
        weights_off=len(seen.off) if seen else None,
        failures=tuple(found.failures),
        causes=tuple(found.causes),
        seconds=time.monotonic() - began,
        tied=tied,
    )


def _asked(
    row: Row, trained: Trained, runtime: LanguageRuntime, decode: Callable[[Sequence[int]], str]
) -> Asked:
    """Ask one row: the prompt, the numbers along the trained answer, an answer of its own.

    What it writes itself, and the label it chooses, follow the prompt that the runtime makes, as
    its users get them; the numbers along the answer follow the trained prompt, so that weights and
    template are told apart.
    """
    rendered = runtime.rendered(row.messages)
    own = rendered.ids[: len(rendered.ids) - row.cut] or row.prompt
    wrote = runtime.wrote(own, trained.max_new_tokens)
    if trained.labels:
        answer = trained.names[runtime.best(own, trained.labels)]
    else:
        ids = wrote.ids[:-1] if wrote.stopped else wrote.ids
        answer = decode(ids)
    return Asked(
        rendered=rendered,
        steps=runtime.along(row.prompt, row.answer),
        wrote=wrote,
        prediction=Prediction(row.example.id, answer),
    )


def _check_prompts(
    trained: Trained, asked: Sequence[Asked], runtime: LanguageRuntime, found: _Found
) -> int:
    """Return how many prompts have the trained tokens; note the rest."""
    wrong = [
        (row, one.rendered)
        for row, one in zip(trained.rows, asked, strict=True)
        if one.rendered.ids != row.ids
    ]
    if wrong:
        cause = rendering_cause(*wrong[0], trained, runtime)
        found.add(f"{len(wrong):,} of {len(asked):,} prompts haven't the trained tokens", cause)
    return len(asked) - len(wrong)


def _agreement(rows: Sequence[Row], asked: Sequence[Asked]) -> tuple[int, int, int]:
    """Return at how many positions both find the same token likeliest, a tied one, and of all."""
    same = tied = positions = 0
    for row, one in zip(rows, asked, strict=True):
        steps = zip(row.steps.likeliest, row.steps.tied, one.steps.likeliest, strict=True)
        for ours, alike, theirs in steps:
            positions += 1
            same += ours == theirs
            tied += ours != theirs and theirs in alike
    return same, tied, positions


def _greedy(rows: Sequence[Row], asked: Sequence[Asked]) -> float:
    """Return the share of equal tokens, place by place, in freely written answers."""
    same = total = 0
    for row, one in zip(rows, asked, strict=True):
        ours, theirs = row.wrote.ids, one.wrote.ids
        total += max(len(ours), len(theirs))
        same += sum(a == b for a, b in zip(ours, theirs, strict=False))
    return same / total if total else 1.0


def _logps(rows: Sequence[Row], asked: Sequence[Asked]) -> tuple[float | None, float | None, int]:
    """Return largest and mean difference of log-probabilities in nats, and how many are unknown."""
    known, unknown = list[float](), 0
    for row, one in zip(rows, asked, strict=True):
        for ours, theirs in zip(row.steps.logps, one.steps.logps, strict=True):
            if ours is None or theirs is None:
                unknown += 1
            else:
                known.append(abs(ours - theirs))
    return (max(known), sum(known) / len(known), unknown) if known else (None, None, unknown)


def _metric(
    subject: Subject, rows: Sequence[Row], asked: Sequence[Asked]
) -> tuple[tuple[float, float], Interval]:
    """Return the metric of trained and exported answers, and their paired difference."""
    return metric_of(subject, [row.prediction for row in rows], [one.prediction for one in asked])


def _fallback(found: _Found) -> tuple[Cause, ...]:
    """Return rounding, or the runtime, as the cause where no other is known."""
    if found.causes:
        return ()
    words = (
        "prompts and weights are the trained ones, so the format is too coarse or the runtime"
        " computes this architecture otherwise"
    )
    return (Cause("rounding", words),)
