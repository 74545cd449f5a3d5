"""Faults these catch: a defect not found, a finding without its rows, clean rows accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.conftest import TICKETS
from tunewise.audit import QUICK, audit
from tunewise.audit.clusters import place
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.progress import Silent
from tunewise.records import Dataset, Example, Finding, LeftOut, Split, Splits
from tunewise.task.load import load_task
from tunewise.task.settings import Task

EXAMPLE = Path(__file__).parents[2] / "examples" / "support-tickets"
CLEAN: list[tuple[str, str, Split]] = [
    (f"{text} on {side}", label, side)
    for side in ("train", "validation", "test")
    for text, label in TICKETS
]


def audited(dataset: Dataset, splits: Splits) -> list[Finding]:
    task = Task.model_validate({"task": "t", "data": {"train": "train.csv"}})
    return audit(dataset, splits, task, Path(), Silent())


def findings(*rows: tuple[str, str, Split], group: str | None = None, **more: object):
    """Audit clean rows and, after them, those given; return the findings by check."""
    examples = tuple(
        Example(f"id-{n}", text, label, n, f"{side}.csv", group=group, given_split=side)
        for n, (text, label, side) in enumerate([*CLEAN, *rows], start=1)
    )
    sides = {
        name: tuple(e.id for e in examples if e.given_split == name)
        for name in ("train", "validation", "test")
    }
    labels = tuple(sorted({e.target for e in examples}))
    found = audited(Dataset(examples, labels, (), **more), Splits(**sides, how=""))  # type: ignore[arg-type]
    by_check: dict[str, list[Finding]] = {}
    for finding in found:
        by_check.setdefault(finding.check, []).append(finding)
    return by_check


AT = len(CLEAN) + 1  # row number of the first that a test adds


def test_clean_rows_have_no_findings() -> None:
    assert findings() == {}


@pytest.mark.parametrize("side", ["train", "test"])
def test_copies_are_found_whatever_their_case_and_spacing(side: Split) -> None:
    found = findings(("A new text", "orders", side), ("a  NEW text ", "orders", side))
    [finding] = found["duplicates"]
    assert finding.rows == (f"{side}.csv:{AT}", f"{side}.csv:{AT + 1}")
    assert "'A new text'" in finding.reason
    assert finding.mend
    assert [*found] == ["duplicates"]


def test_the_same_text_with_two_labels_is_a_conflict_and_no_copy() -> None:
    found = findings(("A new text", "orders", "train"), ("a new text", "billing", "train"))
    [finding] = found["conflicts"]
    assert finding.severity == "warning"
    assert finding.rows == (f"train.csv:{AT}", f"train.csv:{AT + 1}")
    assert "as 'orders'" in finding.reason
    assert "as 'billing'" in finding.reason
    assert [*found] == ["conflicts"]


@pytest.mark.parametrize("learnt", ["train", "validation"])
def test_a_text_of_train_or_validation_in_test_is_leakage(learnt: Split) -> None:
    found = findings(("Ｎｅｗ text", "orders", learnt), ("new text", "orders", "test"))
    [finding] = found["leakage"]
    assert finding.severity == "error", "1 of 19 test rows is more than 1%"
    assert finding.rows == (f"{learnt}.csv:{AT}", f"test.csv:{AT + 1}")
    assert "1 of the 19 test rows" in finding.reason


def test_a_text_of_train_in_validation_is_no_leakage_into_test() -> None:
    found = findings(("new text", "orders", "train"), ("new text", "orders", "validation"))
    assert "leakage" not in found


def test_a_group_on_both_sides_is_leakage() -> None:
    [finding] = findings(group="customer 1")["leakage"]
    assert "18 of the 18 test rows belong to a group" in finding.reason


NEAR = ("I am waiting for a new bank card", "Hi there, i am waitng for a new bank card!")


@pytest.mark.parametrize("side", ["train", "test"])
def test_near_copies_on_one_side_are_found_beside_exact_ones(side: Split) -> None:
    found = findings(*((text, "orders", side) for text in (*NEAR, NEAR[0])))
    [finding] = found["near_duplicates"]
    assert finding.rows == (f"{side}.csv:{AT}", f"{side}.csv:{AT + 1}", f"{side}.csv:{AT + 2}")
    assert f"'{NEAR[0]}' ({side}.csv:{AT}) and '{NEAR[1]}' ({side}.csv:{AT + 1})" in finding.reason
    assert finding.fixes == (), "only a person can tell whether what differs matters"
    [exact] = found["duplicates"]
    assert exact.rows == (f"{side}.csv:{AT}", f"{side}.csv:{AT + 2}")
    assert [(fix.row, fix.action) for fix in exact.fixes] == [(f"{side}.csv:{AT + 2}", "delete")]


@pytest.mark.parametrize("learnt", ["train", "validation"])
def test_a_near_copy_of_a_learnt_text_in_test_is_told_and_the_learnt_row_is_to_go(
    learnt: Split,
) -> None:
    found = findings((NEAR[0], "orders", learnt), (NEAR[1], "billing", "test"))
    [finding] = found["near_leakage"]
    assert finding.severity == "warning"
    assert finding.rows == (f"{learnt}.csv:{AT}", f"test.csv:{AT + 1}")
    assert "1 of the 19 test rows" in finding.reason
    [fix] = finding.fixes
    assert (fix.row, fix.action) == (f"{learnt}.csv:{AT}", "delete")
    assert f"test.csv:{AT + 1}" in fix.reason
    assert "leakage" not in found


def test_an_exact_leak_is_no_near_leak_and_the_learnt_row_is_to_go() -> None:
    found = findings(
        (NEAR[0], "orders", "train"), (NEAR[1], "orders", "train"), (NEAR[0], "orders", "test")
    )
    assert "near_leakage" not in found
    [finding] = found["leakage"]
    assert [fix.row for fix in finding.fixes] == [f"train.csv:{AT}"]


def test_nearly_the_same_text_with_another_label_is_a_near_conflict() -> None:
    found = findings((NEAR[0], "orders", "train"), (NEAR[1], "billing", "train"))
    [finding] = found["near_conflicts"]
    assert finding.rows == (f"train.csv:{AT}", f"train.csv:{AT + 1}")
    assert f"(train.csv:{AT} as 'orders') and '{NEAR[1]}'" in finding.reason
    assert [*found] == ["near_conflicts"]


def test_texts_near_by_a_chain_alone_are_not_paired() -> None:
    chain = ("please cancel my old bank card", "please cancel my bank card", "cancel my bank card")
    found = findings(*((text, "orders", "train") for text in chain))
    assert len(found["near_duplicates"][0].rows) == 3
    assert (
        f"'{chain[0]}' (train.csv:{AT}) and '{chain[2]}'" not in found["near_duplicates"][0].reason
    )


def test_written_answers_may_be_the_same_for_other_inputs() -> None:
    examples = tuple(
        Example(f"id-{n}", text, answer, n, "train.csv", given_split="train")
        for n, (text, answer) in enumerate(
            [(NEAR[0], "Yes."), ("where is the next cash machine", "Yes."), (NEAR[1], "It comes.")]
        )
    )
    splits = Splits(tuple(e.id for e in examples), (), (), how="")
    found = [f for f in audited(Dataset(examples, (), ()), splits) if "near" in f.check]
    assert [(f.check, f.severity, f.rows) for f in found] == [
        ("near_conflicts", "note", ("train.csv:0", "train.csv:2"))
    ]


def test_banking77_has_the_copies_that_are_known_of_it() -> None:
    """4 texts twice in train, 6 texts in both files (7 where case is no matter)."""
    folder = Path(__file__).parents[3] / "shared" / "data" / "banking77"
    if not folder.exists():
        pytest.skip("the whole of BANKING77 isn't here")
    data = {
        "train": str(folder / "train.csv"),
        "test": str(folder / "test.csv"),
        "input": "text",
        "target": "category",
    }
    task = Task.model_validate({"task": "t", "data": data})
    dataset = read_dataset(task.data, Path())
    found = audit(dataset, split(dataset, task.data, 0), task, Path(), Silent())
    rows = {place(row): row for row in dataset.examples}
    copies = next(f for f in found if f.check == "duplicates" and "train and" in f.reason)
    assert len(copies.rows) == 8
    assert len(copies.fixes) == 4
    leaks = next(f for f in found if f.check == "leakage")
    learnt = {rows[at].input.strip() for at in leaks.rows if rows[at].given_split == "train"}
    judged = {rows[at].input.strip() for at in leaks.rows if rows[at].given_split == "test"}
    assert len(learnt & judged) == 6
    assert {row.given_split for row in map(rows.get, leaks.rows) if row} == {"train", "test"}
    near = next(f for f in found if f.check == "near_leakage")
    assert not set(near.rows) & {at for at in leaks.rows if rows[at].given_split == "test"}


def test_rare_labels_are_named_with_their_rows() -> None:
    [finding] = findings(("odd one", "odd", "train"), ("odd two", "odd", "train"))["balance"]
    assert "'odd' (2)" in finding.reason
    assert finding.rows == (f"train.csv:{AT}", f"train.csv:{AT + 1}")


def test_a_label_that_crowds_out_the_others_is_told() -> None:
    many = [(f"order number {n}", "orders", "train") for n in range(400)]
    [finding] = findings(*many)["balance"]  # type: ignore[arg-type]
    assert finding.severity == "note"
    assert "'orders' has 406 of the 418" in finding.reason


def test_a_label_to_judge_that_is_never_learnt_is_told() -> None:
    found = findings(("odd one", "odd", "test"))
    [finding] = found["unseen"]
    assert finding.rows == (f"test.csv:{AT}",)
    assert "'odd'" in finding.reason


@pytest.mark.parametrize(
    ("text", "how"), [("word " * 500, "longer"), ("x", "shorter"), ("?!", "shorter")]
)
def test_texts_of_odd_length_are_found(text: str, how: str) -> None:
    [finding] = findings((text, "orders", "train"))["lengths"]
    assert f"far {how}" in finding.reason
    assert finding.rows == (f"train.csv:{AT}",)


def test_labels_that_are_spelled_in_two_ways_are_found() -> None:
    rows = [(f"mail {n}", "Or-ders", "train") for n in range(5)]
    [finding] = findings(*rows)["spellings"]  # type: ignore[arg-type]
    assert "write all as 'orders'" in finding.mend
    assert finding.rows == tuple(f"train.csv:{AT + n}" for n in range(5))


def test_rows_left_out_are_listed() -> None:
    left_out = (LeftOut("t.csv", 3, "blank"), LeftOut("t.csv", 9, "blank"))
    [finding] = findings(left_out=left_out)["left_out"]
    assert finding.rows == ("t.csv:3", "t.csv:9")
    assert "2 rows were left out: blank" in finding.reason


def test_worst_comes_first() -> None:
    by_check = findings(
        ("x", "orders", "train"),
        ("new text", "orders", "train"),
        ("new text", "billing", "test"),
    )
    found = [finding.severity for findings_ in by_check.values() for finding in findings_]
    assert found == ["error", "warning", "note"], by_check


def test_every_check_says_something_here() -> None:
    """A check that no test of this file or of test_content can make speak would be dead."""
    assert {check.__name__ for check in QUICK} == {
        *("leakage", "conflicts", "unseen", "spellings"),
        *("balance", "duplicates", "lengths", "left_out"),
        *("personal", "targets", "cut_off", "encoding", "languages", "boilerplate"),
    }


def test_the_example_has_the_flaws_that_its_readme_speaks_of() -> None:
    task = load_task(EXAMPLE / "task.yaml")
    dataset = read_dataset(task.data, EXAMPLE)
    assert len(dataset.examples) == 5_000 + 3_080
    assert len(dataset.labels) == 77
    splits = split(dataset, task.data, task.seed)
    found = {finding.check: finding for finding in audited(dataset, splits)}
    assert "4 of the 3,080 test rows" in found["leakage"].reason
    assert len(found["leakage"].rows) == 8
    rows = {f"{e.source}:{e.row}": e for e in dataset.examples}
    leaked = [rows[place] for place in found["leakage"].rows]
    for learnt, judged in zip(leaked[::2], leaked[1::2], strict=True):
        assert learnt.input.lower().split() == judged.input.lower().split()
        assert (learnt.given_split, judged.given_split) == ("train", "test")
