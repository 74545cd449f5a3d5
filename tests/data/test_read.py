"""Faults these catch: rows lost or changed on reading, unstable ids, sides mixed up."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest

from tests.data.conftest import TICKETS, csv_of
from tunewise.data.columns import shown
from tunewise.data.identity import content_hash
from tunewise.data.readers import read_table
from tunewise.errors import DataError


def test_every_row_keeps_text_label_number_and_file(write, dataset) -> None:
    write("rows/train.csv", csv_of())
    found = dataset("rows/train.csv")
    assert [(e.input, e.target) for e in found.examples] == TICKETS
    assert [e.row for e in found.examples] == [*range(1, len(TICKETS) + 1)]
    assert {e.source for e in found.examples} == {"rows/train.csv"}
    assert found.labels == ("access", "billing", "orders")
    assert {e.given_split for e in found.examples} == {None}


def test_all_formats_give_the_same_rows(write, dataset, tmp_path) -> None:
    objects = [{"text": text, "label": label} for text, label in TICKETS]
    write("a.csv", csv_of())
    write("a.tsv", csv_of().replace(",", "\t"))
    write("a.json", json.dumps(objects))
    write("a.jsonl", "\n".join(map(json.dumps, objects)))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(objects), tmp_path / "a.parquet")
    ids = {
        suffix: [e.id for e in dataset(f"a.{suffix}").examples]
        for suffix in ("csv", "tsv", "json", "jsonl", "parquet")
    }
    assert all(found == ids["csv"] for found in ids.values())


def test_ids_come_from_content_and_tell_copies_apart(write, dataset) -> None:
    write("train.csv", csv_of([*TICKETS, TICKETS[0], TICKETS[0]]))
    ids = [e.id for e in dataset().examples]
    plain = content_hash(*TICKETS[0])
    assert (ids[0], ids[-2], ids[-1]) == (plain, f"{plain}-2", f"{plain}-3")
    assert len(plain) == 16
    assert len(set(ids)) == len(ids)


def test_text_and_label_are_not_run_together_in_an_id() -> None:
    assert content_hash("a", "bc") != content_hash("ab", "c")


def test_ids_do_not_depend_on_the_order_of_rows(write, dataset) -> None:
    write("train.csv", csv_of())
    write("back.csv", csv_of(TICKETS[::-1]))
    forth, back = dataset().examples, dataset("back.csv").examples
    assert {e.id: e.input for e in forth} == {e.id: e.input for e in back}


def test_separate_files_keep_their_sides(write, dataset) -> None:
    for name in ("train", "validation", "test"):
        write(f"{name}.csv", csv_of([(f"{name}: {text}", label) for text, label in TICKETS]))
    found = dataset(validation="validation.csv", test="test.csv")
    assert all(e.input.startswith(f"{e.given_split}:") for e in found.examples)
    assert len(found.examples) == 3 * len(TICKETS)


def test_white_space_is_cut_off_labels_only_and_told(write, dataset) -> None:
    write("train.csv", csv_of([*TICKETS, ("  a text ", " orders\t")]))
    found = dataset()
    assert (found.examples[-1].input, found.examples[-1].target) == ("  a text ", "orders")
    assert "white space at the ends of 1 labels was cut off" in found.columns[1].reason


def test_labels_that_are_no_texts_become_texts_and_that_is_told(write, dataset) -> None:
    rows = [{"text": f"text {n}", "label": n % 2 == 0} for n in range(12)]
    rows += [{"text": f"more {n}", "label": 1.0 if n % 2 else 2} for n in range(12)]
    write("a.json", json.dumps(rows))
    found = dataset("a.json")
    assert found.labels == ("1", "2", "false", "true")
    assert "24 labels that are no texts" in found.columns[1].reason


def test_a_row_of_blanks_is_left_out_and_listed(write, dataset) -> None:
    write("train.csv", csv_of() + ",\n  , \n")
    found = dataset()
    assert len(found.examples) == len(TICKETS)
    assert [(r.source, r.row, r.reason) for r in found.left_out] == [
        ("train.csv", 19, "all its cells are blank"),
        ("train.csv", 20, "all its cells are blank"),
    ]


def test_columns_that_candidates_ask_for_and_groups_are_kept(write, dataset) -> None:
    rows = [f"{text},{label},c{n % 5},{n if n else ''}" for n, (text, label) in enumerate(TICKETS)]
    write("train.csv", "\n".join(["text,label,customer,rules", *rows]))
    found = dataset(extra=("rules",), group="customer")
    assert [e.columns for e in found.examples[:2]] == [{}, {"rules": "1"}]
    assert [e.group for e in found.examples[:3]] == ["c0", "c1", "c2"]
    assert found.columns[2].role == "group"


@pytest.mark.parametrize("value", ["<b>&amp;", "naïve 日本 🙂", "a\u2028b\x85c", '"quoted"'])
def test_unusual_texts_come_through_unchanged(write, dataset, value: str) -> None:
    rows = [{"text": t, "label": label} for t, label in [*TICKETS, (value, "orders")]]
    write("a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    assert dataset("a.jsonl").examples[-1].input == value


def with_ids(ids: list[object], rows: list[tuple[str, str]] = TICKETS) -> str:
    cells = [f"{i},{text},{label}" for i, (text, label) in zip(ids, rows, strict=True)]
    return "\n".join(["id,text,label", *cells]) + "\n"


def test_a_whole_copy_of_a_row_is_left_to_the_audit(write, dataset) -> None:
    write("train.csv", with_ids([*range(18), 0], [*TICKETS, TICKETS[0]]))
    assert len(dataset().examples) == 19


def test_an_id_column_that_repeats_as_a_customers_would_is_nobodys_own(write, dataset) -> None:
    write("train.csv", with_ids([n // 3 for n in range(18)]))
    assert len(dataset().examples) == 18


def test_a_group_of_several_columns_is_what_is_equal_in_all_of_them(write, dataset) -> None:
    papers = ["1", "1", "", "2"]
    rows = [
        f"{text},{label},{'xy'[n % 2]},{papers[n % 4]}" for n, (text, label) in enumerate(TICKETS)
    ]
    write("train.csv", "\n".join(["text,label,firm,paper", *rows]))
    found = dataset(group=["firm", "paper"])
    assert [e.group for e in found.examples[:5]] == ["x / 1", "y / 1", "x / ", "y / 2", "x / 1"]
    chosen = {choice.role: choice.column for choice in found.columns}
    assert chosen["group"] == "firm and paper"


def test_a_group_may_be_called_id(write, dataset) -> None:
    write("train.csv", with_ids([*range(17), 0]))
    assert [e.group for e in dataset(group="id").examples][::17] == ["0", "0"]
    with pytest.raises(DataError, match="the id '0' in column 'id' is claimed by 2 rows"):
        dataset()


def test_rows_without_an_id_claim_none(write, dataset) -> None:
    write("train.csv", with_ids([*range(14), "", "", "", ""]))
    assert len(dataset().examples) == 18


def test_ids_start_anew_in_every_file(write, dataset) -> None:
    write("train.csv", with_ids([*range(18)]))
    write("test.csv", with_ids([*range(18)], [(f"{t}!", label) for t, label in TICKETS]))
    assert len(dataset(test="test.csv").examples) == 36


def test_json_objects_under_keys_are_rows_with_their_keys(write, dataset) -> None:
    write(
        "a.json", json.dumps({f"k{n}": {"text": t, "label": y} for n, (t, y) in enumerate(TICKETS)})
    )
    found = dataset("a.json", ("key",))
    assert [(e.input, e.target) for e in found.examples] == TICKETS
    assert [e.columns for e in found.examples[:2]] == [{"key": "k0"}, {"key": "k1"}]
    assert read_table(write("b.json", '{"a": {"key": 1, "text": "b"}}')).columns[0] == "key 2"


def test_pandas_usual_json_is_read_by_its_columns(write, dataset) -> None:
    texts, labels = zip(*TICKETS, strict=True)
    columns = {"text": texts, "label": labels}
    write(
        "a.json",
        json.dumps({c: {str(n): v for n, v in enumerate(vs)} for c, vs in columns.items()}),
    )
    assert [(e.input, e.target) for e in dataset("a.json").examples] == TICKETS


def test_choices_are_shown_on_one_line_whatever_columns_are_called(write, dataset) -> None:
    rows = [{"te\x1b[31mxt\n": text, "label": label} for text, label in TICKETS]
    write("a.json", json.dumps(rows))
    assert all(shown(choice).isprintable() for choice in dataset("a.json").columns)
