"""Evidence -> the report as Markdown, or as one JSON value, for other tools. Knows no files."""

from __future__ import annotations

from typing import Any

from tunewise.evaluation.slices import weakest
from tunewise.files import plain
from tunewise.report import figures, samples
from tunewise.report.card import model_card
from tunewise.report.gather import Evidence
from tunewise.report.text import markdown
from tunewise.report.wrong import mistakes_of


def as_json(evidence: Evidence) -> dict[str, Any]:
    """Return verdict, scorecards, and the leader's slices and mistakes, as plain values."""
    leader = samples.leader(evidence)
    wrong = mistakes_of(evidence, leader) if leader else None
    found: dict[str, Any] = {
        "task": evidence.task.task,
        "verdict": evidence.verdict,
        "test": {one.name: one.card for one in evidence.judged},
        "validation": {one.name: one.chosen for one in evidence.judged},
        "slices": wrong.slices if wrong else [],
        "mistakes": [
            {
                "id": one.example.id,
                "row": f"{one.example.source}:{one.example.row}",
                "target": one.example.target,
                "answer": one.answer,
                "score": one.score,
                "sure": one.sure,
            }
            for one in (wrong.shown if wrong else ())
        ],
        "environment": evidence.environment,
    }
    return {key: plain(value) for key, value in found.items()}


def as_markdown(evidence: Evidence) -> str:
    """Return the model card with what would change the verdict, money and slices after it."""
    verdict, leader = evidence.verdict, samples.leader(evidence)
    lines = [model_card(evidence).split("---\n", 2)[2].strip(), ""]
    if verdict.changes:
        lines += ["## What would change it", "", *(f"- {markdown(c)}" for c in verdict.changes), ""]
    if verdict.costs:
        lines += ["## Money", "", "| Candidate | 1,000 requests | Tuning, once | A month |"]
        lines += ["|:--|--:|--:|--:|"]
        lines += [
            f"| {c.candidate} | {figures.dollars(c.per_1000.value if c.per_1000 else None)} |"
            f" {figures.dollars(c.once)} | {figures.dollars(c.a_month)} |"
            for c in verdict.costs
        ]
        lines += [""]
    consistent = [(one, found) for one in evidence.judged for found in one.card.consistency]
    if consistent:
        lines += [
            "## Consistency",
            "",
            "| Candidate | Over | Alike | Requests |",
            "|:--|:--|--:|--:|",
        ]
        lines += [
            f"| {one.name} | {found.over.replace('_', ' ')} | {figures.share(found.figure.value)}"
            f" ({figures.share_range(found.figure)}) | {found.requests:,} |"
            for one, found in consistent
        ]
        lines += [""]
    wrong = mistakes_of(evidence, leader) if leader else None
    if wrong and wrong.slices:
        weak = weakest(wrong.slices)
        told = "No slice is shown to be worse than the other rows."
        if weak:
            told = f"Weakest: {weak.kind} {markdown(weak.name)}."
        lines += ["## Slices", "", told, "", "| Slice | Rows | Score | Other rows |"]
        lines += ["|:--|--:|--:|--:|"]
        lines += [
            f"| {s.kind}: {markdown(s.name)} | {s.rows:,} | {figures.share(s.score.value)}"
            f" ({figures.share_range(s.score)}) | {figures.share(s.others)} |"
            for s in wrong.slices
        ]
        lines += [""]
    return "\n".join(lines)
