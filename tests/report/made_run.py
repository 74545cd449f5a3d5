"""Makes finished run folders from records, as the stages would leave them, without any model.

Answers are simulated: each candidate is right with its own probability and else confuses a label
with its neighbour. Scorecards and verdict are the real ones of these answers.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from tunewise.data.store import write_dataset
from tunewise.decision.decide import decided
from tunewise.evaluation.score import scorecard
from tunewise.files import read_record, value_sha256, write_json, write_jsonl, write_text
from tunewise.records import (
    ColumnChoice,
    Dataset,
    Example,
    Finding,
    LeftOut,
    Prediction,
    Scorecard,
    Splits,
    Timing,
    Verdict,
)
from tunewise.task.load import load_task
from tunewise.workspace.folder import RunFolder, made
from tunewise.workspace.stages import StageRecord

TOPICS = {
    "card": "card",
    "virtual_card": "virtual card",
    "transfer": "transfer",
    "top_up": "top-up",
    "cash_withdrawal": "cash withdrawal",
    "direct_debit": "direct debit",
    "exchange": "currency exchange",
    "refund": "refund",
    "identity_check": "identity check",
    "pin": "PIN",
    "balance_after_cheque_or_cash_deposit": "cheque deposit",
}
ISSUES = {
    "not_working": "My {0} does not work, what can I do?",
    "fee_charged": "Why was I charged a fee for my {0}?",
    "pending": "How long will my {0} stay pending? It has been {1} days.",
    "declined": "The {0} I tried on {2} was declined although I have enough money.",
    "not_recognised": "There is a {0} on my statement that I do not recognise.",
    "limits": "Is there a limit on the {0}, and can it be raised to {1}00?",
    "how_to": "Hello! Could you tell me how to get a {0}? I looked in the app, but I find nothing."
    " Thank you.",
}
DAYS = ("Monday", "Tuesday", "Friday", "my trip to Spain", "the train", "Sunday morning")
TASK = """\
# yaml-language-server: $schema=task.schema.json
task: support-tickets
data: {train: tickets.csv, test: held-out.csv, input: text, target: category}
candidates:
  - majority
  - existing: {column: rules_prediction}
  - prompt: {shots: [0, 8]}
  - probe
  - encoder
decide: {max_latency_ms: 500}
seed: 7
"""
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)>",
    "[click](javascript:alert(1)) https://evil.example/x.png",
    "abc\u202edesrever\u202c",
    "nul\x00 bell\x07 escape\x1b[31m delete\x7f nel\x85",
    "שלום עולם, איפה הכרטיס שלי?",
    "👩‍👩‍👧 where is my card 🙂",
    '=HYPERLINK("http://evil.example"),"a;b","c""d"',
    "| a | b |\n|---|---|\n# heading `code` {{ 7*7 }} {% raw %}",
    "lone \ud800 surrogate",
    "very long " * 1024,
)
HOSTILE_LABELS = (
    "</style><script>alert('label')</script>",
    '" onmouseover="alert(1)',
    "pipe | tick ` <b>bold</b>\n# heading",
    "\u202egnp.exe",
    "x" * 500,
    "تحويل مرفوض",
)


@dataclass
class Plan:
    """What to make. `right` is each candidate's chance of a right answer."""

    labels: tuple[str, ...] = tuple(f"{t}_{i}" for t in TOPICS for i in ISSUES)
    task: str = TASK
    sizes: dict[str, int] = field(
        default_factory=lambda: {"train": 4500, "validation": 500, "test": 3080}
    )
    right: dict[str, float] = field(
        default_factory=lambda: {
            "majority": 0.0,
            "existing": 0.71,
            "prompt-smollm2-135m-instruct": 0.52,
            "probe-minilm-l6": 0.895,
            "encoder-minilm-l6": 0.927,
        }
    )
    part: int = 400
    reasons: tuple[str, ...] = ()
    hostile: tuple[str, ...] = ()
    source: str = "tickets.csv"
    looks: int = 1


KINDS = {
    "majority": ("majority", "floor"),
    "existing": ("existing", "keep"),
    "prompt": ("prompt", "prompt"),
    "probe": ("probe", "tune"),
    "encoder": ("encoder", "tune"),
}
LATENCY = {
    "probe": (0.0061, 0.0079, 1240.0),
    "encoder": (0.0068, 0.0093, 1180.0),
    "prompt": (0.241, 0.388, 9.3),
}
TOKENS = {"probe": 16, "encoder": 16, "prompt": 413}
FIT_SECONDS = {"majority": 0.01, "existing": 0.02, "probe": 14.2, "prompt": 63.0, "encoder": 141.3}


def made_run(path: Path, plan: Plan | None = None) -> tuple[RunFolder, Dataset]:
    """Write a finished run's files under `path`; return its folder and its rows."""
    plan = plan or Plan()
    folder = made(path, "support-tickets", path.parent)
    rng = random.Random(1)
    dataset, splits = _dataset(plan, rng)
    write_text(folder.task, plan.task)
    try:
        write_dataset(folder, dataset)
    except UnicodeEncodeError:
        # the readers refuse lone surrogates, so no stage could have left one in the rows
        assert any("\ud800" in text for text in plan.hostile)
    write_json(folder.splits, splits)
    write_json(folder.audit, _findings(plan))
    write_json(folder.environment, ENVIRONMENT)
    write_json(folder.looks, [{"time": "2026-03-02T09:30:00Z"}] * plan.looks)
    by_id = {e.id: e for e in dataset.examples}
    test = [by_id[i] for i in splits.test]
    chosen = [by_id[i] for i in splits.validation]
    answers: dict[str, dict[str, Prediction]] = {}
    for name, right in plan.right.items():
        rows = _part(test, plan.part) if name.startswith("prompt") else test
        answers[name] = _answers(dataset, rows, name, right, rng)
        _write_candidate(folder, dataset, name, test, answers[name], plan)
        seen = _answers(dataset, chosen, name, right, rng)
        write_json(
            folder.candidate(name).scorecard("validation"),
            card_of(dataset, name, "validation", chosen, seen),
        )
    write_json(folder.verdict, _verdict(plan, folder, dataset, test, answers))
    for name, seconds in (("data", 2.1), ("encoder-minilm-l6.fit", 141.0), ("verdict", 3.2)):
        write_json(folder.stages / f"{name}.json", StageRecord("0" * 64, {}, {}, seconds))
    return folder, dataset


def _dataset(plan: Plan, rng: random.Random) -> tuple[Dataset, Splits]:
    rows: list[Example] = []
    sides: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    weights = [1.0 / (1 + 0.02 * n) for n in range(len(plan.labels))]
    for side, size in plan.sizes.items():
        for n in range(size):
            label = plan.labels[n] if n < len(plan.labels) else _choice(plan.labels, weights, rng)
            text = _text(label, plan, rng)
            if n < len(plan.hostile):
                text = plan.hostile[n]
            row_id = value_sha256([side, n, text, label])[:16]
            columns = {"rules_prediction": label}
            source = plan.source if side == "train" else f"{side}-{plan.source}"
            rows.append(Example(row_id, text, label, n + 1, source, columns))
            sides[side].append(row_id)
    left_out = tuple(LeftOut(plan.source, 40 + 7 * n, "the text is empty") for n in range(12))
    choices = (
        ColumnChoice("input", "text", "the longest texts, nearly all different"),
        ColumnChoice("target", "category", "77 values, each in many rows"),
    )
    dataset = Dataset(tuple(rows), tuple(sorted(plan.labels)), choices, left_out)
    how = "The test rows are the user's own file; validation is 10% of the training rows, by label."
    return dataset, Splits(**{k: tuple(v) for k, v in sides.items()}, how=how)


def _choice(labels: tuple[str, ...], weights: list[float], rng: random.Random) -> str:
    return rng.choices(labels, weights)[0]


def _text(label: str, plan: Plan, rng: random.Random) -> str:
    topic = next((t for t in sorted(TOPICS, key=len, reverse=True) if label.startswith(t)), "card")
    issue = label.removeprefix(f"{topic}_")
    words = ISSUES.get(issue, "I need help with my {0}.")
    said = words.format(TOPICS[topic], rng.randint(2, 9), rng.choice(DAYS))
    return said + rng.choice(["", "", " Please help.", " This is urgent!", " I am a new customer."])


def _part(rows: list[Example], size: int) -> list[Example]:
    lots = sorted(rows, key=lambda e: hashlib.sha256(e.id.encode()).hexdigest())
    kept = {e.id for e in lots[:size]}
    return [e for e in rows if e.id in kept]


def _answers(
    dataset: Dataset, rows: list[Example], name: str, right: float, rng: random.Random
) -> dict[str, Prediction]:
    labels = dataset.labels
    found = {}
    for row in rows:
        at = labels.index(row.target)
        if name == "majority":
            answer, sure = labels[0], None
        elif rng.random() < right:
            answer, sure = row.target, 0.6 + 0.399 * rng.random()
        else:
            answer = labels[(at + rng.choice([1, 1, 1, 2, 7, 30])) % len(labels)]
            sure = 0.3 + 0.5 * rng.random()
        scores = None
        if sure is not None and name != "existing":
            rest = (1 - sure) / (len(labels) - 1)
            scores = tuple(sure if label == answer else rest for label in labels)
        tokens = TOKENS.get(name.split("-", maxsplit=1)[0])
        found[row.id] = Prediction(row.id, answer, scores, tokens, None, None)
    return found


def card_of(
    dataset: Dataset, name: str, split: str, rows: list[Example], answers: dict[str, Prediction]
) -> Scorecard:
    """Return the scorecard of these answers, with times that were never measured."""
    kind, family = KINDS[name.split("-", maxsplit=1)[0]]
    judged = [row for row in rows if row.id in answers]
    part = f"{len(judged):,} of the {len(rows):,} test rows, drawn at random by hash"
    card = scorecard(
        candidate=name,
        kind=kind,
        family=family,
        split=split,
        examples=judged,
        predictions=[answers[row.id] for row in judged],
        labels=dataset.labels,
        timing=None,
        part=None if len(judged) == len(rows) else part,
        fit_seconds=FIT_SECONDS[kind],
    )
    if kind not in LATENCY or split != "test":
        return card
    p50, p95, rate = LATENCY[kind]
    return replace(card, latency_p50=p50, latency_p95=p95, rows_per_second=rate)


def _write_candidate(
    folder: RunFolder,
    dataset: Dataset,
    name: str,
    test: list[Example],
    answers: dict[str, Prediction],
    plan: Plan,
) -> None:
    files = folder.candidate(name)
    card = card_of(dataset, name, "test", test, answers)
    settings = {"kind": card.kind, "seed": 7, "notes": list(plan.hostile[:10])}
    if card.kind in ("encoder", "probe", "prompt"):
        settings |= {"learning_rate": 1e-4, "num_train_epochs": 8, "max_length": 256}
        settings |= {"shots": [{"text": dataset.examples[0].input, "label": dataset.labels[0]}]}
    # a lone surrogate can't stand in JSON of ours; a candidate would have written it escaped
    write_json(files.settings, json.loads(json.dumps(settings).replace("\\ud800", "?")))
    write_jsonl(files.predictions("test"), answers.values())
    write_json(files.timing("test"), Timing(len(answers), 2.6, (0.006, 0.007)))
    write_json(files.scorecard("test"), card)


def _findings(plan: Plan) -> list[Finding]:
    return [
        Finding(
            "duplicates",
            "note",
            "4 rows stand twice in the training rows.",
            "Keep one of each.",
            tuple(f"{plan.source}:{n}" for n in range(10, 14)),
        ),
        Finding(
            "leaks",
            "warning",
            "6 texts stand in train and in test; an answer to them proves little.",
            "Take them out of one of the two files.",
            tuple(f"{plan.source}:{n}" for n in range(100, 112)),
        ),
    ]


def _verdict(
    plan: Plan,
    folder: RunFolder,
    dataset: Dataset,
    test: list[Example],
    answers: dict[str, dict[str, Prediction]],
) -> Verdict:
    def cards(split: str) -> dict[str, Scorecard]:
        return {n: read_record(folder.candidate(n).scorecard(split), Scorecard) for n in answers}

    verdict = decided(
        validation=cards("validation"),
        test=cards("test"),
        answers={name: list(found.values()) for name, found in answers.items()},
        examples=test,
        labels=dataset.labels,
        settings=load_task(folder.task).decide,
        looks=plan.looks,
        seed=7,
    )
    return replace(verdict, reasons=(*verdict.reasons, *plan.reasons))


ENVIRONMENT = {
    "tunewise": "0.1.0",
    "python": "3.11.9",
    "system": "Linux-6.1-x86_64",
    "processor": "A processor with two cores",
    "cores": 2,
    "memory_gb": 25.2,
    "packages": {"torch": "2.13.0", "transformers": "5.0.0", "peft": None},
}
