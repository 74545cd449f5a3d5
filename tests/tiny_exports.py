"""A tiny tuned model as it is exported, without a run around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewise.candidates import Setup, candidate
from tunewise.files import read_json
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.shipping.manifest import Base
from tunewise.shipping.subject import Subject
from tunewise.task.settings import EncoderSettings, LoraCandidateSettings

ROWS = 4
LABELS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Made:
    """A fitted candidate and its subject."""

    subject: Subject
    fitted: Any


def made(home: Path, kind: str, rows: list[Example], **more: Any) -> Made:
    """Fit a LoRA of the tiny model in `home`, in a folder named after the kind of task."""
    labels = LABELS if kind == "classification" else ()
    setup = Setup(labels, 0, home, "First letter?", kind="lora", task_kind=kind)  # type: ignore[arg-type]
    given = {
        "model": "tiny", "num_train_epochs": 2, "learning_rate": 1e-2, "bf16": False,
        "train_batch_size": 8, "max_new_tokens": 6 if kind == "generation" else None,
    }  # fmt: skip
    return _fitted(setup, LoraCandidateSettings.model_validate(given | more), home / kind, rows)


def made_encoder(home: Path, rows: list[Example], labels: tuple[str, ...], **more: Any) -> Made:
    """Fit the tiny encoder in `home`, in the folder 'encoder'."""
    setup = Setup(labels, 0, home, kind="encoder")
    given = {"model": "tiny", "num_train_epochs": 2, "learning_rate": 3e-3}
    settings = EncoderSettings.model_validate(given | more)
    return _fitted(setup, settings, home / "encoder", rows)


def _fitted(setup: Setup, settings: Any, folder: Path, rows: list[Example]) -> Made:
    folder.mkdir()
    fitted = candidate(setup.kind, settings, setup).fit(rows[ROWS:], [], folder, Silent())
    about = read_json(folder / "settings.json")
    base = {key: about["model"][key] for key in ("name", "source", "licence", "fingerprint")}
    subject = Subject(
        name=f"{setup.kind}-tiny",
        kind=setup.kind,
        task="letters",
        settings=settings,
        setup=setup,
        folder=folder,
        about=about,
        base=Base(**base),
        fit="0",
        rows=tuple(rows[:ROWS]),
        side="validation",
        metric="accuracy" if setup.labels else "rouge_l",
    )
    return Made(subject, fitted)
