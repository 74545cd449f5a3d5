"""Which learning rate to tune a language model with: validation losses of each, epoch by epoch.

SmolLM2-135M learns a task's training rows by LoRA (of the recipe's rank) or in full at each rate,
with the schedule that a run uses, and its loss on validation rows is taken after every epoch. Test
rows aren't looked at. Where a task has few validation rows, training rows are added to them, the
same for all rates.

    python benchmarks/rates.py [--task NAME] [--rates 3e-4,1e-3,...] [--full] [--epochs N]
                               [--validation-rows N] [--json FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from side_by_side import commit, refuse_a_busy_machine

from tunewise.candidates.lora import parameters_of
from tunewise.files import write_json
from tunewise.models.loading import load_tokenizer
from tunewise.models.resolve import ModelFolder, resolve
from tunewise.progress import Silent
from tunewise.rendering.chat import chat_to_train
from tunewise.rendering.rows import Rendered, Renderer
from tunewise.rendering.wording import wording
from tunewise.task.settings import FullSettings, LoraCandidateSettings
from tunewise.training.language.arguments import effective
from tunewise.training.language.fit import Job, tuned
from tunewise.viewing.material import material
from tunewise.workspace.environment import environment

EXAMPLES = Path(__file__).parents[1] / "examples"
MODEL = "smollm2-135m-instruct"
FAULTS = ["nothing-supervised", "truncated-answer"]


def main() -> None:
    """Train at each rate and print the losses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--task", default="plain-english-contracts")
    parser.add_argument("--rates", default="3e-4,1e-3,3e-3")
    parser.add_argument("--full", action="store_true", help="all weights, not an adapter")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--validation-rows", type=int, default=80)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    refuse_a_busy_machine()
    found = []
    task = task_rows(given.task, given.validation_rows)
    for rate in map(float, given.rates.split(",")):
        began = time.perf_counter()
        losses = trained(task, rate, given.epochs, full=given.full)
        seconds = time.perf_counter() - began
        shown = "  ".join(f"{loss:.3f}" for loss in losses)
        print(
            f"{'full' if given.full else 'lora'} {rate:7.0e}  {shown}  {seconds:5.0f} s", flush=True
        )
        found.append({"rate": rate, "losses": losses, "seconds": seconds})
    if given.json:
        about = {"task": given.task, "full": given.full, "commit": commit()}
        write_json(given.json, {**about, "found": found, "environment": environment()})


@dataclass(frozen=True)
class TaskRows:
    """What all rates are given."""

    model: ModelFolder
    train: list[Rendered]
    validation: list[Rendered]
    seed: int


def task_rows(task: str, validation: int) -> TaskRows:
    """Return a task's rows as the model reads them, so many of them to take the loss of."""
    about = material(EXAMPLES / task / "task.yaml", Silent())
    base = resolve(MODEL, Silent())
    renderer = Renderer(
        chat_to_train(load_tokenizer(base.path)), wording(about.task, about.dataset.labels)
    )
    judged = [e for e in about.dataset.examples if about.sides.get(e.id) == "validation"]
    further = max(0, validation - len(judged))
    learnt, judged = about.train[further:], [*judged, *about.train[:further]][:validation]
    return TaskRows(
        base,
        renderer.rendered(learnt, Silent()),
        renderer.rendered(judged, Silent()),
        about.task.seed,
    )


def trained(task: TaskRows, rate: float, epochs: int, *, full: bool) -> list[float]:
    """Return the validation loss after each epoch of a training at one rate."""
    kind = FullSettings if full else LoraCandidateSettings
    settings = kind(
        model=MODEL, learning_rate=rate, num_train_epochs=epochs, early_stopping_patience=epochs
    )
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            train=task.train,
            validation=task.validation,
            arguments=effective(
                settings,
                rows=len(task.train),
                parameters=parameters_of(task.model.path),
                max_length=settings.max_length,
                bf16=True,
                seed=task.seed,
            ),
            allow=FAULTS,
            folder=Path(folder),
            model=task.model.path,
            model_fingerprint=task.model.fingerprint,
        )
        done = tuned(job, Silent())
    return [one["validation_loss"] for one in done.curve if "validation_loss" in one]


if __name__ == "__main__":
    main()
