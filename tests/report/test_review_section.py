"""Faults these catch: a review that isn't blind, loses ratings, or lets strangers rate."""

from __future__ import annotations

import csv
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_run import made_run

from tests.report.conftest import small_plan
from tunewise.cli.main import status
from tunewise.errors import BadInput, DataError
from tunewise.records import Prediction
from tunewise.review.figures import reviewed, sentences
from tunewise.review.items import sheet
from tunewise.review.ratings import add, all_ratings, given, table, taken_in, write_table
from tunewise.review.serve import ReviewServer
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import StageRecord

PAIR = ("encoder-minilm-l6", "prompt-smollm2-135m-instruct")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    from tunewise.files import write_json

    made = made_run(tmp_path / "run", small_plan())[0]
    for name in (*PAIR, "existing"):
        write_json(made.stages / f"{name}.answers.test.json", StageRecord("0" * 64, {}, {}, 1.0))
    return made


@pytest.fixture
def server(folder: RunFolder) -> Iterator[ReviewServer]:
    with ReviewServer(sheet(folder.path, PAIR, "ann", 10)) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(url: str, body: object = None, host: str | None = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_is_blind_and_each_reviewer_has_sides_and_order_of_their_own(
    folder: RunFolder, server: ReviewServer
) -> None:
    told = asked(server.address + "sheet")[1]
    assert not any(name in told for name in PAIR)
    ann, bob = (sheet(folder.path, PAIR, who, 12) for who in ("ann", "bob"))
    assert {i.id for i in ann.items} == {i.id for i in bob.items}
    assert [i.id for i in ann.items] != [i.id for i in bob.items]
    assert len({tuple(i.answers) for i in ann.items}) == 2


def test_a_rating_is_on_the_disk_when_the_page_goes_on(
    folder: RunFolder, server: ReviewServer
) -> None:
    item = server.sheet.items[0]
    assert asked(server.address + "rating", {"row": item.id, "rating": "left"})[0] == 200
    kept = all_ratings(folder)
    assert [(r.row, r.choice) for r in kept] == [(item.id, next(iter(item.answers)))]
    again = json.loads(asked(server.address + "sheet")[1])["items"]
    assert again[0]["rating"] == "left"
    assert asked(server.address + "rating", {"row": item.id, "rating": "tie"})[0] == 200
    assert [r.choice for r in all_ratings(folder)] == ["tie"]


@pytest.mark.parametrize(
    "body", [{"row": "nobody", "rating": "left"}, {"row": 1}, [], {"rating": "left"}, "left"]
)
def test_nonsense_is_refused_and_not_kept(
    folder: RunFolder, server: ReviewServer, body: object
) -> None:
    assert asked(server.address + "rating", body)[0] == 400
    assert all_ratings(folder) == []


def test_without_the_secret_or_under_another_name_there_is_nothing(server: ReviewServer) -> None:
    base = f"http://127.0.0.1:{server.server_port}"
    assert asked(base + "/sheet")[0] == 404
    assert asked(server.address + "sheet", host="evil.example:80")[0] == 404
    assert asked(server.address + "../../etc/passwd")[0] == 404
    assert asked(server.address)[0] == 200
    assert asked(server.address + "page.js")[0] == 200


def test_a_half_written_line_is_dropped_and_the_rest_kept(folder: RunFolder) -> None:
    mine = sheet(folder.path, PAIR, "ann", 10)
    add(mine, mine.items[0].id, "tie")
    add(mine, mine.items[1].id, "right")
    path = folder.path / "reviews" / "ann.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert list(given(mine)) == [mine.items[0].id]
    add(mine, mine.items[1].id, "left")
    assert len(given(mine)) == 2


def test_a_table_goes_out_blind_and_comes_in_filled(folder: RunFolder, tmp_path: Path) -> None:
    mine = sheet(folder.path, PAIR, "ann", 8)
    out = tmp_path / "sheet.csv"
    write_table(mine, out)
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert not any(name in out.read_text(encoding="utf-8") for name in PAIR)
    for n, row in enumerate(rows):
        row["rating"] = ("left", "RIGHT ", "", "neither")[n % 4]
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert taken_in(mine, out) == 6
    assert list(csv.DictReader(table(mine).splitlines()))[1]["rating"] == "right"
    rows[0]["rating"] = "both"
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError, match="'both' is no rating"):
        taken_in(mine, out)


def test_a_cell_is_never_a_formula(folder: RunFolder) -> None:
    from tunewise.files import write_jsonl

    first = sheet(folder.path, ("existing",), "ann", 10**6).items
    answers = [Prediction(item.id, '=HYPERLINK("http://evil.example")') for item in first]
    write_jsonl(folder.candidate("existing").predictions("test"), answers)
    found = csv.DictReader(table(sheet(folder.path, ("existing",), "ann", 3)).splitlines())
    assert all(row["answer"].startswith("'=") for row in found)


def test_what_people_say_is_told_with_intervals_and_one_reviewer_alone_is_said(
    folder: RunFolder,
) -> None:
    for who in ("ann", "bob"):
        mine = sheet(folder.path, ("existing",), who, 20)
        for n, item in enumerate(sorted(mine.items, key=lambda one: one.id)):
            add(mine, item.id, "reject" if n % 5 == 0 or (who == "bob" and n == 1) else "accept")
        told = " ".join(sentences(reviewed(all_ratings(folder))[0]))
        if who == "ann":
            assert "agrees with human experts on 80% of the rows" in told
            assert "One reviewer alone" in told
    assert "Cohen's kappa of ann and bob is 0.8" in told
    assert "Krippendorff's alpha is 0.8" in told


def test_preference_counts_names_not_sides(folder: RunFolder) -> None:
    mine = sheet(folder.path, PAIR, "ann", 12)
    for item in mine.items:
        add(mine, item.id, "left" if next(iter(item.answers)) == PAIR[0] else "right")
    found = reviewed(all_ratings(folder))[0]
    assert found.preferred is not None
    assert found.preferred.value == 1
    assert found.p_value < 0.01


def test_what_cannot_be_rated_is_refused(
    folder: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="Did you mean 'existing'"):
        sheet(folder.path, ("exsting",), "ann", 5)
    with pytest.raises(BadInput, match="one candidate, or two"):
        sheet(folder.path, ("existing", "majority", "prompt"), "ann", 5)
    run = str(folder.path)
    assert status(["review", run, "--candidate", "existing", "--reviewer", "../ann"]) == 2
    assert status(["review", run, "--results", "--csv-out", "x.csv"]) == 2
    assert status(["review", run, "--candidate", "existing", "--csv-in", "missing.csv"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    out = str(tmp_path / "out.csv")
    assert status(["review", run, "--candidate", "existing", "--csv-out", out]) == 0
    assert status(["review", run, "--results"]) == 0
    assert "Nothing has been rated yet" in capsys.readouterr().out


def test_the_same_answers_leave_nothing_to_compare(folder: RunFolder) -> None:
    from tunewise.files import read_records, write_jsonl

    path = folder.candidate("existing").predictions("test")
    write_jsonl(folder.candidate(PAIR[0]).predictions("test"), read_records(path, Prediction))
    with pytest.raises(BadInput, match="nothing to rate"):
        sheet(folder.path, ("existing", PAIR[0]), "ann", 5)
    assert replace(sheet(folder.path, ("existing",), "ann", 5)).differ == 60
