"""Faults these catch: a text that YAML reads as another, a fault told without its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.errors import FileMissing, FixesFileError
from tunewise.fixes.document import (
    ColumnItems,
    Document,
    FileItem,
    FindingItem,
    FixItem,
    counts,
    read_document,
    text_of,
    write_document,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUE = TEXT.filter(lambda text: bool(text.strip()))
FIX = st.builds(
    FixItem,
    row=VALUE,
    id=TEXT,
    input=TEXT,
    target=TEXT,
    action=st.sampled_from(["relabel", "rewrite"]),
    value=VALUE,
    hidden=st.none() | VALUE,
    reason=TEXT,
    decision=st.sampled_from(["accept", "reject", "undecided"]),
)
FINDING = st.builds(
    FindingItem,
    check=VALUE,
    severity=st.sampled_from(["error", "warning", "note"]),
    reason=TEXT,
    mend=TEXT,
    decision=st.sampled_from(["accept", "reject", "undecided"]),
    fixes=st.lists(FIX, min_size=1, max_size=3),
)


@given(findings=st.lists(FINDING, max_size=3), column=VALUE)
def test_any_document_reads_back_as_it_was_written(
    findings: list[FindingItem], column: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = Document(
        findings_sha256="0" * 64,
        kind="classification",
        columns=ColumnItems(input=column, target="label"),
        files=[FileItem(source=column, path="../a.csv", sha256="a" * 64)],
        findings=findings,
    )
    path = tmp_path_factory.mktemp("fixes") / "fixes.yaml"
    write_document(path, document)
    assert read_document(path)[0] == document


def written(tmp_path: Path, old: str = "", new: str = "") -> Path:
    fix = FixItem(row="t.csv:1", action="relabel", value="a")
    finding = FindingItem(check="c", severity="note", fixes=[fix])
    document = Document(
        findings_sha256="0",
        kind="classification",
        columns=ColumnItems(input="text", target="label"),
        files=[FileItem(source="t.csv", path="../t.csv", sha256="a" * 64)],
        findings=[finding],
    )
    path = tmp_path / "fixes.yaml"
    text = text_of(document)
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    value: a", "    valeu: a", ":30: findings.0.fixes.0.valeu: there is no key"),
        ("    value: a", "    valeu: a", "Did you mean 'value'?"),
        ("    decision: undecided", "    decision: acept", "Did you mean 'accept'?"),
        ("    action: relabel", "    action: remove", ":29: findings.0.fixes.0.action"),
        ("    value: a\n", "", "a value is needed to relabel the row"),
        ("    value: a", "    value: 3", "Put it in quotes: '3'"),
        ("    action: relabel", "    action: delete", "that is deleted can have no value"),
        ("findings_sha256", "findings_sha265", "there is no key 'findings_sha265' here"),
        ("  fixes:", "  fixes", "this isn't YAML"),
        ("  fixes:\n", "", "fixes.yaml:"),
    ],
)
def test_a_slip_is_told_with_its_line_and_mend(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = written(tmp_path, old, new)
    with pytest.raises(FixesFileError) as error:
        read_document(path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="Write one with: tunewise audit"):
        read_document(tmp_path / "fixes.yaml")


def test_a_decision_on_a_finding_holds_for_its_undecided_fixes(tmp_path: Path) -> None:
    document, _ = read_document(written(tmp_path))
    [finding] = document.findings
    fixes = [
        finding.fixes[0].model_copy(update={"decision": decision})
        for decision in ("undecided", "reject", "accept")
    ]
    changed = finding.model_copy(update={"fixes": fixes, "decision": "accept"})
    counted = counts(document.model_copy(update={"findings": [changed]}))
    assert counted == {"accept": 2, "reject": 1}
