"""A finished run folder -> report.html and README.md in it, each whole or absent."""

from __future__ import annotations

from tunewise.data.store import load_dataset
from tunewise.files import write_text
from tunewise.report.card import model_card
from tunewise.report.gather import gathered
from tunewise.report.page import page
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
