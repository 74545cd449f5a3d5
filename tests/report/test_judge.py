"""Faults these catch: a judge that loves the first place believed; nonsense taken for a rating."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made_run import made_run

from tests.report.conftest import small_plan
from tunewise.engines.asks import Abilities, Ask, Reply
from tunewise.errors import DataError
from tunewise.files import write_json
from tunewise.progress import Progress, Silent
from tunewise.review.figures import reviewed, sentences
from tunewise.review.items import Sheet, sheet
from tunewise.review.judge import judged
from tunewise.review.ratings import add, all_ratings
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import StageRecord

PAIR = ("encoder-minilm-l6", "existing")
GOOD = PAIR[0]


class Planted:
    """An engine whose replies are given by a function of the question and its number."""

    abilities = Abilities(alternatives=False, schema=False)

    def __init__(self, says: Callable[[Ask, int], str]) -> None:
        self.says = says

    def generate(self, asks: Sequence[Ask], progress: Progress, title: str) -> list[Reply]:
        return [
            Reply(self.says(ask, n), prompt_tokens=10, completion_tokens=1, cost=0.001)
            for n, ask in enumerate(asks)
        ]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = made_run(tmp_path / "run", small_plan())[0]
    for name in PAIR:
        write_json(made.stages / f"{name}.answers.test.json", StageRecord("0" * 64, {}, {}, 1.0))
    return made


@pytest.fixture
def pair(folder: RunFolder) -> Sheet:
    return sheet(folder.path, PAIR, "judge.planted", 20)


def prefers_good(made: Sheet) -> Callable[[Ask, int], str]:
    answers = {item.id: item.answers[GOOD] for item in made.items}

    def says(ask: Ask, number: int) -> str:
        first = ask.messages[0].content.split("The FIRST answer:")[1].split(">>>")[0]
        return "FIRST." if answers[ask.place] in first.split() else "The second one"

    return says


def test_a_steady_judge_is_taken_at_its_word_and_its_cost_counted(
    folder: RunFolder, pair: Sheet
) -> None:
    found = judged(pair, Planted(prefers_good(pair)), None, Silent())
    assert found.steady is not None
    assert found.steady.value == 1
    assert (found.nonsense, found.tokens_in) == (0, 20 * len(pair.items))
    assert found.cost == pytest.approx(0.002 * len(pair.items))
    assert {rating.choice for rating in all_ratings(folder)} == {GOOD}


def test_a_judge_that_loves_the_first_place_gives_ties(folder: RunFolder, pair: Sheet) -> None:
    found = judged(pair, Planted(lambda ask, n: "FIRST"), None, Silent())
    assert found.steady is not None
    assert found.steady.value == 0
    assert {rating.choice for rating in all_ratings(folder)} == {"tie"}


def test_some_nonsense_is_counted_and_its_rows_left_out(folder: RunFolder, pair: Sheet) -> None:
    good = prefers_good(pair)
    found = judged(pair, Planted(lambda a, n: "hm" if n == 0 else good(a, n)), None, Silent())
    assert found.nonsense == 1
    assert len(all_ratings(folder)) == found.rows == len(pair.items) - 1


@pytest.mark.parametrize(
    "reply", ["", "I like both", "FIRST, SECOND, TIE or NEITHER", "42", "\u202efirstly"]
)
def test_a_judge_that_answers_nonsense_is_refused_and_nothing_kept(
    folder: RunFolder, pair: Sheet, reply: str
) -> None:
    with pytest.raises(DataError, match="are no rating"):
        judged(pair, Planted(lambda ask, n: reply), None, Silent())
    assert all_ratings(folder) == []


def test_the_rubric_and_both_orders_are_asked(pair: Sheet) -> None:
    asked: list[Ask] = []

    def says(ask: Ask, number: int) -> str:
        asked.append(ask)
        return "tie"

    judged(pair, Planted(says), "It must be polite.", Silent())
    assert all("It must be polite." in ask.messages[0].content for ask in asked)
    half = len(pair.items)
    assert asked[0].place == asked[half].place
    assert asked[0].messages != asked[half].messages


def test_a_noisy_judge_is_told_from_people_and_never_among_them(folder: RunFolder) -> None:
    mine = sheet(folder.path, PAIR, "ann", 20)
    for item in mine.items:
        add(mine, item.id, "left" if next(iter(item.answers)) == GOOD else "right")
    made = sheet(folder.path, PAIR, "judge.noisy", 20)
    good = prefers_good(made)
    noisy = {item.id for n, item in enumerate(made.items) if n % 2}
    judged(made, Planted(lambda a, n: "TIE" if a.place in noisy else good(a, n)), None, Silent())
    found = reviewed(all_ratings(folder))[0]
    assert found.alpha is None
    agreed = found.judges["judge.noisy"]
    assert agreed is not None
    assert 0.4 <= agreed.value <= 0.6
    told = " ".join(sentences(found))
    assert "judge.noisy says what people say on 5" in told
    assert "One reviewer alone" in told


def test_one_answer_is_accepted_only_where_both_orders_say_so(folder: RunFolder) -> None:
    alone = sheet(folder.path, (GOOD,), "judge.one", 10)
    judged(alone, Planted(lambda a, n: "ACCEPT" if n != 0 else "Reject"), None, Silent())
    said = [rating.choice for rating in all_ratings(folder)]
    assert sorted(said) == ["accept"] * 9 + ["reject"]
