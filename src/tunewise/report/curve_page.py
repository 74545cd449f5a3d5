"""LearningCurves -> curve.html: one self-contained page without scripts or requests."""

from __future__ import annotations

from tunewise.records import LearningCurves
from tunewise.report.curve_plot import drawing
from tunewise.report.page import environment
from tunewise.version import __version__


def curve_page(task: str, found: LearningCurves) -> str:
    """Return the page as HTML; the same curves give the same bytes."""
    template = environment().get_template("curve.html.j2")
    return template.render(task=task, drawing=drawing(found), version=__version__)
