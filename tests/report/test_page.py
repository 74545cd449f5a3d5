from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from html_tree import Element, read_html
from made_run import HOSTILE, HOSTILE_LABELS, Plan

from tests.report.conftest import evidence_of, hopeless_plan, small_plan
from tunewise.records import Dataset
from tunewise.report.gather import Evidence, gathered
from tunewise.report.page import page, script
from tunewise.report.text import shown
from tunewise.workspace.folder import RunFolder

ALLOWED = set(
    """
    html head meta title link style body header div p h1 h2 h3 h4 ul ol li dl dt dd nav a main
    section table thead tbody tr th td span small strong figure figcaption svg desc line text
    circle rect g details summary pre code bdi wbr br blockquote footer
    caption label input select option button script
    """.split()  # noqa: SIM905 - a list of fifty quoted words is harder to read
)


@pytest.fixture(scope="module")
def html(evidence: Evidence) -> str:
    return page(evidence)


@pytest.fixture(scope="module")
def tree(html: str) -> Element:
    return read_html(html)


def words(element: Element) -> str:
    return " ".join(element.text.split())


def test_verdict_stands_first_then_its_sentence_and_reasons(
    tree: Element, evidence: Evidence
) -> None:
    body = tree.one("body")
    first = body.inside[0]
    assert words(first.one("h1")) == "Tune"
    assert f"Tune: {words(first.one('p', class_='sentence'))}" == evidence.verdict.sentence
    assert [words(li) for li in first.one("ul").all("li")] == list(evidence.verdict.reasons)


def test_sections_stand_in_the_order_in_which_a_reader_asks(tree: Element) -> None:
    sections = [s.attributes["id"] for s in tree.all("section")]
    assert sections == [
        "candidates",
        "comparisons",
        "plots",
        "confused",
        "samples",
        "mistakes",
        "slices",
        "calibration",
        "labels",
        "data",
        "selection",
        "settings",
        "versions",
    ]
    links = [a.attributes["href"] for a in tree.one("nav").all("a")]
    assert links == [f"#{s}" for s in sections]


def test_every_section_says_how_to_read_it(tree: Element) -> None:
    for section in tree.all("section"):
        assert section.inside[0].tag == "h2"
        assert section.inside[1].attributes["class"] == "how"
        assert words(section.inside[1]).endswith(".")


def test_table_has_every_candidate_with_figures_the_best_first(
    tree: Element, evidence: Evidence
) -> None:
    rows = tree.one("section", id="candidates").one("tbody").all("tr")
    assert len(rows) == len(evidence.judged) == 5
    for row, one in zip(rows, evidence.judged, strict=True):
        assert one.name in words(row.one("th"))
    best = words(rows[0])
    for part in ("92.", "winner", "6.8 ms", "9.3 ms", "1,180", "3,080"):
        assert part in best
    values = [one.figure("accuracy").value for one in evidence.judged]
    assert values == sorted(values, reverse=True)


def test_part_judged_is_stated_with_the_way_it_was_chosen(tree: Element) -> None:
    section = words(tree.one("section", id="candidates"))
    assert "of 3,080" in section
    assert "400 of the 3,080 test rows, drawn at random by hash" in section


def test_unknown_is_a_dash_with_a_legend_and_never_zero(tree: Element) -> None:
    row = next(
        r
        for r in tree.one("section", id="candidates").one("tbody").all("tr")
        if "existing" in r.text
    )
    cells = {c.attributes["data-label"]: words(c) for c in row.all("td")}
    for unknown in ("One request", "Rows a second", "Tokens a request"):
        assert cells[unknown] == "—"
    assert "— means not known" in words(tree.one("section", id="candidates"))
    assert "None" not in words(tree.one("main"))
    assert "nan" not in words(tree.one("main")).split()


def test_comparisons_with_the_winner_come_first_and_with_the_floor_last(tree: Element) -> None:
    rows = tree.one("section", id="comparisons").one("tbody").all("tr")
    names = [row.one("th").text for row in rows]
    assert len(names) == 6
    assert [("majority" in n, "encoder" in n) for n in names] == sorted(
        (("majority" in n, "encoder" in n) for n in names), key=lambda pair: (pair[0], not pair[1])
    )


def test_tiny_p_values_are_never_written_as_zero(tree: Element) -> None:
    section = words(tree.one("section", id="comparisons"))
    assert "< 0.001" in section
    assert "0.000" not in section


def test_page_asks_nothing_of_any_network_and_runs_nothing_but_its_one_script(
    html: str, tree: Element
) -> None:
    assert {e.tag for e in tree.all()} <= ALLOWED
    source = tree.one("script").text
    assert source == str(script())
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html
    assert not re.search(r"fetch|XMLHttp|eval|import|innerHTML|insertAdjacent", source)
    assert "http:" not in html
    assert "https:" not in html
    assert not re.search(r"url\(|@import|javascript:", html)
    for element in tree.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "formaction", "xlink:href")
            if name == "href":
                assert (value or "").startswith("#") or value == "data:,"
    policy = tree.one("meta", http_equiv="Content-Security-Policy").attributes["content"] or ""
    assert "default-src 'none'" in policy


def test_page_is_accessible_in_structure(tree: Element) -> None:
    assert tree.one("html").attributes["lang"] == "en"
    assert len(tree.all("h1")) == 1
    for header in tree.all("th"):
        assert header.attributes.get("scope") in ("row", "col")
    for drawing in tree.all("svg"):
        ids = (drawing.attributes["aria-labelledby"] or "").split()
        assert drawing.attributes["role"] == "img"
        assert [e.attributes.get("id") for e in drawing.inside[:2]] == ids
        assert all(words(e) for e in drawing.inside[:2])
    for pane in tree.all(class_="scroll"):
        assert pane.attributes["tabindex"] == "0"
        assert pane.attributes["aria-label"]
    ids = [e.attributes["id"] for e in tree.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_colours_are_readable_in_both_schemes(html: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for marks."""
    schemes = re.findall(r":root \{(.*?)\}", html, re.DOTALL)[:2]
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", scheme))
        for name in ("ink", "soft", "accent", "good", "bad"):
            for under in ("paper", "panel"):
                assert contrast(colours[name], colours[under]) >= 4.5, (name, under)
        assert contrast(colours["axis"], colours["paper"]) >= 3


def contrast(one: str, other: str) -> float:
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_same_run_gives_the_same_bytes(run: tuple[RunFolder, Dataset], html: str) -> None:
    assert page(gathered(*run)) == html


def test_drawings_show_the_candidates_and_name_those_left_out(
    tree: Element, evidence: Evidence
) -> None:
    section = tree.one("section", id="plots")
    dots, _ = section.all("svg")
    shown = words(dots)
    for one in evidence.judged:
        assert (one.name in shown) == (one.card.family != "floor")
    assert "not drawn: majority" in words(section)
    assert "existing" in words(section).split("Without a measured time")[1]


def test_samples_show_all_finalists_and_say_how_they_were_chosen(tree: Element) -> None:
    section = tree.one("section", id="samples")
    assert "drawn by lot (seed 7)" in words(section)
    assert "rows that every finalist answered come first" in words(section)
    for answers in section.all("dl"):
        names = [words(dt) for dt in answers.all("dt")]
        assert names == [
            "True label",
            "encoder-minilm-l6",
            "existing",
            "prompt-smollm2-135m-instruct",
        ]


def test_looks_at_the_test_rows_are_told(small: Evidence) -> None:
    once = words(read_html(page(small)).one("section", id="selection"))
    assert "20 validation rows, judged on 60 test rows. Looks at these test rows so far: 1." in once
    again = replace(small, verdict=replace(small.verdict, looks=3))
    often = words(read_html(page(again)).one("section", id="selection"))
    assert "so far: 3." in often
    assert "too good" in often


def test_few_labels_get_the_whole_confusion(small: Evidence) -> None:
    matrix = read_html(page(small)).one("table", class_="matrix")
    counts = [[int(c.text) for c in row.all("td")] for row in matrix.one("tbody").all("tr")]
    assert sum(map(sum, counts)) == 60
    assert sum(counts[n][n] for n in range(3)) == round(
        60 * small.finalists[0].figure("accuracy").value
    )


def test_answer_outside_the_labels_is_counted_beside_them(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, small_plan())
    winner = evidence.finalists[0]
    row_id, answer = next(iter(winner.answers.items()))
    answers = winner.answers | {row_id: replace(answer, answer="no such label", scores=None)}
    judged = tuple(replace(o, answers=answers) if o is winner else o for o in evidence.judged)
    matrix = read_html(page(replace(evidence, judged=judged))).one("table", class_="matrix")
    assert words(matrix.all("th")[4]) == "no legal label"
    last = [row.all("td")[-1].text for row in matrix.one("tbody").all("tr")]
    assert sorted(last) == ["0", "0", "1"]


def test_run_without_a_winner_still_makes_a_page(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, hopeless_plan())
    tree = read_html(page(evidence))
    assert words(tree.one("h1")) == "Not enough evidence"
    assert "none of them" in words(tree.one("header"))
    assert not tree.all(class_="is-winner")


def test_run_with_one_candidate_and_no_mistake_makes_a_page(tmp_path: Path) -> None:
    plan = replace(
        small_plan(),
        right={"encoder-minilm-l6": 1.0},
        task="task: t\ndata: {train: t.csv}\ncandidates: [encoder]\n",
    )
    tree = read_html(page(evidence_of(tmp_path, plan)))
    assert "It gets every test row right." in words(tree.one("section", id="samples"))
    assert "No row was answered wrongly." in words(tree.one("section", id="confused"))
    assert not tree.all("section", id="comparisons")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:12]))
def test_hostile_text_is_shown_and_never_markup(tmp_path: Path, text: str) -> None:
    plan = Plan(
        labels=("a", "b", "c"),
        sizes={"train": 6, "validation": 6, "test": 12},
        right=dict.fromkeys(Plan().right, 0.0),
        part=12,
        hostile=(text,) * 12,
    )
    evidence = evidence_of(tmp_path, plan)
    html = page(evidence)
    html.encode("utf-8")  # a lone surrogate would not be writable
    tree = read_html(html)
    assert {e.tag for e in tree.all()} <= ALLOWED
    for quote in tree.one("section", id="samples").all("blockquote"):
        assert quote.inside[0].attributes == {"dir": "auto"}
        assert [e.tag for e in quote.all()] == ["bdi"]
        assert quote.text[:30] == shown(text)[:30]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    if len(text) > 5000:
        samples = words(tree.one("section", id="samples"))
        assert "(10,240 characters in all)" in samples
        assert text[:700] not in samples


def test_hostile_labels_and_names_are_never_markup(tmp_path: Path) -> None:
    plan = Plan(
        labels=(*HOSTILE_LABELS, "plain"),
        sizes={"train": 60, "validation": 30, "test": 60},
        part=20,
        source="<b>|`.csv",
        reasons=(HOSTILE[0],),
    )
    html = page(evidence_of(tmp_path, plan))
    tree = read_html(html)
    assert {e.tag for e in tree.all()} <= ALLOWED
    assert "\u202e" not in html
    assert "[U+202E]gnp.exe" in words(tree.one("section", id="labels"))
    assert "x" * 81 not in html
    reasons = tree.one("ul", class_="reasons").text
    assert HOSTILE[0] in reasons
    assert len(tree.all("style")) == 1
    assert tree.one("script").text == str(script())
    assert all(set(e.attributes) <= {"class", "dir", "data-label", "role", "style", "scope"}
               for e in tree.one("section", id="confused").all("td"))  # fmt: skip


def test_settings_are_shown_whole_as_json(tree: Element) -> None:
    blocks = tree.one("section", id="settings").all("pre")
    assert len(blocks) == 5
    assert all('"seed": 7' in block.text for block in blocks)


def test_what_is_used_for_want_of_evidence_is_not_called_a_winner(small: Evidence) -> None:
    verdict = replace(small.verdict, decision="not enough evidence")
    open_case = read_html(page(replace(small, verdict=verdict)))
    assert words(open_case.one(class_="is-winner")) == "use for now"
    assert words(open_case.one("header")).count("Use for now") == 1
    assert words(read_html(page(small)).one(class_="is-winner")) == "winner"


def test_mistakes_are_all_of_the_leaders_wrong_answers(tree: Element, evidence: Evidence) -> None:
    leader = evidence.finalists[0]
    wrong = [r for r in evidence.rows("test") if leader.answers[r.id].answer != r.target]
    rows = tree.one("section", id="mistakes").one("tbody").all("tr")
    assert len(rows) == len(wrong)
    labels = evidence.dataset.labels
    told = {labels[int(row.attributes["data-target"] or "")] for row in rows}
    assert told == {row.target for row in wrong}


def test_slices_name_every_kind_there_is_and_no_weak_one_by_chance(tree: Element) -> None:
    section = words(tree.one("section", id="slices"))
    assert "label: " in section
    assert "characters" in section
    assert "No slice is shown to be worse" in section


def test_probabilities_are_drawn_with_a_text_alternative(tree: Element) -> None:
    section = tree.one("section", id="calibration")
    for drawing in section.all("svg"):
        assert drawing.attributes["role"] == "img"
        assert "Claimed" in drawing.one("desc").text
    assert "Answers given" in words(section)


def test_money_stands_only_where_there_is_a_price(tmp_path: Path, tree: Element) -> None:
    assert not tree.all("section", id="money")
    plan = small_plan()
    priced = "decide: {max_latency_ms: 500, price_per_hour: 1.2, requests_per_month: 90000}"
    task = plan.task.replace("decide: {max_latency_ms: 500}", priced)
    found = read_html(page(evidence_of(tmp_path, replace(plan, task=task))))
    told = words(found.one("section", id="money"))
    assert "90,000 requests" in told
    assert "$" in told
