"""Evidence -> README.md: a model card with Hugging Face's front matter.

The card travels with the model, so it holds figures and settings but no row of the user's data.
Every string is escaped for Markdown on its way into the template. Knows nothing of files.
"""

from __future__ import annotations

import functools
import io
import json
import re
from typing import Any

import jinja2
from markupsafe import Markup
from ruamel.yaml import YAML

from tunewise.models.catalogue import HUB_ID, catalogue, hub_id
from tunewise.records import LabelFigures
from tunewise.report import figures, text
from tunewise.report.gather import Evidence, Judged
from tunewise.version import __version__

SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")  # a key that no row's text would be
WORST_LABELS = 5
LIBRARIES = {
    "encoder": "transformers",
    "classifier": "transformers",
    "prompt": "transformers",
    "probe": "scikit-learn",
}


def model_card(evidence: Evidence) -> str:
    """Return the model card as Markdown; the same evidence gives the same bytes."""
    winner, metric = evidence.winner, evidence.verdict.metric
    body = (
        _environment()
        .get_template("card.md.j2")
        .render(
            e=evidence,
            verdict=evidence.verdict,
            winner=winner,
            metric=metric,
            test_rows=len(evidence.splits.test),
            others=[m for m in (winner.card.metrics if winner else ()) if m != metric],
            base=_base_model(winner),
            hub_id=hub_id(_base_model(winner) or ""),
            licence=_licence(winner),
            worst=_worst(winner) if winner else [],
            run_folder=_code(evidence.task.task),
            settings=_json(_settings(winner)),
            version=__version__,
        )
    )
    return f"---\n{_front_matter(evidence)}---\n\n{body}"


def _front_matter(evidence: Evidence) -> str:
    winner = evidence.winner
    task = _task(evidence)
    known: dict[str, Any] = {
        "license": _licence(winner),
        "pipeline_tag": task,
        "tags": ["tunewise", task, *([winner.card.kind] if winner else [])],
    }
    if winner and winner.card.kind in LIBRARIES:
        known["library_name"] = LIBRARIES[winner.card.kind]
    if found := hub_id(_base_model(winner) or ""):
        known["base_model"] = found
    known["metrics"] = ["accuracy", "f1"] if evidence.dataset.labels else ["rouge", "f1"]
    if winner:
        known["model-index"] = [_index_entry(evidence, winner)]
    stream = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(known, stream)
    return stream.getvalue()


def _task(evidence: Evidence) -> str:
    """Return the task as the Hub names it."""
    return "text-classification" if evidence.dataset.labels else "text-generation"


def _index_entry(evidence: Evidence, winner: Judged) -> dict[str, Any]:
    """Return the figures as the Hub's model index has them."""
    names = {"accuracy": "accuracy", "macro_f1": "f1", "rouge_l": "rouge", "token_f1": "f1"}
    found = [
        {"type": names.get(m, m), "name": figures.metric_name(m), "value": round(i.value, 4)}
        for m, i in winner.card.metrics.items()
    ]
    kind = _task(evidence)
    task = {"type": kind, "name": kind.replace("-", " ").capitalize()}
    dataset = {"type": "private", "name": evidence.task.task, "split": "test"}
    return {
        "name": evidence.task.task,
        "results": [{"task": task, "dataset": dataset, "metrics": found}],
    }


def _base_model(winner: Judged | None) -> str | None:
    """Return the base model's name as the task has it; a user's folder by its last name alone."""
    name = getattr(winner.asked, "model", None) if winner else None
    if name is None or name in catalogue() or HUB_ID.fullmatch(name):
        return name
    return str(name).rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]


def _licence(winner: Judged | None) -> str:
    """Return the base model's licence as the Hub spells it; 'unknown' where it isn't known."""
    base = _base_model(winner)
    known = catalogue().get(base) if base else None
    return known.licence.lower() if known else "unknown"


def _worst(winner: Judged) -> list[LabelFigures]:
    """Return the labels with the lowest F1, of those with test rows and mistakes."""
    weak = [f for f in winner.card.labels if f.support and f.f1 < 1]
    return sorted(weak, key=lambda f: (f.f1, -f.support, f.label))[:WORST_LABELS]


def _settings(winner: Judged | None) -> dict[str, Any]:
    """Return what was asked for and every number that was fitted, without any text of rows."""
    if winner is None:
        return {}
    asked = winner.asked.model_dump(mode="json", exclude={"name", "command", "file", "column"})
    if "model" in asked:
        asked["model"] = _base_model(winner)
    return {"kind": winner.card.kind} | asked | _numbers(winner.settings)


def _numbers(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        return {}
    return {
        key: value
        for key, value in settings.items()
        if SETTING.fullmatch(key) and isinstance(value, bool | int | float)
    }


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tunewise.report"),
        autoescape=False,  # noqa: S701 - Markdown; finalize escapes every string for it
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("share", "share_range", "points", "points_range", "plain_points", "p_value"):
        environment.filters[name] = getattr(figures, name)
    environment.filters |= {
        "number": figures.count,
        "counted": figures.counted,
        "duration": figures.duration,
        "metric_name": figures.metric_name,
        "rows_of": figures.rows_of,
        "code": _code,
        "label": text.one_line,
    }
    return environment


def _json(value: dict[str, Any]) -> Markup:
    """Return JSON for a fenced block: no line of it can be a fence, so it needs no escape."""
    return Markup(json.dumps(value, indent=2, ensure_ascii=True))  # noqa: S704 - as said


def _code(name: str) -> Markup:
    """Return a name that needs no escape, for a code span, in which escapes would show.

    Candidates and tasks have such names; task.yaml allows no others.
    """
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name), "a name that task.yaml allows"
    return Markup(name)  # noqa: S704 - letters, digits, '.', '_' and '-' alone


def _finalized(value: Any) -> Any:
    if value is None:
        return figures.UNKNOWN
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.markdown(value)
    return value
