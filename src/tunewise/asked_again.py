"""A trial whose candidate is fitted -> its answers to the same requests asked again, and how alike.

Test rows are asked in other words, and of the candidate fitted with other seeds, where the task's
`consistency` says so. What is right is never looked at. Knows nothing of scores.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.candidates import candidate
from tunewise.evaluation.consistency import by_column, by_request, consistency
from tunewise.evaluation.rewording import all_rewordings, request_of
from tunewise.files import file_sha256, read_records, write_jsonl
from tunewise.records import Consistency, Example, Prediction, Ways
from tunewise.task.settings import ExistingSettings
from tunewise.workspace.stages import run_stage

if TYPE_CHECKING:
    from tunewise.trial import Trial

AGAIN_VERSION = 1  # rises when these stages would leave something else for the same inputs


def asked_again(trial: Trial, rows: Sequence[Example]) -> dict[str, object]:
    """Have the requests answered again, and return what the candidate's consistency depends on.

    Args:
        trial: whose candidate has been fitted and has answered the test rows.
        rows: the test rows that it was judged on.
    """
    asked = trial.work.task.consistency
    if asked is None:
        return {}
    if _can_be_reworded(trial):
        _reworded(trial, rows)
    for number in _seeds(trial):
        _other_seed(trial, rows, number)
    column = asked.same_request
    return {
        "again": [file_sha256(path) for path in _files(trial)],
        "same_request": [row.columns.get(column) for row in rows] if column else [],
    }


def consistency_of(trial: Trial, rows: Sequence[Example]) -> tuple[Consistency, ...]:
    """Return how alike the answers to the same request are, for each way it was asked again."""
    asked, files = trial.work.task.consistency, trial.files
    if asked is None or trial.entry.kind == "majority":
        return ()
    first = read_records(files.predictions("test"), Prediction)
    said = {p.id: p.answer for p in first}
    answers: dict[Ways, dict[str, list[str]]] = {}
    if _can_be_reworded(trial):
        found = answers.setdefault("rewordings", {})
        for p in read_records(files.predictions("rewordings"), Prediction):
            request = request_of(p.id)
            found.setdefault(request, [said[request]]).append(p.answer)
    if asked.same_request:
        answers["same_request"] = by_column(asked.same_request, rows, first)
    if seeds := _seeds(trial):
        others = (read_records(files.predictions(_seed(n)), Prediction) for n in seeds)
        answers["seeds"] = by_request(*({p.id: p.answer for p in given} for given in others), said)
    labelled = bool(trial.work.dataset.labels)
    figures = (consistency(over, given, labelled=labelled) for over, given in answers.items())
    return tuple(one for one in figures if one is not None)


def _can_be_reworded(trial: Trial) -> bool:
    """Whether there is something to ask: not where a system's answers were collected beforehand."""
    asked, settings = trial.work.task.consistency, trial.entry.settings
    if asked is None or not asked.rewordings or trial.entry.kind == "majority":
        return False
    return not isinstance(settings, ExistingSettings) or settings.command is not None


def _seeds(trial: Trial) -> range:
    """Return the numbers of the further fits; what isn't learnt on this machine has none."""
    asked = trial.work.task.consistency
    if asked is None or trial.entry.kind in ("majority", "existing", "api"):
        return range(0)
    return range(1, asked.seeds + 1)


def _seed(number: int) -> str:
    return f"seed-{number}"


def _files(trial: Trial) -> list[Path]:
    words = ["rewordings"] if _can_be_reworded(trial) else []
    return [trial.files.predictions(w) for w in (*words, *map(_seed, _seeds(trial)))]


def _reworded(trial: Trial, rows: Sequence[Example]) -> None:
    asked, progress = trial.work.task.consistency, trial.work.progress
    assert asked is not None, "only what is asked for is done"
    again = all_rewordings(trial.few(rows, asked.rows), asked.rewordings)
    path, fit = trial.files.predictions("rewordings"), trial.fit_record()

    def work() -> list[Path]:
        write_jsonl(path, trial.loaded().predict(again, progress) if again else [])
        return [path]

    run_stage(
        trial.work.folder,
        f"{trial.name}.rewordings",
        version=AGAIN_VERSION,
        inputs={
            "fit": [fit.fingerprint, fit.outputs],
            "rows": [[row.id, row.input] for row in again],
            "outside": trial.outside_files(),
        },
        work=work,
    )


def _other_seed(trial: Trial, rows: Sequence[Example], number: int) -> None:
    asked, work = trial.work.task.consistency, trial.work
    assert asked is not None, "only what is asked for is done"
    path, home = trial.files.predictions(_seed(number)), trial.files.path / _seed(number)
    seed, blind = trial.setup.seed + number, trial.few(rows, asked.rows)

    def answers() -> list[Path]:
        work.progress.line(f"{trial.name}: fitting it with seed {seed} too.")
        home.mkdir(parents=True, exist_ok=True)
        other = candidate(trial.entry.kind, trial.entry.settings, replace(trial.setup, seed=seed))
        fitted = other.fit(work.rows("train"), work.rows("validation"), home, work.progress)
        write_jsonl(path, fitted.predict(blind, work.progress))
        shutil.rmtree(home)
        return [path]

    run_stage(
        work.folder,
        f"{trial.name}.{_seed(number)}",
        version=AGAIN_VERSION,
        inputs={
            "fit": trial.fit_record().fingerprint,
            "rows": [[row.id, row.input] for row in blind],
        },
        work=answers,
        scratch=home,
    )
