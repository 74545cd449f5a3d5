"""The templates of a task's prompts, and its prompts as they are asked for a row.

Given a task file and a row, gives back turns; loads no language model and sends nothing. Knows
nothing of terminals.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import Answering, AskedFit, Said
from tunewise.candidates.prompt.asker import asks_of
from tunewise.candidates.prompt.finding import found_on_record
from tunewise.candidates.prompt.questions import Questions, questions_on_record
from tunewise.candidates.prompt.settings_file import SETTINGS
from tunewise.candidates.prompt.shown import Shown
from tunewise.errors import BadInput, did_you_mean
from tunewise.files import read_record, write_text
from tunewise.progress import Progress
from tunewise.records import Example
from tunewise.rendering.wording import ASKED_TEMPLATES, OWN, template_texts
from tunewise.task.settings import PromptSettings, named
from tunewise.viewing.material import Material, material, picked
from tunewise.workspace.folder import CandidateFolder

WHAT = {
    "system.jinja": "the instruction and the labels; given instruction, labels",
    "user.jinja": "a row's text; given text",
    "passages.jinja": "the text with passages of documents; given passages, text",
    "schema.jinja": "how to answer in JSON; given nothing",
    "think.jinja": "how to think first; given schema",
}


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template: its name, whose it is, what it writes."""

    name: str
    own: bool
    what: str


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """A candidate's prompt for a row; one turn without a role where a chat template wrote it."""

    candidate: str
    row: str
    note: str
    turns: tuple[Said, ...]


def template_files(task_folder: Path) -> list[TemplateFile]:
    """Return the templates of prompts, and whose each is."""
    home = task_folder / OWN
    return [TemplateFile(name, (home / name).is_file(), WHAT[name]) for name in ASKED_TEMPLATES]


def copied(task_folder: Path) -> list[Path]:
    """Copy the package's templates beside the task; those that are there already stay.

    Returns:
        The files that were written.
    """
    package = resources.files("tunewise.rendering") / "templates"
    missing = [n for n in ASKED_TEMPLATES if not (task_folder / OWN / n).exists()]
    for name in missing:
        write_text(task_folder / OWN / name, (package / name).read_text(encoding="utf-8"))
    return [task_folder / OWN / name for name in missing]


def asked_prompts(
    task_file: Path,
    row: str | None,
    progress: Progress,
    *,
    candidate: str | None = None,
    runs: Path | None = None,
) -> list[AskedPrompt]:
    """Return the prompts of a task for a row, as they are asked.

    Args:
        task_file: the task.yaml.
        row: its number in the train file, 'file:row', or an id; left out, the first.
        progress: where to say what takes long.
        candidate: whose prompt; left out, all.
        runs: folder of run folders; 'runs' beside the task file.

    Raises:
        BadInput: no such candidate, or one that isn't a prompt.
        TunewiseError: a child of it, as the task's run would raise it.
    """
    given = material(task_file, progress)
    entries = {
        name: entry.settings
        for name, entry in named(given.task.candidates).items()
        if isinstance(entry.settings, PromptSettings)
    }
    if candidate is not None and candidate not in entries:
        raise BadInput(
            f"there is no prompt '{candidate}' in the task", mend=did_you_mean(candidate, entries)
        )
    example = picked(given, row)
    home = (runs or given.folder / "runs") / given.task.task / "candidates"
    return [
        _asked(
            given,
            name,
            settings,
            files=CandidateFolder(home / name),
            example=example,
            progress=progress,
        )
        for name, settings in entries.items()
        if candidate in (None, name)
    ]


def _asked(
    given: Material,
    name: str,
    settings: PromptSettings,
    *,
    files: CandidateFolder,
    example: Example,
    progress: Progress,
) -> AskedPrompt:
    task, place = given.task, f"{example.source}:{example.row}"
    setup = Setup(
        given.dataset.labels, task.seed, given.folder, task.instruction, "prompt", task.kind
    )
    fitted, thinks = files.settings.exists(), {*settings.think} == {True}
    if not settings.is_asked(task.kind):
        shown = Shown(settings, setup, files.path if fitted else None, progress)
        return AskedPrompt(name, place, shown.notes[0], (Said("prompt", shown.prompt(example)[0]),))
    if not fitted:
        answering: Answering = "parsed" if task.kind == "classification" else "written"
        templates = template_texts(ASKED_TEMPLATES, given.folder)
        questions = Questions(setup, templates, answering, 1)
        ask = questions.ask(example, think=thinks)
        note = "It hasn't been fitted yet, so no examples are shown."
    else:
        fit = read_record(files.path / SETTINGS, AskedFit)
        way, found = fit.chosen, found_on_record(files.path, fit, setup)
        ask = asks_of(questions_on_record(fit, setup), found, [example], way)[0]
        note = f"As the run fitted it: {way.words}, answers {fit.answering}."
    if thinks and not settings.asks_elsewhere:
        note += " After its thoughts 'Answer:' is put, and its answer is what follows."
    return AskedPrompt(name, place, note, tuple(Said(m.role, m.content) for m in ask.messages))
