"""The same as the command line, from Python: run a task, look at a run, answer with its winner.

Given paths, gives back a Run (what was found) or a Predictor (what answers). What needs torch
is imported when it is called.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.errors import BadInput
from tunewise.files import read_record
from tunewise.progress import Progress, Silent, progress_for
from tunewise.records import Example, Prediction, Scorecard, Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import named
from tunewise.workspace.folder import opened, task_folder_of
from tunewise.workspace.stages import trusted

if TYPE_CHECKING:
    import pandas

    from tunewise.candidates import Fitted
    from tunewise.candidates.finished import Chosen


class Run:
    """A finished run.

    Attributes:
        folder: where it lies.
        verdict: what to do, with its reasons.
        candidates: names, in the task's order.
    """

    def __init__(self, folder: Path | str) -> None:
        files = opened(Path(folder))
        trusted(files, "verdict")
        self.folder = files.path
        self._files = files
        self.verdict = read_record(files.verdict, Verdict)
        self.candidates = tuple(named(load_task(files.task).candidates))

    @cached_property
    def scorecards(self) -> pandas.DataFrame:
        """One row per candidate, best first: figures on the test rows, with their intervals."""
        import pandas as pd

        rows = []
        for name in self.candidates:
            card = read_record(self._files.candidate(name).scorecard("test"), Scorecard)
            row: dict[str, object] = {"candidate": name, "kind": card.kind, "rows": card.rows}
            for metric, interval in card.metrics.items():
                row[metric] = interval.value
                row[f"{metric}_low"], row[f"{metric}_high"] = interval.low, interval.high
            row |= {
                "latency_p50": card.latency_p50,
                "latency_p95": card.latency_p95,
                "rows_per_second": card.rows_per_second,
                "tokens_per_request": card.tokens_per_request,
                "fit_seconds": card.fit_seconds,
                "part": card.part,
            }
            rows.append(row)
        frame = pd.DataFrame(rows).set_index("candidate")
        return frame.sort_values(self.verdict.metric, ascending=False)

    @property
    def report(self) -> Path:
        """The page to open in a browser."""
        return self._files.report

    def load(self, candidate: str | None = None) -> Predictor:
        """Return what answers with the winner, or with the candidate named."""
        return load(self.folder, candidate)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}): {self.verdict.sentence}"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.scorecards.to_html(float_format="{:.3f}".format, na_rep="—")
        return f"<p><strong>{escape(self.verdict.sentence)}</strong></p>{table}"


class Predictor:
    """Answers new texts with one candidate of a run.

    Attributes:
        candidate: its name.
        labels: all legal labels, in the order of probabilities.
        fitted: what answers.
    """

    def __init__(self, candidate: str, labels: tuple[str, ...], fitted: Fitted) -> None:
        self.candidate, self.labels = candidate, labels
        self.fitted = fitted

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the answer to each text, in order: a label, or what is written."""
        return [prediction.answer for prediction in self.predictions(texts)]

    def predictions(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Prediction]:
        """Return answer, probabilities and token counts of each text, in order."""
        if isinstance(texts, str):
            raise BadInput("predict takes a list of texts", mend="Put the text in brackets: [text]")
        examples = [Example(str(n), text, "", n, "texts") for n, text in enumerate(texts, start=1)]
        return self.answered(examples, progress or Silent())

    def answered(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Return one prediction per example, in order."""
        if examples and (announce := getattr(self.fitted, "announce", None)):
            announce(len(examples), progress)
        return self.fitted.predict(examples, progress) if examples else []

    def __repr__(self) -> str:
        return f"Predictor({self.candidate!r}, {len(self.labels)} labels)"


def run(task_file: Path | str, *, runs: Path | str | None = None, quiet: bool = False) -> Run:
    """Carry a task to its verdict; what was done already isn't done again.

    Args:
        task_file: the task.yaml.
        runs: folder of run folders; left out, 'runs' beside the task file.
        quiet: say nothing on the way.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    from tunewise.pipeline import run as carried_out

    progress = Silent() if quiet else progress_for(json_events=False)
    folder = carried_out(Path(task_file), progress, Path(runs) if runs else None)
    return Run(folder.path)


def load(folder: Path | str, candidate: str | None = None) -> Predictor:
    """Return what answers with a run's winner, or with the candidate named.

    Raises:
        RunFolderError: no run, no winner, no such candidate, or files changed since the run.
    """
    from tunewise.candidates.finished import chosen

    return predictor(chosen(opened(Path(folder)), candidate))


def predictor(one: Chosen) -> Predictor:
    """Return what answers with a candidate that was chosen."""
    from tunewise.candidates import Setup
    from tunewise.candidates import candidate as made
    from tunewise.data.store import load_labels
    from tunewise.trial import outward_of

    setup = Setup(
        labels=load_labels(one.files),
        seed=one.task.seed,
        task_folder=task_folder_of(one.files),
        instruction=one.task.instruction,
        task_kind=one.task.kind,
        outward=replace(
            outward_of(one.files, one.task),
            account=f"{one.files.path.absolute()} {uuid.uuid4()}",
        ),
    )
    fitted = made(one.entry.kind, one.entry.settings, setup).load(
        one.files.candidate(one.name).path
    )
    return Predictor(one.name, setup.labels, fitted)
