"""Faults these catch: bad input accepted, told without what, where or mend, dropped silently."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.data.conftest import CHATS, TICKETS, csv_of, xlsx_of
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.errors import DataError, FileMissing
from tunewise.task.settings import DataSettings, Kind

GOOD = csv_of()
RUSSIAN = "где моя карта я заказал её неделю назад и она до сих пор не пришла"
FRENCH = "où est ma carte bancaire ? elle n'est toujours pas arrivée, c'est gênant"
JAPANESE = "カードはまだ届いていません。いつ届きますか。教えてください"


def objects(*more: object) -> str:
    return json.dumps([*({"text": t, "label": label} for t, label in TICKETS), *more])


def lines(*more: str) -> str:
    return "\n".join([*(json.dumps({"text": t, "label": label}) for t, label in TICKETS), *more])


def chats(*more: object, **other: object) -> str:
    """Return good conversations as JSONL, then rows of whatever is to be told of."""
    rows = [{"messages": turns} for turns in CHATS]
    rows += [{"messages": turns} for turns in more]
    return "\n".join(map(json.dumps, [*rows, other] if other else rows))


def turn(role: object, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


ASKED, REPLIED = turn("user", "Where is it?"), turn("assistant", "On its way.")
SHEET = [["text", "label"], *map(list, TICKETS)]
ENCRYPTED = bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le")


def preferences(*more: dict[str, object]) -> str:
    rows: list[dict[str, object]] = [
        {"prompt": f"Say {n}", "chosen": f"It is {n}.", "rejected": "No."} for n in range(12)
    ]
    return "\n".join(map(json.dumps, [*rows, *more]))


def parquet_of(**columns: list[object]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


@dataclass(frozen=True)
class Bad:
    """One kind of bad input.

    Attributes:
        files: name to content.
        what, where, mend: parts of the message; `where` is what the place must end with.
        settings: other than train, which is the first file.
        kind: of the task.
    """

    name: str
    files: dict[str, str | bytes]
    what: str
    where: str
    mend: str
    settings: dict[str, object] = field(default_factory=dict)
    error: type[Exception] = DataError
    kind: Kind = "classification"


def one(
    name: str, content: str | bytes, what: str, where: str, mend: str, file: str = "t.csv"
) -> Bad:
    return Bad(name, {file: content}, what, f"{file}{where}", mend)


def written(
    name: str,
    content: str | bytes,
    what: str,
    where: str,
    mend: str,
    file: str = "t.jsonl",
    **settings: object,
) -> Bad:
    """Return a case of a task of generation."""
    return Bad(name, {file: content}, what, f"{file}{where}", mend, settings, kind="generation")


CASES = [
    Bad(
        "missing file",
        {"other/tickets.csv": GOOD, "ticket.csv": GOOD},
        "isn't there",
        "tickets.csv",
        "Did you mean 'ticket.csv'?",
        {"train": "tickets.csv"},
        FileMissing,
    ),
    Bad("folder", {"rows/a.csv": GOOD}, "a folder", "rows", "Name one file", {"train": "rows"}),
    one("empty file", "", "empty", "", "Name a file that has rows"),
    one("blank file", "\n \n\n", "empty", "", "Name a file that has rows"),
    one("only a byte order mark", b"\xef\xbb\xbf\n", "empty", "", "Name a file that has rows"),
    one("header alone", "text,label\n", "no rows", ":1", "Name a file that has rows"),
    one("only blank rows", "text,label\n,\n , \n", "blank ones alone", ":1", "has rows"),
    Bad(
        "header alone, columns given",
        {"t.csv": "text,label\n"},
        "a header and no rows",
        "t.csv:1",
        "has rows",
        {"input": "text", "target": "label"},
    ),
    Bad(
        "only blank rows, columns given",
        {"t.csv": "text,label\n,\n , \n"},
        "all rows are blank",
        "t.csv",
        "has rows",
        {"input": "text", "target": "label"},
    ),
    one("empty json", "[]", "the list is empty", "", "has rows", "t.json"),
    one("empty parquet file", b"", "empty", "", "has rows", "t.parquet"),
    one(
        "parquet without rows",
        parquet_of(text=[], label=[]),
        "no rows",
        "",
        "has rows",
        "t.parquet",
    ),
    one(
        "windows-1252",
        (GOOD + f"{FRENCH},x\n" * 3).replace(", c", " c").encode("cp1252"),
        "isn't UTF-8 (byte",
        f":{len(TICKETS) + 2}",
        "iconv -f windows-1252 -t UTF-8",
    ),
    one(
        "windows-1251",
        (GOOD + f"{RUSSIAN},x\n" * 3).encode("cp1251"),
        "looks like windows-1251",
        f":{len(TICKETS) + 2}",
        "Save it as UTF-8",
    ),
    one(
        "shift-jis",
        (GOOD + f"{JAPANESE},x\n" * 3).encode("shift_jis"),
        "looks like SHIFT-JIS",
        f":{len(TICKETS) + 2}",
        "Save it as UTF-8",
    ),
    one("utf-16", GOOD.encode("utf-16"), "looks like UTF-16", ":1", "Save it as UTF-8"),
    one("utf-16 without mark", GOOD.encode("utf-16-le"), "looks like UTF-16", ":1", "Save it"),
    one("cut inside a character", GOOD.encode() + b"caf\xc3", "isn't UTF-8", ":20", "Save it"),
    one("nul byte", GOOD + "a\0b,orders\n", "NUL byte", f":{len(TICKETS) + 2}", "Delete it"),
    one(
        "nul in json",
        objects({"text": "a\0b", "label": "orders"}),
        "NUL character",
        ": row 19",
        "Delete it",
        "t.json",
    ),
    one(
        "half a character",
        lines('{"text": "a \\ud83d b", "label": "orders"}'),
        "half of a character",
        ":19",
        "Delete it",
        "t.jsonl",
    ),
    one("row too long", GOOD + "a,b,c\n", "3 fields and the header 2", ":20", "double quotes"),
    one("row too short", GOOD + "a\n", "1 field and the header 2", ":20", "complete the row"),
    one(
        "ragged after a text of two lines",
        'text,label\n"a\nb",x\na,b,c\n',
        "3 fields",
        ":4",
        "double quotes",
    ),
    one("duplicate header", "text,text,label\na,b,c\n", "'text' twice", ":1", "Rename or delete"),
    one(
        "duplicate key",
        lines('{"text": "a", "text": "b", "label": "c"}'),
        "'text' stands twice",
        ":19",
        "",
        "t.jsonl",
    ),
    Bad(
        "missing column",
        {"t.csv": GOOD},
        "no column 'lable'",
        "t.csv:1",
        "Did you mean 'label'?",
        {"target": "lable"},
    ),
    Bad(
        "column missing in test",
        {"t.csv": GOOD, "test.csv": csv_of(header="text,Label")},
        "no column 'label'",
        "test.csv:1",
        "Did you mean 'Label'?",
        {"test": "test.csv"},
    ),
    Bad(
        "group column missing",
        {"t.csv": GOOD},
        "'customer', which data.group asks for",
        "t.csv:1",
        "Choose from: label, text",
        {"group": "customer"},
    ),
    Bad(
        "input is target",
        {"t.csv": GOOD},
        "input and target at once",
        "t.csv:1",
        "Name two columns",
        {"input": "text", "target": "text"},
    ),
    one("no text column", "a,b\n1,2\n3,4\n", "no column", ":1", "Name the column in task.yaml"),
    one("no text", GOOD + " ,orders\n", "no text in column 'text'", ":20", "delete the row"),
    one(
        "several without label",
        GOOD + "a,\nb,x\nc, \n",
        "2 rows have no label in column 'label'",
        ":20",
        "Write the label",
    ),
    one("null label", objects({"text": "a"}), "no label", ": row 19", "delete", "t.json"),
    one(
        "not-a-number label",
        parquet_of(text=["a b", "c d"] * 6, label=[1.0, 2.0] * 5 + [1.0, float("nan")]),
        "no label",
        ": row 12",
        "delete",
        "t.parquet",
    ),
    one(
        "one label",
        csv_of([(text, "same") for text, _ in TICKETS]),
        "all rows have the same label, 'same'",
        "",
        "at least one other label",
    ),
    one(
        "label with a single row",
        GOOD + "alone,rare\n",
        "'rare' has only one row (row 19)",
        "",
        "Add rows of it",
    ),
    Bad(
        "label only in test",
        {"t.csv": GOOD, "test.csv": csv_of([*TICKETS, ("x", "acess"), ("y", "acess")])},
        "'acess' (row 19, 2 in all) doesn't occur in t.csv",
        "test.csv",
        "Did you mean 'access'?",
        {"test": "test.csv"},
    ),
    Bad(
        "label only in validation",
        {"t.csv": GOOD, "v.csv": csv_of([*TICKETS, ("x", "zzz")])},
        "'zzz'",
        "v.csv",
        "Add rows of it to train",
        {"validation": "v.csv"},
    ),
    Bad(
        "train and test the same file",
        {"t.csv": GOOD},
        "train and test are the same file",
        "t.csv",
        "Leave out data.test",
        {"test": "./t.csv"},
    ),
    one("too few rows", csv_of(TICKETS[:9]), "too few rows to split: 9", "", "Label more rows"),
    Bad(
        "group of more than half",
        {
            "t.csv": csv_of(
                [
                    (text, f"{label},{'big' if n < 10 else n}")
                    for n, (text, label) in enumerate(TICKETS)
                ],
                "text,label,customer",
            )
        },
        "the group 'big' holds 10 of the 18 rows",
        "t.csv: row 1",
        "Choose another column as data.group",
        {"group": "customer"},
    ),
    one(
        "the same text in more than half",
        csv_of([*TICKETS, *[("Hello", "orders")] * 19]),
        "the same text stands in 19 of the 37 rows",
        ": row 19",
        "Delete the copies",
    ),
    one(
        "cell of 10 MB",
        GOOD + "x" * 10_000_000 + ",orders\n",
        "more than 1,000,000 characters",
        ":20",
        "Shorten it or delete the row",
    ),
    one(
        "cell of 10 MB in json",
        objects({"text": "x" * 10_000_000, "label": "orders"}),
        "10,000,000 characters",
        ": row 19",
        "Shorten it",
        "t.json",
    ),
    one(
        "quote that swallows the file",
        GOOD + '"an open quote,orders\n' + "text,orders\n" * 1_500,
        "isn't closed within 1,000 lines",
        ":20",
        "double it",
    ),
    one(
        "quote that swallows the file, two lines down",
        GOOD + '"a text\nof ""two"" lines","open\n' + "text,orders\n" * 1_500,
        "isn't closed within 1,000 lines",
        ":21",
        "double it",
    ),
    one(
        "quote open at the end",
        GOOD + '"an open quote,orders\nlast,orders\n',
        "never closed",
        ":20",
        "double it",
    ),
    one(
        "quote closed by another",
        GOOD + '"open,orders\n"a",orders\n',
        "followed by more text",
        ":20",
        "left open",
    ),
    one("json cut short", objects()[:-20], "isn't JSON", ":1", "Mend this line", "t.json"),
    one("json with a slip", '[\n{"text": "a",}\n]', "column", ":2", "Mend", "t.json"),
    one("jsonl named json", lines(), "isn't JSON", ":2", "ends in .jsonl", "t.json"),
    one("json named jsonl", "[\n {}\n]", "isn't JSON", ":1", "name the file .json", "t.jsonl"),
    one("json object", '{"a": "b"}', "an object, not a list", "", '{"data"', "t.json"),
    one(
        "json objects under keys and more",
        '{"a": {"t": "b"}, "n": 1}',
        "an object",
        "",
        "",
        "t.json",
    ),
    one("json of texts", '["a", "b"]', "the item is text", ": row 1", "list of objects", "t.json"),
    one("json too deep", "[" * 100_000, "usable JSON", "", "", "t.json"),
    one("jsonl of lists", lines("[1, 2]"), "a list, not an object", ":19", "one object", "t.jsonl"),
    one("jsonl cut short", lines('{"text": "a'), "isn't JSON", ":19", "one whole", "t.jsonl"),
    one(
        "nested text",
        lines('{"text": ["a"], "label": "x"}'),
        "'text' is a list, not a text",
        ":19",
        "another column",
        "t.jsonl",
    ),
    one(
        "nested label",
        objects({"text": "a", "label": {"b": 1}}),
        "'label' is an object",
        ": row 19",
        "another column",
        "t.json",
    ),
    one(
        "bytes in parquet",
        parquet_of(text=["a b", "c d"] * 6, label=[b"\xff", b"b"] * 6),
        "of type bytes",
        ": row 1",
        "Write it as text",
        "t.parquet",
    ),
    one("broken parquet", b"PAR1 nonsense", "whole Parquet", "", "Write it again", "t.parquet"),
    one(
        "parquet cut short",
        parquet_of(text=["a b"] * 50, label=["b"] * 50)[:-40],
        "whole Parquet",
        "",
        "Write it again",
        "t.parquet",
    ),
    one("unknown ending", GOOD, "'.jsnl' files", "", "Did you mean '.jsonl'?", "t.jsnl"),
    one("no ending", GOOD, "no ending", "", "Choose from", "tickets"),
    one("old spreadsheet", b"PK\3\4", "only .xlsx", "", "save it as t.xlsx", "t.xls"),
    one("broken spreadsheet", b"PK\3\4", "isn't a whole spreadsheet", "", "save it", "t.xlsx"),
    one("spreadsheet cut short", xlsx_of(SHEET)[:-90], "isn't a whole", "", "cut short", "t.xlsx"),
    one("empty spreadsheet file", b"", "empty", "", "has rows", "t.xlsx"),
    one("spreadsheet with a password", ENCRYPTED, "by a password", "", "without one", "t.xlsx"),
    one("old spreadsheet renamed", ENCRYPTED[:8], "old .xls kind", "", "as .xlsx", "t.xlsx"),
    one("spreadsheet without rows", xlsx_of([]), "no rows", "", "has rows", "t.xlsx"),
    one("spreadsheet's header alone", xlsx_of(SHEET[:1]), "no rows", ":1", "has rows", "t.xlsx"),
    one(
        "merged header",
        xlsx_of([[], ["Tickets", None], *SHEET], merged="A2:B2"),
        "cells of the header are merged (A2:B2)",
        ":2",
        "Undo the merge",
        "t.xlsx",
    ),
    one(
        "a title above the header",
        xlsx_of([["Tickets of May"], *SHEET]),
        "a value in column B, and the header ends at column A",
        ":2",
        "above the header",
        "t.xlsx",
    ),
    one(
        "a header twice",
        xlsx_of([["text", "label", "text"], *SHEET[1:]]),
        "'text' twice",
        ":1",
        "Rename",
        "t.xlsx",
    ),
    one(
        "a formula that was never calculated",
        xlsx_of([*SHEET, ["a text", '=B2&"!"']]),
        "'label' holds a formula that was never calculated",
        ":20",
        "save it",
        "t.xlsx",
    ),
    one(
        "an error in a cell",
        xlsx_of([*SHEET, ["a text", "#REF!"]]),
        "'label' holds the error #REF!",
        ":20",
        "Mend the formula",
        "t.xlsx",
    ),
    one("no label in a sheet", xlsx_of([*SHEET, ["a", " "]]), "no label", ":20", "Write", "t.xlsx"),
    Bad(
        "missing sheet",
        {"t.xlsx": xlsx_of(SHEET)},
        "no sheet 'rwos', which data.sheet asks for",
        "t.xlsx",
        "Did you mean 'rows'?",
        {"sheet": "rwos"},
    ),
    Bad(
        "a sheet of a text file",
        {"t.csv": GOOD},
        "the file is no spreadsheet",
        "t.csv",
        "Leave out data.sheet",
        {"sheet": "rows"},
    ),
    one(
        "one id twice",
        csv_of([(f"{n},{text}", label) for n, (text, label) in enumerate(TICKETS)], "Id,text,label")
        + "3,another text,orders\n7,and another,orders\n",
        "the id '3' in column 'Id' is claimed by 2 rows that differ, also by line 20; so are 1",
        ":5",
        "an id of its own",
    ),
    one(
        "one uid twice in jsonl",
        "\n".join(
            json.dumps({"uid": n % 17, "text": t, "label": label})
            for n, (t, label) in enumerate(TICKETS)
        ),
        "the id '0' in column 'uid' is claimed by 2 rows",
        ":1",
        "an id of its own",
        "t.jsonl",
    ),
    one(
        "rows of two shapes",
        lines('{"question": "a", "intent": "b"}', '{"messages": []}', '{"question": "c"}'),
        "beside those that have the columns of most, 1 has columns 'question', 'intent' (line 19);"
        " 1 has columns 'messages' (line 20); 1 has columns 'question' (line 21)",
        ":19",
        "a file of its own",
        "t.jsonl",
    ),
    one(
        "conversations among columns",
        lines(json.dumps({"messages": [ASKED, REPLIED]}), json.dumps({"messages": [ASKED]})),
        "2 have the format 'messages' (line 19, line 20)",
        ":19",
        "a file of its own",
        "t.jsonl",
    ),
    written(
        "columns among conversations",
        chats(text="a", label="b"),
        "beside those that have the format 'messages', 1 has columns 'text', 'label' (line 13)",
        ":13",
        "in one shape",
    ),
    written(
        "two styles of turns",
        chats([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]),
        "1 has the format 'sharegpt' (line 13)",
        ":13",
        "in one shape",
    ),
    written(
        "an unknown role",
        chats([turn("usr", "a"), REPLIED], [ASKED, REPLIED], [turn("usr", "b"), REPLIED]),
        "2 rows have a turn of the unknown role 'usr'; also line 15",
        ":13",
        "Did you mean 'user'?",
    ),
    written(
        "no turn of the assistant",
        chats([ASKED], [turn("system", "Be kind."), ASKED]),
        "2 rows have no turn of the assistant in column 'messages'; also line 14",
        ":13",
        "a last turn of the assistant",
    ),
    written(
        "an empty turn",
        chats([ASKED, turn("assistant", " \n")]),
        "an empty turn of the assistant",
        ":13",
        "Write it",
    ),
    written("no turns", chats([]), "no turns in column 'messages'", ":13", "Write it"),
    written("turns that are text", chats("Hello"), "no list of turns", ":13", "list of objects"),
    written("nothing asked", chats([REPLIED]), "nothing before the answer", ":13", "Write it"),
    written(
        "a turn without a role",
        chats([{"content": "a"}, REPLIED]),
        "a turn without 'role'",
        ":13",
        "'role' and 'content'",
    ),
    written(
        "a call of a tool",
        chats([ASKED, turn("assistant", None, tool_calls=[{"id": "1"}]), REPLIED]),
        "a turn that calls a tool",
        ":13",
        "Tools aren't supported yet",
    ),
    written(
        "a tool's answer",
        chats([ASKED, turn("tool", "42"), REPLIED]),
        "the role 'tool'",
        ":13",
        "Tools aren't supported yet",
    ),
    written(
        "a picture",
        chats([turn("user", [{"type": "image_url", "image_url": {}}]), REPLIED]),
        "a part that is no text ('image_url')",
        ":13",
        "Only texts",
    ),
    written(
        "several kinds of faults",
        chats([ASKED], [turn("usr", "a"), REPLIED], [turn("usr", "b"), REPLIED]),
        "the row has no turn of the assistant",
        ":13",
        "There are other faulty rows: 2 with a turn of the unknown role 'usr' (line 14).",
    ),
    written(
        "no answer",
        "text,summary\n" + "some long text to shorten,a summary\n" * 12 + "a text,\nb, \n",
        "2 rows have no answer in column 'summary'; also line 15",
        ":14",
        "Write the answer or delete the row",
        "t.csv",
    ),
    written(
        "no written answers",
        "text,sort\n" + "some long text to sort,a\nanother long text to sort,b\n" * 6,
        "no column looks like written answers",
        ":1",
        "under data: target",
        "t.csv",
    ),
    written(
        "a preference without its prompt",
        preferences({"chosen": "a", "rejected": "b"}),
        "no text in column 'prompt'",
        ":13",
        "delete the row",
    ),
    written(
        "preferences without prompts",
        '{"chosen": "a", "rejected": "b"}\n' * 12,
        "12 rows have no prompt",
        ":1",
        "Add a column 'prompt'",
    ),
    written(
        "nothing rejected",
        preferences({"prompt": "a", "chosen": "b", "rejected": " "}),
        "no text in column 'rejected'",
        ":13",
        "delete the row",
    ),
    written(
        "answers to different questions",
        "\n".join(
            json.dumps(
                {
                    "chosen": [turn("user", f"{n}"), REPLIED],
                    "rejected": [turn("user", f"{n // 12}{n}" if n > 11 else f"{n}"), REPLIED],
                }
            )
            for n in range(13)
        ),
        "different turns before the answer in 'chosen' and 'rejected'",
        ":13",
        "answer the same",
    ),
    written(
        "neither liked nor not",
        '{"prompt": "a", "completion": "b", "label": true}\n' * 12
        + '{"prompt": "a", "completion": "b", "label": "perhaps"}\n',
        "neither true nor false in column 'label'",
        ":13",
        "Write true",
        format="kto",
    ),
    written(
        "a format's column is missing",
        '{"instruction": "a", "outputs": "b"}\n' * 12,
        "no column 'output', which the format 'alpaca' asks for",
        "",
        "Did you mean 'outputs'?",
        format="alpaca",
    ),
    written(
        "no column with turns",
        '{"text": "a", "output": "b"}\n' * 12,
        "no column with turns (role and content), which the format 'messages' asks for",
        "",
        "Choose from",
        format="messages",
    ),
    written(
        "a target beside turns",
        '{"messages": [], "answer": "b"}\n' * 12,
        "the target is the last turn of the assistant, no column",
        "",
        "Leave out data.target",
        format="messages",
        target="answer",
    ),
    one("packed", b"\x1f\x8b", "packed", "", "gunzip t.csv.gz", "t.csv.gz"),
]


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_bad_input_is_one_line_with_what_where_and_mend(write, tmp_path: Path, bad: Bad) -> None:
    for name, content in bad.files.items():
        write(name, content)
    settings = DataSettings.model_validate({"train": next(iter(bad.files)), **bad.settings})
    with pytest.raises(bad.error) as caught:
        split(read_dataset(settings, tmp_path, kind=bad.kind), settings, 0)
    error = caught.value
    assert bad.what in error.what
    assert error.where is not None
    assert error.where.endswith(bad.where), error.where
    assert bad.mend in (error.mend or "")
    assert "\n" not in str(error)
    assert error.exit_status == 2


def unreadable(how: str, tmp_path: Path) -> None:
    if how == "a link to itself":
        (tmp_path / "t.csv").symlink_to("t.csv")
    elif how == "a file where a folder should be":
        (tmp_path / "a").write_text("x")
    else:
        (tmp_path / "t.csv").write_text(GOOD)
        (tmp_path / "t.csv").chmod(0)


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("a link to itself", "t.csv"),
        ("a file where a folder should be", "a/t.csv"),
        ("a name that is too long", "t" * 300 + ".csv"),
        pytest.param(
            "no permission",
            "t.csv",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"),
        ),
    ],
)
def test_what_the_system_refuses_is_told(tmp_path: Path, how: str, name: str) -> None:
    unreadable(how, tmp_path)
    with pytest.raises(DataError, match="can't be read") as caught:
        read_dataset(DataSettings(train=name), tmp_path)
    assert str(caught.value.where).startswith(str(tmp_path))


def test_a_bom_inside_or_beyond_a_chunk_boundary_is_told_with_its_line(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    """The check reads in chunks of 1 MiB; a character may be cut by their boundary."""
    good = (b"text,label\n" + b"a,b\n" * 300_000)[: (1 << 20) - 1]
    path = write("t.csv", good + "é,b\n".encode() + b"\xff,b\n")
    with pytest.raises(DataError, match="isn't UTF-8") as caught:
        read_dataset(DataSettings(train="t.csv"), tmp_path)
    assert f"byte {path.read_bytes().index(0xFF) + 1:,}" in caught.value.what
    line = path.read_bytes().count(b"\n", 0, path.read_bytes().index(0xFF)) + 1
    assert str(caught.value.where).endswith(f":{line}")
