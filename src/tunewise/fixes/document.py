"""fixes.yaml: proposed changes of rows, by finding, with the user's decision on each.

Given a path, gives back a Document, every fault with file, line and key; given a Document, gives
back the text that a person edits. Knows nothing of data files.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from ruamel.yaml.comments import CommentedMap

from tunewise.audit.masking import masked
from tunewise.errors import FixesFileError
from tunewise.files import write_text
from tunewise.records import Action, Severity
from tunewise.task.init import scalar
from tunewise.task.settings import Format, Kind, Strict
from tunewise.task.yaml_file import Form, read_yaml

LONGEST_VALUE = 1_000  # characters of a new value; a longer one is shortened and `hidden`
Decision = Literal["accept", "reject", "undecided"]

HEAD = """\
# Changes of rows that `tunewise audit` proposes. Decide with `accept`, `reject` or `undecided`:
# on one fix, or on a finding, which then holds for those of its fixes that are undecided. Then:
#
#     tunewise audit --apply fixes.yaml
#
# writes a new data file beside yours, with what is accepted; your own file is never touched.
# `input` and `target` are what the row says now, shortened. A `value` may be edited; where
# `hidden` stands below it, it is shortened or personal data in it is masked, and the whole of it
# is used unless you delete that line. Comments of yours are lost when tunewise writes this file.
"""


class FixItem(Strict):
    """One proposed change of one row."""

    row: str = Field(min_length=1)
    id: str = ""
    input: str = ""
    target: str = ""
    action: Action
    value: str | None = None
    hidden: str | None = None
    reason: str = ""
    decision: Decision = "undecided"

    @model_validator(mode="after")
    def value_where_one_is_needed(self) -> FixItem:
        """Refuse a change to nothing, and a deletion that would write something."""
        if self.action == "delete" and self.value is not None:
            raise ValueError("a row that is deleted can have no value")
        if self.action != "delete" and not (self.value or "").strip():
            raise ValueError(f"a value is needed to {self.action} the row")
        return self


class FindingItem(Strict):
    """A finding with the changes that would mend it."""

    check: str
    severity: Severity
    reason: str = ""
    mend: str = ""
    decision: Decision = "undecided"
    fixes: list[FixItem]


class FileItem(Strict):
    """A data file as it was audited."""

    source: str
    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    sheet: str | None = None


class ColumnItems(Strict):
    """The columns that a 'rewrite' and a 'relabel' change."""

    input: str
    target: str


class Document(Strict):
    """A whole fixes.yaml.

    Attributes:
        findings_sha256: of the list of findings that it was made from.
        kind: of the task.
        format: of its rows.
        columns: that are changed.
        files: the data files, by the name that rows have before the colon.
        findings: worst first.
    """

    findings_sha256: str
    kind: Kind
    format: Format = "columns"
    columns: ColumnItems
    files: list[FileItem]
    findings: list[FindingItem]


FORM = Form(
    model=Document,
    error=FixesFileError,
    called="file of fixes",
    example="findings: []",
    mend="Write one with: tunewise audit",
    usual_name="fixes.yaml",
)


def read_document(path: Path) -> tuple[Document, CommentedMap]:
    """Return what a fixes.yaml says, and its tree for `line_of`.

    Raises:
        FileMissing: there is no such file.
        FixesFileError: it isn't YAML, or a key, type or value is wrong.
    """
    return read_yaml(path, FORM)


def write_document(path: Path, document: Document) -> None:
    """Write a fixes.yaml, whole or not at all."""
    write_text(path, text_of(document))


def decided(finding: FindingItem, fix: FixItem) -> Decision:
    """Return the decision on a fix: its own, or its finding's where it has none."""
    return fix.decision if fix.decision != "undecided" else finding.decision


def all_fixes(document: Document) -> Iterator[tuple[int, int, FindingItem, FixItem]]:
    """Give every fix with its finding and the place of both, in the file's order."""
    for n, finding in enumerate(document.findings):
        for m, fix in enumerate(finding.fixes):
            yield n, m, finding, fix


def counts(document: Document) -> Counter[Decision]:
    """Return how many fixes are accepted, rejected and undecided."""
    return Counter(decided(finding, fix) for _, _, finding, fix in all_fixes(document))


def shown_value(value: str) -> str:
    """Return a new value as the file shows it: masked, and shortened where it is very long."""
    shown = masked(value)
    return f"{shown[:LONGEST_VALUE]}…" if len(shown) > LONGEST_VALUE else shown


def text_hash(text: str) -> str:
    """Return the 16 characters that stand for a text that isn't shown whole."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_of(document: Document) -> str:
    """Return the file's text, with what a person needs to know to edit it."""
    lines = [HEAD, f"findings_sha256: {scalar(document.findings_sha256)}"]
    lines += [
        f"kind: {document.kind}",
        f"format: {document.format}",
        "columns:",
        *_pairs(document.columns, "  "),
    ]
    lines += ["files:"] if document.files else ["files: []"]
    for file in document.files:
        lines += _item(_pairs(file, "  "))
    lines += ["", "findings:"] if document.findings else ["findings: []"]
    for finding in document.findings:
        lines += ["", *_item(_pairs(finding, "  ", "fixes")), "  fixes:"]
        for fix in finding.fixes:
            lines += _item(_pairs(fix, "    "))
    return "\n".join(lines) + "\n"


def _pairs(item: Strict, indent: str, leave_out: str = "") -> list[str]:
    """Return 'key: value' of all that is set; a decision always is."""
    return [
        f"{indent}{key}: {scalar(value)}"
        for key, value in item
        if key != leave_out and value not in (None, "")
    ]


def _item(lines: list[str]) -> list[str]:
    """Return lines as an item of a list: a dash before the first."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    return [f"{lines[0][: indent - 2]}- {lines[0][indent:]}", *lines[1:]]
