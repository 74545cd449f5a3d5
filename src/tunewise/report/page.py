"""Evidence -> report.html: one self-contained page that requests nothing.

Every string is made visible (text.shown) and escaped on its way into the template, so nothing a
row, label or name holds can become markup. Knows nothing of files.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import statistics
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from tunewise.audit.masking import excerpt
from tunewise.evaluation.slices import weakest
from tunewise.records import Comparison, Finding, LabelFigures, LeftOut
from tunewise.report import curve_plot, figures, loss_plot, pareto, plots, samples, text
from tunewise.report.gather import SIDES, Evidence, Judged
from tunewise.report.wrong import mistakes_of
from tunewise.version import __version__

LONGEST_SETTINGS = 20_000  # characters of a candidate's settings that are shown
LONGEST_CELL = 240  # characters of a text in the table of mistakes
MOST_PLACES = 8  # rows named beside a finding

DECISIONS = {
    "tune": "Tune",
    "prompt": "Prompt",
    "keep": "Keep what you have",
    "not enough evidence": "Not enough evidence",
    "none meets your bar": "None meets your bar",
}
FAMILIES = {"floor": "Floor", "keep": "Keep", "prompt": "Prompt", "tune": "Tune"}
KINDS = {
    "majority": "always the most frequent label",
    "existing": "what you have today",
    "probe": "a classifier on a frozen encoder",
    "prompt": "a prompted language model",
    "encoder": "a fine-tuned encoder",
    "classifier": "a tuned language model with a classification head",
    "lora": "a tuned language model (adapter)",
    "full": "a tuned language model (all weights)",
    "api": "a language model tuned by its provider",
}
MACHINE = {
    "python": "Python",
    "system": "System",
    "processor": "Processor",
    "cores": "Cores",
    "memory_gb": "Memory, GB",
}
AGAIN = {
    "rewordings": "in other words",
    "same_request": "in rows of the same request",
    "seeds": "of fits with other seeds",
}
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class SideSummary:
    """Rows on one side: how many, of how many labels, and their texts' lengths in characters."""

    side: str
    rows: int
    share: float
    labels: int
    shortest: int | None
    median: float | None
    longest: int | None


@dataclass(frozen=True)
class LabelRow:
    """How the leader does on one label, and how many rows it had to learn from."""

    figures: LabelFigures
    train_rows: int


@dataclass(frozen=True)
class LeftOutGroup:
    """Rows left out for one reason."""

    reason: str
    count: int
    places: tuple[str, ...]


def page(evidence: Evidence) -> str:
    """Return the report as HTML; the same evidence gives the same bytes."""
    leader, other = samples.leader(evidence), samples.runner_up(evidence)
    metric = evidence.verdict.metric
    drawn = plots.worth_drawing(evidence.judged, metric)
    across = _across(evidence, drawn)
    dominated = pareto.outdone(drawn, metric, across)
    train = Counter(row.target for row in evidence.rows("train"))
    labels = evidence.dataset.labels
    wrong = mistakes_of(evidence, leader) if leader else None
    counts = [train[label] for label in labels]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            e=evidence,
            verdict=evidence.verdict,
            comparisons=_comparisons(evidence),
            decision=DECISIONS[evidence.verdict.decision],
            metrics=_metrics(evidence),
            metric=metric,
            leader=leader,
            other=other,
            test_rows=len(evidence.splits.test),
            has_cost=any(one.card.cost_per_1000 is not None for one in evidence.judged),
            dots=plots.dot_plot(drawn, metric),
            scatters=[
                scatter
                for axis in across
                if (scatter := pareto.scatter(drawn, metric, axis, dominated)) is not None
            ],
            dominated=dominated,
            not_drawn=[one for one in evidence.judged if one not in drawn],
            pairs=samples.worst_pairs(leader) if leader else [],
            matrix=samples.confusion(evidence, leader) if leader else None,
            errors=samples.errors_of(evidence, leader) if leader else None,
            differences=samples.differences(evidence, leader, other) if leader and other else [],
            wrong=wrong if wrong and wrong.shown else None,
            weak=weakest(wrong.slices) if wrong else None,
            consistent=[one for one in evidence.judged if one.card.consistency],
            believed=[one for one in evidence.finalists if one.card.calibration is not None],
            script=script(),
            script_hash=script_hash(),
            label_rows=_label_rows(leader, train) if leader else [],
            sides=_sides(evidence),
            lengths=plots.length_bars([len(e.input) for e in evidence.dataset.examples]),
            balance=plots.balance_bars(counts, labels) if labels else None,
            train_counts=sorted(zip(counts, labels, strict=True), reverse=True),
            findings=_findings(evidence),
            left_out=_left_out(evidence.dataset.left_out),
            curve=curve_plot.drawing(evidence.curves) if evidence.curves else None,
            losses=[
                found
                for one in evidence.judged
                if (found := loss_plot.drawing(one.name, one.training)) is not None
            ],
            settings={one.name: _settings(one) for one in evidence.judged},
            version=__version__,
        )
    )


def _across(evidence: Evidence, drawn: list[Judged]) -> list[pareto.Across]:
    """Return what quality is drawn against: time, and cost."""
    asked = evidence.task.decide
    limit = asked.max_latency_ms
    costs = {c.candidate: c.per_1000.value for c in evidence.verdict.costs if c.per_1000}
    return [
        pareto.across_time(drawn, limit / 1000 if limit else None),
        pareto.across_cost(costs, asked.max_cost_per_1000),
    ]


def _comparisons(evidence: Evidence) -> list[Comparison]:
    """Return the comparisons: the winner's first, those with the floor last."""
    floors = {one.name for one in evidence.judged if one.card.family == "floor"}
    winner = evidence.verdict.winner

    def order(comparison: Comparison) -> tuple[bool, bool]:
        pair = {comparison.challenger, comparison.incumbent}
        return bool(pair & floors), winner not in pair

    return sorted(evidence.verdict.comparisons, key=order)


def _metrics(evidence: Evidence) -> list[str]:
    """Return all metrics, the verdict's first."""
    first = evidence.verdict.metric
    known = {metric for one in evidence.judged for metric in one.card.metrics}
    return [first, *sorted(known - {first})]


def _label_rows(leader: Judged, train: Counter[str]) -> list[LabelRow]:
    """Return the leader's figures by label, the worst first; labels without test rows last."""
    ordered = sorted(leader.card.labels, key=lambda f: (f.support == 0, f.f1, -f.support, f.label))
    return [LabelRow(f, train[f.label]) for f in ordered]


def _sides(evidence: Evidence) -> list[SideSummary]:
    whole = sum(len(getattr(evidence.splits, side)) for side in SIDES)
    found = []
    for side in SIDES:
        rows = evidence.rows(side)
        lengths = [len(row.input) for row in rows]
        found.append(
            SideSummary(
                side=side,
                rows=len(rows),
                share=len(rows) / whole,
                labels=len({row.target for row in rows}),
                shortest=min(lengths, default=None),
                median=statistics.median(lengths) if lengths else None,
                longest=max(lengths, default=None),
            )
        )
    return found


def _findings(evidence: Evidence) -> list[Finding]:
    return sorted(evidence.findings, key=lambda f: (SEVERITIES.index(f.severity), f.check))


def _left_out(rows: tuple[LeftOut, ...]) -> list[LeftOutGroup]:
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        by_reason.setdefault(row.reason, []).append(f"{row.source}:{row.row}")
    groups = [LeftOutGroup(reason, len(p), tuple(p)) for reason, p in by_reason.items()]
    return sorted(groups, key=lambda group: (-group.count, group.reason))


def _settings(one: Judged) -> str:
    whole = json.dumps(one.settings, indent=2, ensure_ascii=False)
    return text.shortened(whole, LONGEST_SETTINGS)


@functools.cache
def script() -> Markup:
    """Return the page's one script, which filters and sorts the table of mistakes."""
    source = resources.files("tunewise.report").joinpath("templates/mistakes.js")
    return Markup(source.read_text(encoding="utf-8"))  # noqa: S704 - ours, and nothing of a user's


def script_hash() -> str:
    """Return what allows just this script, for the page's Content-Security-Policy."""
    digest = hashlib.sha256(str(script()).encode()).digest()
    return Markup("sha256-{}").format(Markup(base64.b64encode(digest).decode()))  # noqa: S704 - base64


@functools.cache
def environment() -> jinja2.Environment:
    """Return what renders our pages: every string made visible, every unknown a dash, escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("tunewise.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("share", "share_range", "points", "points_range", "plain_points", "p_value"):
        made.filters[name] = getattr(figures, name)
    made.filters |= {
        "number": figures.count,
        "counted": figures.counted,
        "quantity": figures.quantity,
        "duration": figures.duration,
        "fit_time": figures.fit_time,
        "dollars": figures.dollars,
        "metric_name": figures.metric_name,
        "rows_of": figures.rows_of,
        "prose": _prose,
        "user_text": _user_text,
        "user_label": _user_label,
        "places": _places,
        "masked_text": _masked_text,
        "cell_text": _cell_text,
        "user_label_text": text.one_line,
    }
    made.globals |= {"FAMILIES": FAMILIES, "KINDS": KINDS, "MACHINE": MACHINE, "AGAIN": AGAIN}
    return made


def _finalized(value: Any) -> Any:
    """Make every plain string visible and every unknown a dash, before it is escaped."""
    if value is None:
        return figures.UNKNOWN
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.shown(value)
    if isinstance(value, float):  # a place on a drawing; figures are spelled by the filters
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return value


def _prose(value: str) -> str:
    """Return a sentence of ours in which a p-value isn't broken over two lines."""
    return value.replace("p < ", "p\u00a0<\u00a0").replace("p = ", "p\u00a0=\u00a0")


def _user_text(value: str) -> Markup:
    """Return a row's text, isolated from the direction of what is around it."""
    return Markup('<bdi dir="auto">{}</bdi>').format(text.shortened(text.shown(value)))


def _cell_text(value: str) -> Markup:
    """Return a row's text for a cell of a table, shortened."""
    return Markup('<bdi dir="auto">{}</bdi>').format(
        text.shortened(text.shown(value), LONGEST_CELL)
    )


def _masked_text(value: str, most: int = text.LONGEST_TEXT) -> Markup:
    """Return a row's text like `user_text`, personal data masked."""
    whole = text.shown(excerpt(value, most))
    more = Markup(" <small>({} characters in all)</small>").format(f"{len(value):,}")
    return Markup('<bdi dir="auto">{}</bdi>{}').format(whole, more if len(value) > most else "")


def _user_label(value: str) -> Markup:
    """Return a label or file name on one line that may break after '_', '/' and '.'."""
    whole = escape(text.one_line(value))
    for mark in ("_", "/", "."):
        whole = whole.replace(mark, Markup("{}<wbr>").format(mark))
    return Markup('<bdi dir="auto">{}</bdi>').format(whole)


def _places(places: tuple[str, ...]) -> str:
    """Return 'file:row' of the first few rows, and how many more there are."""
    shown = ", ".join(text.one_line(place) for place in places[:MOST_PLACES])
    more = len(places) - MOST_PLACES
    return f"{shown} and {more:,} more" if more > 0 else shown
