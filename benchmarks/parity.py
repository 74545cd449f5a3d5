"""Every route out of a run beside the trained model, and ten planted faults.

Models: SmolLM2-135M-Instruct, LoRA-tuned to answer with an intent of a bank's customers, and tiny
random models in the shape of Gemma 3 and Qwen 3 with SmolLM2's tokenizer, LoRA-tuned to write the
first letter of a word. Each is exported as adapter, merged, GGUF f16 and Q8_0 (SmolLM2 as a
Modelfile too), and asked in its own runtime (transformers, llama.cpp) beside the trained model: the
likeliest token at each position of the trained model's own answers, prompts, log-probabilities,
stops, and the metric with its paired interval. MiniLM with a head and a probe on it go to ONNX,
float32 and int8. Then ten faults are planted into merged folders, and the proof must catch each
and name it.

Goals: the likeliest token agrees at 99% of positions (adapter, merged), 98% (GGUF f16) and 97%
(Q8_0, ONNX int8 by label), the metric's paired interval holds 0, every proof passes; all ten faults
are caught with their right cause, on each model. --check exits 1 when one is missed.
--quick leaves out SmolLM2 and MiniLM.

    python benchmarks/parity.py [--json FILE] [--check] [--quick] [--only NAME] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from planted_exports import FAULTS, planted
from side_by_side import commit, timed
from tiny_chat_models import tiny_chat_folder

from tunewise.candidates import Setup, candidate
from tunewise.files import read_json, write_json
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.shipping.export import written
from tunewise.shipping.manifest import Base
from tunewise.shipping.proof.records import Proof
from tunewise.shipping.proving import merged_once, proofs, proved_language
from tunewise.shipping.subject import Subject
from tunewise.shipping.trained import Trained, answered
from tunewise.task.settings import EncoderSettings, LoraCandidateSettings, ProbeSettings
from tunewise.workspace.environment import environment

TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data" / "train.csv"
ROUTES = ("adapter", "merged", "gguf")
FAULTY = 6  # rows that a planted fault is proved on
LABELS = 8  # intents that SmolLM2 chooses among
TRAIN, ASKED = 96, 32  # rows of tickets
LETTERS = 120  # rows for the tiny models


@dataclass(frozen=True)
class Result:
    """One model: its proofs by route, and the cause found for each planted fault."""

    model: str
    proofs: dict[str, list[Proof]]
    faults: dict[str, str | None]
    seconds: float


def subject_of(
    home: Path,
    kind: str,
    settings: Any,
    *,
    labels: tuple[str, ...],
    train: Sequence[Example],
    rows: Sequence[Example],
) -> tuple[Subject, Any]:
    """Fit a candidate and return it as what is exported, without a run around it.

    What was fitted in `home` before is loaded again.
    """
    setup = Setup(
        labels,
        0,
        home,
        "Find the intent." if labels else "Write the first letter four times.",
        kind=kind,
        task_kind="classification" if labels else "generation",
    )
    folder = home / kind
    made = candidate(kind, settings, setup)
    if (folder / "settings.json").exists():
        fitted = made.load(folder)
    else:
        folder.mkdir(parents=True)
        fitted = made.fit(train, rows, folder, Silent())
    about = read_json(folder / "settings.json")
    base = {key: about["model"][key] for key in ("name", "source", "licence", "fingerprint")}
    found = Subject(
        name=kind,
        kind=kind,
        task="parity",
        settings=settings,
        setup=setup,
        folder=folder,
        about=about,
        base=Base(**base),
        fit="benchmark",
        rows=tuple(rows),
        side="validation",
        metric="accuracy" if labels else "rouge_l",
    )
    return found, fitted


def tickets(labels: int) -> dict[str, Any]:
    """Return some intents, training rows and rows to ask."""
    with TICKETS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = tuple(sorted({row["category"] for row in rows})[:labels])
    some = [row for row in rows if row["category"] in names]
    random.Random(0).shuffle(some)
    found = [
        Example(str(n), row["text"], row["category"], n, TICKETS.name)
        for n, row in enumerate(some[: TRAIN + ASKED])
    ]
    return {"labels": names, "train": found[:TRAIN], "rows": found[TRAIN:]}


def letters() -> dict[str, Any]:
    """Return no labels, and words whose answer is the first letter, four times."""
    chance = random.Random(1)
    found = []
    for number in range(LETTERS + ASKED):
        word = "".join(chance.choices("abcdefghij", k=8))
        found.append(Example(str(number), word, " ".join(word[0] * 4), number, "letters"))
    return {"labels": (), "train": found[:LETTERS], "rows": found[LETTERS:]}


def shown(model: str, route: str, proof: Proof) -> Proof:
    """Print one proof and return it."""
    print(
        f"{model:18} {route:8} {proof.model:18} agrees {proof.agreement:8.2%} of"
        f" {proof.positions:5,} (tied at {proof.tied:3} more; needs {proof.bar:.0%})"
        f"  prompts {proof.prompts_equal:3}/{proof.rows:3}  log p off"
        f" {proof.logp_mean or 0:.4f} at most {proof.logp_largest or 0:.4f}"
        f"  {proof.metric} {proof.trained:.3f} -> {proof.exported:.3f}"
        f"  {'passed' if proof.passed else 'FAILED ' + '; '.join(proof.failures)}",
        flush=True,
    )
    return proof


def language_result(
    name: str, subject: Subject, fitted: Any, work: Path, routes: Sequence[str]
) -> Result:
    """Export a language model by every route, prove it, and plant the faults."""

    def measured() -> tuple[dict[str, list[Proof]], dict[str, str | None]]:
        trained, whole = answered(fitted, subject.rows, Silent()), merged_once(subject)
        found = {
            route: list(route_proofs(name, route, subject, fitted, trained, whole, work=work))
            for route in routes
        }
        return found, dict(faults(name, subject, fitted, whole, work=work))

    seconds, (by_route, named) = timed(measured)
    return Result(name, by_route, named, seconds)


def route_proofs(  # noqa: PLR0917
    name: str,
    route: str,
    subject: Subject,
    fitted: Any,
    trained: Trained,
    whole: Callable[[], Any],
    *,
    work: Path,
) -> Iterator[Proof]:
    """Give the proofs of one route of a language model."""
    place = work / route
    manifest = written(route, subject, fitted, place, Silent())
    for model in manifest.models:
        proof = proved_language(
            route, subject, fitted, trained, place, model=model, whole=whole, progress=Silent()
        )
        yield shown(name, route, proof)


def faults(
    model: str, subject: Subject, fitted: Any, whole: Callable[[], Any], *, work: Path
) -> Iterator[tuple[str, str | None]]:
    """Give each fault with the first cause that the proof names; None where it passed."""
    few = replace(subject, rows=subject.rows[:FAULTY])
    trained = answered(fitted, few.rows, Silent())
    for name in FAULTS:
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            place = planted(name, few, work / "merged", Path(scratch) / "merged")
            proof = proved_language(
                "merged", few, fitted, trained, place, model=".", whole=whole, progress=Silent()
            )
        cause = None
        if not proof.passed:
            cause = proof.causes[0].name if proof.causes else "unnamed"
        print(f"{model:18} planted: {name:28} found: {cause or 'NOTHING'}", flush=True)
        yield name, cause


def encoder_result(kind: str, settings: Any, work: Path) -> Result:
    """Export an encoder or a probe to ONNX and prove it."""
    subject, fitted = subject_of(work, kind, settings, **tickets(LABELS))
    name = f"{kind} on MiniLM"
    place = work / "onnx"

    def measured() -> list[Proof]:
        models = list(written("onnx", subject, fitted, place, Silent()).models)
        found = proofs("onnx", subject, fitted, place, models, progress=Silent())
        return [shown(name, "onnx", proof) for proof in found]

    seconds, found = timed(measured)
    return Result(name, {"onnx": found}, {}, seconds)


def results(work: Path, *, quick: bool, only: str | None) -> Iterator[Result]:
    """Give the result of each model."""
    for family in ("gemma3", "qwen3"):
        if only in (None, family):
            home = work / family
            if not (home / "tiny").exists():
                tiny_chat_folder(family, home / "tiny")
            settings = LoraCandidateSettings(
                model="tiny", num_train_epochs=8, learning_rate=1e-2, bf16=False,
                train_batch_size=8, max_new_tokens=12,
            )  # fmt: skip
            subject, fitted = subject_of(home, "lora", settings, **letters())
            yield language_result(family, subject, fitted, home, ROUTES)
    if not quick and only in (None, "smollm2"):
        settings = LoraCandidateSettings(
            model="smollm2-135m-instruct", num_train_epochs=2, train_batch_size=8
        )
        home = work / "smollm2"
        subject, fitted = subject_of(home, "lora", settings, **tickets(LABELS))
        yield language_result("smollm2", subject, fitted, home, (*ROUTES, "ollama"))
    if not quick and only in (None, "minilm"):
        yield encoder_result("encoder", EncoderSettings(model="minilm-l6"), work / "minilm-encoder")
        yield encoder_result("probe", ProbeSettings(model="minilm-l6"), work / "minilm-probe")


def missed(result: Result) -> list[str]:
    """Return which goals a model misses."""
    found = [
        f"{result.model} {route} {proof.model}: {proof.failures[0]}"
        for route, several in result.proofs.items()
        for proof in several
        if not proof.passed
    ]
    return found + [
        f"{result.model}: planted '{name}', found '{cause}'"
        for name, cause in result.faults.items()
        if cause != name
    ]


def main() -> int:
    """Measure, print and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["gemma3", "qwen3", "smollm2", "minilm"])
    parser.add_argument("--work", type=Path, help="Folder whose tuned models are used again.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = asked.work or Path(scratch)
        found = list(results(work, quick=asked.quick, only=asked.only))
    if asked.json:
        about = {"commit": commit(), "environment": environment()}
        write_json(asked.json, about | {"results": [asdict(result) for result in found]})
    misses = [line for result in found for line in missed(result)]
    goals = sum(len(r.faults) + sum(map(len, r.proofs.values())) for r in found)
    print(
        f"{goals - len(misses)} of {goals} goals held"
        + (f"; missed: {misses[0]}" if misses else "")
    )
    return 1 if asked.check and misses else 0


if __name__ == "__main__":
    sys.exit(main())
