"""Faults these catch: personal data on the page, markup from rows, a finding out of order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from html_tree import Element, read_html

from tunewise.records import ColumnChoice, Dataset, Example, Finding, Fix, Splits
from tunewise.report.audit_page import audit_page
from tunewise.report.inspected import Inspected, neighbours

TEXTS = [
    "Where is my card?",
    "write to ann@example.org",
    "<b>bold</b> & \u202eevil",
    *(f"row {n}" for n in range(4, 64)),
]


def inspected(findings: list[Finding], *, labels: bool = True) -> Inspected:
    rows = tuple(
        Example(f"id-{n}", text, "an <i>label" if labels else "the answer", n, "my data.csv")
        for n, text in enumerate(TEXTS, start=1)
    )
    ids = tuple(row.id for row in rows)
    choices = (ColumnChoice("input", "text", "GIVEN"), ColumnChoice("target", "label", "GIVEN"))
    return Inspected(
        task="tickets",
        dataset=Dataset(rows, ("an <i>label",) if labels else (), choices),
        splits=Splits(ids[:40], ids[40:50], ids[50:], "by hash"),
        findings=tuple(findings),
        seconds={"copies": 0.5, "left_out": 2.0},
        sources={"my data.csv": "a" * 64},
        environment={},
    )


def place(n: int) -> str:
    return f"my data.csv:{n}"


FINDINGS = [
    Finding("conflicts", "error", "Two labels.", "Decide.", (place(1), place(2), place(3))),
    Finding(
        "copies",
        "warning",
        "Copies.",
        "Keep one.",
        tuple(place(n) for n in range(1, 61)),
        (
            Fix(place(2), "delete", None, f"a copy of {place(1)}"),
            Fix(place(3), "relabel", "bob@example.org", "the probe says so"),
            Fix(place(1), "rewrite", "Where is my car?", "odd"),
        ),
    ),
    Finding("left_out", "note", "1 row was left out.", "Fill it in.", (place(99),)),
]


@pytest.fixture
def tree() -> Element:
    return read_html(audit_page(inspected(FINDINGS)))


def words(element: Element) -> str:
    return " ".join(element.text.split())


def test_findings_stand_worst_first_and_the_contents_lead_to_them(tree: Element) -> None:
    found = [one.attributes["id"] for one in tree.all("article")]
    links = [a.attributes["href"] for a in tree.one("nav").all("a")]
    assert links == [f"#{name}" for name in found]
    assert [words(one.one("h3")) for one in tree.all("article")] == [
        "Conflicts 3 rows",
        "Copies 60 rows, 3 proposed changes",
        "Left out 1 row",
    ]


def test_each_severity_can_be_folded_away(tree: Element) -> None:
    groups = tree.all("details", class_="group")
    assert [words(one.inside[0]) for one in groups] == ["Errors 1", "Warnings 1", "Notes 1"]
    assert all("open" in one.attributes for one in groups)


def test_fifty_rows_are_shown_and_the_others_counted(tree: Element) -> None:
    copies = tree.all("article")[1]
    assert len(copies.all("li")) == 50
    assert "10 further rows of this finding" in words(copies)
    assert "The first 50 of 60 rows" in words(copies)


def test_rows_are_masked_visible_and_escaped(tree: Element) -> None:
    page = audit_page(inspected(FINDINGS))
    assert "ann@" not in page
    assert "bob@" not in page
    assert "write to [EMAIL]" in page
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; [U+202E]evil" in page
    assert not tree.all("b")
    assert not tree.all("i")
    assert not tree.all("script")


def test_proposed_changes_stand_with_their_rows(tree: Element) -> None:
    first, second, third, *_ = tree.all("article")[1].all("li")
    assert "Proposed: rewrite" in words(first)
    assert "Where is my car?" in words(first)
    assert "Proposed: delete" in words(second)
    assert "Proposed: relabel" in words(third)
    assert "[EMAIL]" in words(third)


def test_a_row_that_was_left_out_has_its_place_alone(tree: Element) -> None:
    said = [words(span) for span in tree.all("article")[2].one("li").all("span")]
    assert said == ["my data.csv:99", "left out, not used"]


def test_nothing_is_loaded_from_elsewhere(tree: Element) -> None:
    page = audit_page(inspected(FINDINGS))
    assert not re.search(r"https?://|@import|url\(", page)
    assert [one.attributes["href"] for one in tree.all("link")] == ["data:,"]
    assert "default-src 'none'" in page


def test_answers_are_shown_where_there_are_no_labels() -> None:
    tree = read_html(audit_page(inspected(FINDINGS, labels=False)))
    row = tree.all("article")[0].all("li")[0]
    assert [words(one) for one in row.all("blockquote")] == ["Where is my card?", "the answer"]


def test_nothing_found_is_said() -> None:
    tree = read_html(audit_page(inspected([])))
    assert words(tree.one("h1")) == "Nothing found"
    assert "None of the 2 checks raised a finding on 63 rows." in words(tree.one("header"))


def test_the_same_findings_give_the_same_bytes() -> None:
    assert audit_page(inspected(FINDINGS)) == audit_page(inspected(FINDINGS))


def test_neighbours_are_those_named_then_those_alike(tmp_path: Path) -> None:
    seen = inspected(FINDINGS)
    assert [row.row for row in neighbours(seen, FINDINGS[1], place(2))] == [1]
    assert neighbours(seen, FINDINGS[1], place(99)) == []
