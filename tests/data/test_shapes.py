"""Faults these catch: a format missed or imagined, a turn lost or moved, a pair torn apart."""

from __future__ import annotations

import io
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import CHATS, TICKETS
from tunewise.data.rows import read_inputs
from tunewise.data.shapes.turns import Unusable, plain_text, turns_in
from tunewise.errors import DataError
from tunewise.records import Message

ASKED = [f"Where is parcel number {n}?" for n in range(12)]
REPLIED = [f"Parcel {n} arrives on day {n % 5}, in the morning." for n in range(12)]
PAIRS = list(zip(ASKED, REPLIED, strict=True))


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def jsonl(rows: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def turns(*texts: str, names: tuple[str, str] = ("user", "assistant")) -> list[dict[str, str]]:
    return [{"role": names[n % 2], "content": text} for n, text in enumerate(texts)]


def shared(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


SHAPES: dict[str, list[dict[str, object]]] = {
    "messages": [{"messages": turns(a, b)} for a, b in PAIRS],
    "sharegpt": [
        {"id": f"chat-{n}", "conversations": shared(a, b)} for n, (a, b) in enumerate(PAIRS)
    ],
    "alpaca": [{"instruction": a, "input": "", "output": b} for a, b in PAIRS],
    "prompt-completion": [{"prompt": a, "completion": b} for a, b in PAIRS],
    "preference": [{"prompt": a, "chosen": b, "rejected": f"No {a}"} for a, b in PAIRS],
    "kto": [{"prompt": a, "completion": b, "label": len(a) % 2 == 0} for a, b in PAIRS],
    "columns": [{"question": a, "answer": b} for a, b in PAIRS],
}
CHAT = {"messages", "sharegpt", "alpaca"}
LONG = "User: a\n\nAssistant: b\n\nUser: c"


@pytest.mark.parametrize("how", ["detected", "given"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_the_same(write, dataset, name: str, how: str) -> None:
    write("t.jsonl", jsonl(SHAPES[name]))
    given = {} if how == "detected" else {"format": name}
    found = dataset("t.jsonl", kind="generation", **given)
    assert [(e.input, e.target) for e in found.examples] == PAIRS
    assert found.labels == ()
    expected = (user(ASKED[0]), assistant(REPLIED[0])) if name in CHAT else ()
    assert found.examples[0].messages == expected
    format_ = next((c for c in found.columns if c.role == "format"), None)
    assert (format_.column if format_ else "columns") == name
    if format_ is not None:
        assert format_.reason.startswith("each row has" if how == "detected" else "task.yaml says")


@pytest.mark.parametrize("name", ["messages", "alpaca", "columns"])
@pytest.mark.parametrize("suffix", ["json", "parquet", "xlsx"])
def test_shapes_do_not_hang_on_the_file_format(
    write, dataset, tmp_path, name: str, suffix: str
) -> None:
    from tests.data.conftest import xlsx_of

    rows = SHAPES[name]
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    elif suffix == "xlsx":  # a spreadsheet holds turns as JSON text
        cells = [[v if isinstance(v, str) else json.dumps(v) for v in row.values()] for row in rows]
        write("t.xlsx", xlsx_of([[*rows[0]], *cells]))
    else:
        write("t.json", json.dumps(rows))
    found = dataset(f"t.{suffix}", kind="generation")
    assert [(e.input, e.target) for e in found.examples] == PAIRS


def test_a_long_conversation_is_input_up_to_its_last_answer(write, dataset) -> None:
    long = [{"role": "system", "content": "Be kind."}, *turns("a", "b", "c", "d")]
    write("t.jsonl", jsonl([{"messages": long}, *SHAPES["messages"]]))
    first = dataset("t.jsonl", kind="generation").examples[0]
    assert first.input == "System: Be kind.\n\nUser: a\n\nAssistant: b\n\nUser: c"
    assert first.target == "d"
    assert first.messages == (
        Message("system", "Be kind."),
        *(user("a"), assistant("b"), user("c"), assistant("d")),
    )


def test_turns_that_nothing_answers_are_left_out_and_told(write, dataset) -> None:
    write("t.jsonl", jsonl([*SHAPES["messages"], {"messages": turns("a", "b", "thanks")}]))
    found = dataset("t.jsonl", kind="generation")
    assert found.examples[-1].messages == (user("a"), assistant("b"))
    target = next(c for c in found.columns if c.role == "target")
    assert "turns after the last answer of 1 rows were left out" in target.reason
    assert "t.jsonl:13)" in target.reason


def test_an_empty_turn_of_the_system_is_none(write, dataset) -> None:
    empty = [{"role": "system", "content": " "}, *turns("a", "b")]
    write("t.jsonl", jsonl([{"messages": empty}, *SHAPES["messages"]]))
    assert dataset("t.jsonl", kind="generation").examples[0].messages == (user("a"), assistant("b"))


def test_contents_in_parts_and_newer_role_names_are_read() -> None:
    cell = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
    ]
    assert turns_in(cell, "messages", "t:1", "messages") == [
        Message("system", "Be brief."),
        user("a\nb"),
        assistant("c"),
    ]


def test_the_system_column_begins_the_conversation(write, dataset) -> None:
    rows = [{"system": "Be kind.", **row} for row in SHAPES["sharegpt"]]
    write("t.jsonl", jsonl(rows))
    first = dataset("t.jsonl", kind="generation").examples[0]
    assert first.messages[0] == Message("system", "Be kind.")
    assert first.input.startswith("System: Be kind.\n\nUser: ")


def test_alpaca_joins_instruction_and_input_and_reads_history(write, dataset) -> None:
    rows = [
        {"instruction": "Sum up.", "input": a, "output": b, "history": [["q", "r"]]}
        for a, b in PAIRS
    ]
    write("t.jsonl", jsonl(rows))
    first = dataset("t.jsonl", kind="generation").examples[0]
    assert first.input == f"User: q\n\nAssistant: r\n\nUser: Sum up.\n\n{ASKED[0]}"
    assert [m.role for m in first.messages] == ["user", "assistant", "user", "assistant"]


def test_dollys_names_for_alpacas_columns_are_known(write, dataset) -> None:
    rows = [{"instruction": a, "context": "c", "response": b, "category": "x"} for a, b in PAIRS]
    write("t.jsonl", jsonl(rows))
    first = dataset("t.jsonl", kind="generation").examples[0]
    assert (first.input, first.target) == (f"{ASKED[0]}\n\nc", REPLIED[0])


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"prompt": turns("a"), "chosen": turns("b", names=("assistant", "")), "rejected": "c"},
        {"chosen": turns("a", "b"), "rejected": turns("a", "c")},
        {"prompt": "a", "chosen": turns("a", "b"), "rejected": turns("a", "c")},
        {"question": "a", "chosen": "b", "rejected": "c"},
        {"Prompt": "a", "Chosen": "b", "Rejected": "c"},
    ],
)
def test_preferences_are_kept_in_all_their_spellings(write, dataset, row) -> None:
    write("t.jsonl", jsonl([row] * 12))
    found = dataset("t.jsonl", kind="generation")
    first = found.examples[0]
    assert (first.input, first.target, first.rejected) == ("a", "b", "c")
    assert first.messages in ((), (user("a"), assistant("b")))
    format_ = next(c for c in found.columns if c.role == "format")
    assert "preference tuning isn't built yet, so the target is 'chosen'" in format_.reason


def test_kto_keeps_whether_the_answer_was_liked(write, dataset) -> None:
    write("t.jsonl", jsonl(SHAPES["kto"]))
    found = dataset("t.jsonl", kind="generation")
    assert [e.desirable for e in found.examples] == [len(a) % 2 == 0 for a in ASKED]
    write("t.csv", "prompt,completion,label\n" + "a,b,TRUE\nc,d,False\n" * 6)
    assert [e.desirable for e in dataset("t.csv", kind="generation").examples[:2]] == [True, False]


def test_true_and_false_are_labels_where_labels_are_asked_for(write, dataset) -> None:
    write("t.jsonl", jsonl(SHAPES["kto"]))
    found = dataset("t.jsonl")
    assert found.labels == ("false", "true")
    assert found.examples[0].desirable is None


def test_few_answers_of_a_conversation_may_be_labels(write, dataset) -> None:
    rows = [{"messages": turns(text, f" {label}\n")} for text, label in TICKETS]
    write("t.jsonl", jsonl(rows))
    found = dataset("t.jsonl")
    assert found.labels == ("access", "billing", "orders")
    assert [e.target for e in found.examples[:2]] == ["orders", "billing"]
    assert "white space at the ends of 18 labels" in found.columns[-1].reason


def test_columns_that_are_named_go_before_any_format(write, dataset) -> None:
    rows = [{"instruction": "Sort.", "input": t, "output": label} for t, label in TICKETS]
    write("t.jsonl", jsonl(rows))
    found = dataset("t.jsonl", input="input", target="output")
    assert [(e.input, e.target) for e in found.examples] == TICKETS
    assert [c.role for c in found.columns] == ["input", "target"]


def test_a_column_of_turns_may_have_any_name(write, dataset) -> None:
    write("t.jsonl", jsonl([{"log": row["messages"], "note": "x"} for row in SHAPES["messages"]]))
    assert [e.input for e in dataset("t.jsonl", kind="generation").examples] == ASKED
    found = dataset("t.jsonl", kind="generation", format="messages", input="log")
    assert [c.column for c in found.columns] == ["messages", "log", "log"]


def test_other_files_are_read_in_the_shape_of_train(write, dataset) -> None:
    write("t.jsonl", jsonl(SHAPES["messages"]))
    write("v.jsonl", jsonl([{"id": 1, "messages": turns("x", "y")}]))
    found = dataset("t.jsonl", validation="v.jsonl", kind="generation")
    assert (found.examples[-1].input, found.examples[-1].given_split) == ("x", "validation")
    write("w.csv", "text,label\na,b\n")
    with pytest.raises(DataError, match="no column 'messages', which the format 'messages' asks"):
        dataset("t.jsonl", validation="w.csv", kind="generation")


TURN = st.tuples(
    st.sampled_from(["system", "user", "assistant"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
)


@settings(max_examples=200)
@given(said=st.lists(TURN, max_size=7))
def test_turns_come_through_in_order_or_are_refused(said: list[tuple[str, str]]) -> None:
    cell = [{"role": role, "content": text} for role, text in said]
    kept = [(role, text) for role, text in said if text.strip() or role != "system"]
    try:
        found = turns_in(cell, "messages", "t:1", "messages")
    except Unusable:
        assert not kept or any(not text.strip() for _, text in kept)
        return
    assert [(turn.role, turn.content) for turn in found] == kept
    assert found == turns_in(json.dumps(cell), "messages", "t:1", "messages")
    assert all(turn.content in plain_text(found) for turn in found)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(cell=JUNK, name=st.sampled_from([*SHAPES]), part=st.integers(0, 2))
def test_any_junk_in_a_cell_is_told_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, cell: object, name: str, part: int
) -> None:
    from tunewise.data.read import read_dataset
    from tunewise.task.settings import DataSettings

    folder = tmp_path_factory.mktemp("junk")
    odd = dict(SHAPES[name][0])
    odd[[*odd][part % len(odd)]] = cell
    (folder / "t.jsonl").write_text(jsonl([*SHAPES[name], odd]))
    told, found = "", None
    try:
        found = read_dataset(DataSettings(train="t.jsonl"), folder, kind="generation")
    except DataError as error:
        told = str(error)
    assert "\n" not in told
    assert found or ":13" in told
    assert not found or len(found.examples) + len(found.left_out) == 13


@pytest.mark.parametrize(
    ("format_", "column", "line", "asked"),
    [
        ("messages", "messages", {"messages": turns("a")}, "a"),
        ("messages", "messages", {"messages": turns("a", "b", "c")}, LONG),
        ("messages", "messages", {"messages": turns("a", "b")}, "a"),
        ("alpaca", "instruction", {"instruction": "a", "input": "b"}, "a\n\nb"),
        ("alpaca", "instruction", {"instruction": "a", "output": "c"}, "a"),
        ("preference", "question", {"question": "a"}, "a"),
        ("kto", "prompt", {"prompt": turns("a"), "label": True}, "a"),
        ("prompt-completion", "prompt", {"prompt": "a", "other": 1}, "a"),
    ],
)
def test_new_rows_are_asked_as_the_old_ones_were(
    write, format_: str, column: str, line: dict[str, object], asked: str
) -> None:
    stream = io.BytesIO(json.dumps(line).encode())
    assert [row.input for row in read_inputs(None, stream, column, format_)] == [asked]
    path = write("new.json", json.dumps([line]))
    assert [row.input for row in read_inputs(path, io.BytesIO(), column, format_)] == [asked]


def test_a_new_row_that_cannot_be_asked_is_told() -> None:
    stream = io.BytesIO(b'{"messages": [{"role": "usr", "content": "a"}]}')
    with pytest.raises(DataError, match=r"unknown role 'usr'.*Did you mean 'user'") as caught:
        read_inputs(None, stream, "messages", "messages")
    assert caught.value.where == "standard input:1"


def test_plain_lines_are_asked_as_they_are_in_any_format() -> None:
    rows = read_inputs(None, io.BytesIO(b"Where is it?\n"), "messages", "messages")
    assert [row.input for row in rows] == ["Where is it?"]


def test_chats_of_the_bad_input_table_are_good() -> None:
    assert all(turns_in(chat, "messages", "t:1", "messages") for chat in CHATS)
