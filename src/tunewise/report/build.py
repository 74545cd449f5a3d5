"""A finished run folder -> report.html and README.md in it, each whole or absent."""

from __future__ import annotations

from tunewise.data.store import load_dataset
from tunewise.files import read_record, write_text
from tunewise.records import LearningCurves
from tunewise.report.card import model_card
from tunewise.report.curve_page import curve_page
from tunewise.report.gather import gathered
from tunewise.report.page import page
from tunewise.task.load import load_task
from tunewise.workspace.folder import RunFolder


def write_report(folder: RunFolder) -> None:
    """Write the page for people and the model card of a finished run.

    Args:
        folder: with all stages but the report done.

    Raises:
        FileMissing: a stage isn't finished.
        RunFolderError: a file isn't of this version, or files don't belong together.
        DiskFull: there is no room to write.
    """
    evidence = gathered(folder, load_dataset(folder))
    write_text(folder.report, page(evidence))
    write_text(folder.readme, model_card(evidence))


def write_curve_page(folder: RunFolder) -> None:
    """Write the page of the learning curves, from curve.json, unless it is there as it should be.

    Raises:
        FileMissing: no curve was drawn.
        RunFolderError: curve.json isn't of this version.
        DiskFull: there is no room to write.
    """
    found = read_record(folder.curve, LearningCurves)
    html = curve_page(load_task(folder.task).task, found)
    if not folder.curve_page.exists() or folder.curve_page.read_text(encoding="utf-8") != html:
        write_text(folder.curve_page, html)
