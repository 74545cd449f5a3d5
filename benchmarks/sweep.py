"""Which settings to tune a language model with: validation losses of each, epoch by epoch.

SmolLM2-135M learns a task's training rows by LoRA (or in full) with the settings of a run, changed
one at a time as the arguments say, and its loss on validation rows is taken after every epoch. Test
rows aren't looked at. Where a task has few validation rows, training rows are added to them, the
same for all settings.

    python benchmarks/sweep.py CHANGE ... [--task NAME] [--full] [--epochs N]
                               [--validation-rows N] [--json FILE]

A CHANGE is one training: keys of task.yaml with their values, such as learning_rate=1e-3 or
r=32,lora_dropout=0.1; 'none' trains with the defaults.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
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
    """Train with each change and print the losses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("changes", nargs="+", metavar="CHANGE")
    parser.add_argument("--task", default="plain-english-contracts")
    parser.add_argument("--full", action="store_true", help="all weights, not an adapter")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--validation-rows", type=int, default=60)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    settings = [settings_of(change, given.epochs, full=given.full) for change in given.changes]
    refuse_a_busy_machine()
    found = []
    task = task_rows(given.task, given.validation_rows)
    for change, one in zip(given.changes, settings, strict=True):
        began = time.perf_counter()
        losses = trained(task, one)
        seconds = time.perf_counter() - began
        shown = "  ".join(f"{loss:.3f}" for loss in losses)
        print(
            f"{'full' if given.full else 'lora'} {change:40}  {shown}  {seconds:5.0f} s", flush=True
        )
        found.append({"change": change, "losses": losses, "seconds": seconds})
    if given.json:
        about = {"task": given.task, "full": given.full, "commit": commit()}
        write_json(given.json, {**about, "found": found, "environment": environment()})


def settings_of(change: str, epochs: int, *, full: bool) -> FullSettings | LoraCandidateSettings:
    """Return the settings of a candidate with a change, stopped early by nothing."""
    keys = dict(pair.split("=", 1) for pair in change.split(",")) if change != "none" else {}
    given = {"model": MODEL, "num_train_epochs": epochs}
    given |= {key: YAML(typ="safe").load(value) for key, value in keys.items()}
    given["early_stopping_patience"] = given["num_train_epochs"]
    return (FullSettings if full else LoraCandidateSettings).model_validate(given)


@dataclass(frozen=True)
class TaskRows:
    """What all trainings are given."""

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


def trained(task: TaskRows, settings: FullSettings | LoraCandidateSettings) -> list[float]:
    """Return the validation loss after each epoch of a training."""
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
