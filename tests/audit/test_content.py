"""Faults these catch: damaged, foreign, junk or cut-off texts not found, clean ones accused."""

from __future__ import annotations

import csv
import json
import random
from importlib import import_module
from pathlib import Path

import pytest

from tests.audit.content import SENTENCES, at, clean, labelled, written
from tunewise.audit.balance import balance
from tunewise.audit.boilerplate import boilerplate
from tunewise.audit.cut_off import cut_off
from tunewise.audit.encoding import encoding, mended
from tunewise.audit.languages import languages
from tunewise.audit.lengths import lengths
from tunewise.audit.outliers import outliers
from tunewise.audit.personal import personal
from tunewise.audit.spellings import spellings
from tunewise.audit.targets import copied, targets
from tunewise.audit.unseen import unseen
from tunewise.records import Fix

EXAMPLES = Path(__file__).parents[2] / "examples"
TICKETS = EXAMPLES / "support-tickets" / "data" / "train.csv"
CONTRACTS = EXAMPLES / "plain-english-contracts" / "data" / "all_v1.json"
CHECKS = (personal, targets, cut_off, encoding, languages, lengths, boilerplate, balance, unseen)
NEW = len(SENTENCES) + 1  # row number of the first that a test adds


def rows_of(findings: list) -> tuple[str, ...]:
    return tuple(place for finding in findings for place in finding.rows)


@pytest.mark.parametrize("check", CHECKS)
def test_clean_rows_have_no_findings(check) -> None:
    assert check(written(clean())) == []


def test_personal_data_is_masked_and_its_fix_holds_placeholders() -> None:
    rows = [*clean(), ("Mail j.doe@example.org or +49 30 901820.", "Ask j.doe@example.org again.")]
    found = personal(written(rows))
    assert {finding.check for finding in found} == {"personal"}
    assert [finding.rows for finding in found] == [(at(NEW),), (at(NEW),)]
    for finding in found:
        everything = finding.reason + finding.mend + "".join(str(fix) for fix in finding.fixes)
        assert "doe" not in everything
        assert "901820" not in everything
    emails, phones = found
    assert "'j***@e***.org'" in emails.reason
    assert [fix.action for fix in emails.fixes] == ["rewrite", "relabel"]
    assert emails.fixes[0].value == phones.fixes[0].value == "Mail [EMAIL] or [PHONE]."


@pytest.mark.parametrize(
    ("junk", "why"),
    [
        ("hi.", "answer nothing"),
        ("N/A", "answer nothing"),
        ("see above", "answer nothing"),
        ("?", "nothing but signs"),
        ("aaaaaa", "over and over"),
        ("Lorem ipsum dolor sit amet, consectetur.", "filler"),
        ("www.example.org/page", "address"),
        ("Bananas.", "a single word"),
    ],
)
def test_junk_targets_are_found_and_deletion_is_proposed(junk: str, why: str) -> None:
    [finding] = targets(written([*clean(), ("What came of it?", junk)]))
    assert why in finding.reason
    assert finding.rows == (at(NEW),)
    assert finding.fixes == (Fix(at(NEW), "delete", None, finding.fixes[0].reason),)


def test_what_many_rows_say_is_no_junk() -> None:
    rows = [*clean(), *((f"Anything else to add, {n}?", "None.") for n in range(20))]
    [finding] = targets(written(rows))
    assert "'None.' (20 rows)" in finding.reason
    assert finding.severity == "note"


def test_targets_that_repeat_their_input_are_found() -> None:
    text = "We can end this agreement at any time and for any reason that we see fit."
    found = targets(written([*clean(), (text, text.lower())]))
    assert rows_of(found) == (at(NEW),)
    assert found[0].severity == "warning"
    assert found[0].fixes[0].action == "delete"
    assert copied(f"Dear all, {text} Kind regards from all of us here in the office", text)[0] == 1
    assert copied(text, "They may end it whenever they like, for whatever reason.")[0] < 0.5


def test_few_different_targets_are_told_to_be_labels() -> None:
    [finding] = targets(
        written([(text, "Yes." if n % 2 else "No.") for n, (text, _) in enumerate(clean())])
    )
    assert "kind: classification" in finding.mend


def test_a_label_that_says_none_was_given_is_found() -> None:
    rows = [(text, "late" if n % 2 else "fine") for n, (text, _) in enumerate(clean())]
    assert targets(labelled(rows)) == []
    [finding] = targets(labelled([*rows, ("What is this?", "TODO"), ("And this?", "?")]))
    assert finding.rows == (at(NEW), at(NEW + 1))


@pytest.mark.parametrize(
    "tail",
    [
        "Please keep it and pay for what you",
        "Please keep the",
        "Please keep it, then",
        "Please keep it and ask for a ref",
        "Please keep it, because...",
        "Please keep it (or",
    ],
)
def test_targets_that_are_cut_off_are_found(tail: str) -> None:
    [finding] = cut_off(written([*clean(), ("What came of it?", tail)]))
    assert finding.rows == (at(NEW),)


def test_targets_without_final_signs_are_no_cut_off_ones_where_all_lack_them() -> None:
    assert cut_off(written([(text, target.rstrip(".")) for text, target in clean()])) == []


@pytest.mark.parametrize(
    ("broken", "right", "word"),
    [
        ("Itâ€™s late, the cafÃ© was closed", "It’s late, the café was closed", "mojibake"),
        ("a bell\x07 rang\x1b[31m", "a bell rang[31m", "control"),
        ("an in\u200bvisible \ufeffspace", "an invisible space", "invisible"),
        ("evil \u202etxt.exe", "evil txt.exe", "reorder"),
        ("Tom &amp; Anna&#39;s", "Tom & Anna's", "HTML characters"),
    ],
)
def test_damaged_text_is_found_and_mended(broken: str, right: str, word: str) -> None:
    [finding] = encoding(written([*clean(), (broken, "Please keep it.")]))
    assert word in finding.reason
    assert finding.reason.isprintable()
    assert finding.rows == (at(NEW),)
    [fix] = finding.fixes
    assert (fix.row, fix.action, fix.value) == (at(NEW), "rewrite", right)


@pytest.mark.parametrize("lost", ["caf\ufffd closed", "my \ue000 symbol", "it is <b>bold</b>"])
def test_what_only_a_person_can_mend_has_no_fix(lost: str) -> None:
    [finding] = encoding(written([*clean(), (lost, "Please keep it.")]))
    assert finding.rows == (at(NEW),)
    assert finding.fixes == ()


@pytest.mark.parametrize(
    "text",
    ["naïve – “quote” £20 café 👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "Grüße\naus\tKöln", "5 < 6 & 7 > 3", "你好"],
)
def test_right_text_is_left_alone(text: str) -> None:
    assert encoding(written([*clean(), (text, "Please keep it.")])) == []
    assert mended(text) == text


def test_a_corpus_of_markup_is_not_accused_of_it() -> None:
    assert (
        encoding(labelled([(f"<p>{text}</p>", f"{n % 2}") for n, (text, _) in enumerate(clean())]))
        == []
    )


def test_a_rewriting_of_damaged_text_holds_no_personal_data() -> None:
    rows = [*clean(), ("Itâ€™s j.doe@example.org", "Please keep it.")]
    assert [finding.fixes for finding in encoding(written(rows))] == [()]
    [finding] = personal(written(rows))
    assert finding.fixes[0].value == "It’s [EMAIL]"


GERMAN = "Ich habe meine Karte verloren und möchte gern eine neue bestellen, bitte."
FRENCH = "Je ne comprends pas pourquoi des frais ont été appliqués à mon compte."


def test_a_text_in_another_language_is_found_and_short_ones_are_undecided() -> None:
    [finding] = languages(
        labelled([*((a, "x") for a, _ in clean()), (GERMAN, "y"), ("Karte weg", "y")])
    )
    assert finding.rows == (at(NEW),)
    assert "German 1" in finding.reason
    assert "English" in finding.reason


def test_an_answer_in_another_language_than_its_question_is_found() -> None:
    question = "Why was a fee charged on my account yesterday evening, please?"
    sentences = [(text, f"We are sorry to hear it. {text}") for text in SENTENCES]
    found = languages(written([*sentences, (question, FRENCH)]))
    assert {finding.rows for finding in found} == {(at(NEW),)}
    assert any("answered in French and asked in English" in finding.reason for finding in found)


def test_translations_are_accused_only_where_they_break_the_rule() -> None:
    pairs = [(text, GERMAN) for text in SENTENCES]
    assert languages(written(pairs)) == []
    found = languages(written([*pairs, ("Where is the card that I asked for last week?", FRENCH)]))
    assert (at(NEW),) in {finding.rows for finding in found}


def test_many_rows_are_looked_at_by_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tunewise.audit.languages"), "ALL", 100)
    monkeypatch.setattr(import_module("tunewise.audit.languages"), "SAMPLE", 20)
    [finding] = languages(labelled([*((a, "x") for a, _ in clean()), (GERMAN, "y")]))
    assert finding.rows == (at(NEW),)
    assert "were looked at" in finding.reason


def test_beginnings_ends_and_lines_of_most_texts_are_found() -> None:
    rows = [
        (f"Answer as a polite clerk would.\n\n{text}\nConfidential: for the reader only", target)
        for text, target in clean()
    ]
    start, end = boilerplate(written(rows))
    assert "begin with 'Answer as a polite clerk would." in start.reason
    assert "All 108 inputs" in start.reason
    assert "in each" in start.reason
    assert "Confidential: for the reader only" in end.reason
    assert len(start.rows) == len(end.rows) == len(rows)


def test_a_signature_of_some_texts_is_found() -> None:
    rows = [
        (f"{text}\nSent from my telephone, sorry\n{n}" if n % 4 == 0 else text, target)
        for n, (text, target) in enumerate(clean())
    ]
    [finding] = boilerplate(written(rows))
    assert "27 of the 108 inputs (25%) hold the line 'Sent from my telephone" in finding.reason


def test_odd_lengths_of_targets_are_found_by_themselves_and_for_their_input() -> None:
    long = [
        (f"{text} {'word ' * (n % 60)}", f"{'answer ' * (4 + n % 60)}.")
        for n, (text, _) in enumerate(clean())
    ]
    found = lengths(written([*long, ("Why?", "word " * 5_000)]))
    assert (at(NEW),) in {finding.rows for finding in found}
    found = lengths(written([*long, ("word " * 60, "a")]))
    assert (at(NEW),) in {finding.rows for finding in found}


def test_relabelling_is_proposed_only_where_a_spelling_is_surely_a_slip() -> None:
    rows = [(f"{n}", "Late parcels") for n in range(20)] + [
        ("a", "late-parcels"),
        ("b", "late parcels"),
    ]
    [finding] = spellings(labelled(rows))
    assert {fix.value for fix in finding.fixes} == {"Late parcels"}
    assert [fix.row for fix in finding.fixes] == [at(21), at(22)]
    [finding] = spellings(labelled([*((f"{n}", "C") for n in range(20)), ("a", "C++")]))
    assert finding.fixes == ()


def test_strangers_among_real_tickets_are_outliers() -> None:
    with TICKETS.open(encoding="utf-8", newline="") as file:
        tickets = [(row["text"], row["category"]) for row in csv.DictReader(file)][::5]
    odd = [
        "SELECT name FROM planets WHERE mass > 5;",
        "Photosynthesis turns light into chemical energy in the leaves of plants.",
        "The recipe needs two eggs, flour and a pinch of salt.",
    ]
    found = outliers(labelled([*tickets, *((text, "odd") for text in odd)]))
    assert len(found) == 1
    assert {at(len(tickets) + 1 + n) for n in range(3)} <= set(found[0].rows)
    assert len(found[0].rows) <= 3 + len(tickets) / 50


def test_outliers_of_many_rows_come_from_a_stated_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tunewise.audit.outliers"), "ALL_CHARACTERS", 1_000)
    monkeypatch.setattr(import_module("tunewise.audit.outliers"), "CHARACTERS", 6_000)
    rows = [(text, "x") for text in SENTENCES * 4]
    random.Random(0).shuffle(rows)
    odd = "Zymurgy quokka fjords vex bumptious wizards."
    [finding] = outliers(labelled([*rows, (odd, "y")]))
    assert at(len(rows) + 1) in finding.rows
    assert "drawn by lot" in finding.reason


def test_the_junk_of_a_real_data_set_is_found(legal_summaries: list[tuple[str, str]]) -> None:
    """Read by eye: row 1 is 'hi.', row 19 an address; short ones as 53, 'no malware.', are good."""
    found = targets(written(legal_summaries))
    junk = [finding for finding in found if finding.fixes and "copy" not in finding.reason]
    accused = {fix.row for finding in junk for fix in finding.fixes}
    assert {at(1), at(19)} <= accused
    good = {at(n) for n in (46, 47, 48, 53, 54, 59, 60, 61, 97, 145, 359, 394, 420)}
    everywhere = {*rows_of(junk), *rows_of(cut_off(written(legal_summaries)))}
    assert not good & everywhere


@pytest.fixture
def legal_summaries() -> list[tuple[str, str]]:
    rows = json.loads(CONTRACTS.read_text("utf-8")).values()
    return [(row["original_text"], row["reference_summary"]) for row in rows]
