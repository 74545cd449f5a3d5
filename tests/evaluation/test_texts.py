"""Written answers: their scores, intervals and comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.evaluation.compare import compared
from tunewise.evaluation.mean import mean_interval
from tunewise.evaluation.score import scorecard
from tunewise.evaluation.texts import row_scores
from tunewise.overlap import MEASURES, exact_match, rouge_l, token_f1
from tunewise.records import Comparison, Example, Prediction

WORDS = st.lists(st.sampled_from(["you", "may", "not", "sue", "us", "ever"]), max_size=8)


@given(WORDS, WORDS)
@pytest.mark.parametrize("metric", MEASURES)
def test_a_score_is_a_share_and_whole_for_the_same_words(
    metric: str, one: list[str], other: list[str]
) -> None:
    value = MEASURES[metric](" ".join(one), " ".join(other))
    assert 0 <= value <= 1
    if one:
        assert MEASURES[metric](" ".join(one), " ".join(one)) == pytest.approx(1)


def test_rouge_l_counts_words_in_order_and_by_stem() -> None:
    # longest common subsequence 'you agre not to sue': 5 of 6 and 5 of 5 words
    assert rouge_l("You agree not to ever sue", "you agreed not to sue") == pytest.approx(10 / 11)
    assert rouge_l("sue to not agree you", "you agree not to sue") == pytest.approx(0.2)


def test_token_f1_and_exact_match_are_squads() -> None:
    assert token_f1("The cat sat.", "a cat, sat") == 1
    assert token_f1("cat sat down", "cat ran") == pytest.approx(0.4)
    assert (exact_match("The Cat!", "cat"), exact_match("cat", "cats")) == (1, 0)


def test_an_interval_holds_the_mean_and_narrows_with_rows() -> None:
    rng = np.random.default_rng(0)
    few, many = (mean_interval(rng.beta(2, 3, rows)) for rows in (30, 3000))
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    assert many.value == pytest.approx(0.4, abs=0.02)


def test_rows_that_all_score_alike_claim_no_certainty() -> None:
    none = mean_interval(np.zeros(20))
    assert (none.value, none.low) == (0, 0)
    assert 0.1 < none.high < 0.3


def rows(count: int) -> list[Example]:
    return [Example(f"r{n}", "text", f"you may not sue {n}", n, "f") for n in range(count)]


def answers(count: int, good: int) -> list[Prediction]:
    said = ["you may not sue" if n < good else "something else" for n in range(count)]
    return [Prediction(f"r{n}", text) for n, text in enumerate(said)]


def test_a_scorecard_of_written_answers_has_their_metrics_and_no_labels() -> None:
    card = scorecard(
        candidate="prompt", kind="prompt", family="prompt", split="test", examples=rows(40),
        predictions=answers(40, 20), labels=(), timing=None, part=None, fit_seconds=None,
    )  # fmt: skip
    assert set(card.metrics) == {"rouge_l", "token_f1", "exact_match", "chrf", "bleu"}
    assert card.metrics["rouge_l"].value == pytest.approx(row_mean(40, 20))
    assert (card.labels, card.confused, card.rows) == ((), (), 40)


def row_mean(count: int, good: int) -> float:
    targets, said = [r.target for r in rows(count)], [p.answer for p in answers(count, good)]
    return float(row_scores("rouge_l", targets, said).mean())


def test_the_better_writer_is_found_and_turning_the_pair_round_turns_the_sign() -> None:
    def one(challenger: int, incumbent: int) -> Comparison:
        return compared(
            challenger="a", incumbent="b",
            challenger_predictions=answers(60, challenger),
            incumbent_predictions=answers(60, incumbent),
            examples=rows(60), labels=(), metric="rouge_l", seed=0,
        )  # fmt: skip

    ahead, behind = one(50, 20), one(20, 50)
    assert ahead.difference.value == pytest.approx(row_mean(60, 50) - row_mean(60, 20))
    assert ahead.p_value < 0.001
    assert behind.difference.value == pytest.approx(-ahead.difference.value)
    assert (ahead.only_challenger, ahead.only_incumbent) == (30, 0)
    same = one(30, 30)
    assert same.difference.value == 0
    assert same.p_value == 1
    assert same.difference.low < 0 < same.difference.high


ODD = st.text(alphabet="aabbc .,-!&3é漢\n", max_size=40)  # few letters, so that much is shared


@settings(max_examples=400)
@given(st.one_of(ODD, WORDS.map(" ".join)), st.one_of(ODD, WORDS.map(" ".join)))
def test_chrf_and_bleu_are_sacrebleus(one: str, other: str) -> None:
    from sacrebleu.metrics import BLEU, CHRF

    chrf, bleu = (MEASURES[metric](one, other) for metric in ("chrf", "bleu"))
    assert chrf == pytest.approx(CHRF().sentence_score(other, [one]).score / 100, abs=1e-9)
    theirs = BLEU(effective_order=True).sentence_score(other, [one]).score / 100
    assert bleu == pytest.approx(theirs, abs=1e-9)


@given(WORDS, WORDS)
def test_rouge_l_is_the_packages(one: list[str], other: list[str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    theirs = scorer.score(" ".join(one), " ".join(other))["rougeL"].fmeasure
    assert rouge_l(" ".join(one), " ".join(other)) == pytest.approx(theirs, abs=1e-9)


def test_similarity_knows_meaning_where_no_word_is_shared() -> None:
    from tunewise.evaluation.texts import Asked
    from tunewise.models.resolve import resolve
    from tunewise.progress import Silent

    asked = Asked(encoder=str(resolve("minilm-l6", Silent()).path))
    targets = ["The firm may sell your details.", "The firm may sell your details."]
    said = ["A company is allowed to trade personal information.", "Cats like warm milk."]
    near, far = row_scores("similarity", targets, said, asked)
    assert near > 0.4 > 0.2 > far
    assert row_scores("similarity", targets, targets, asked) == pytest.approx([1, 1], abs=1e-5)
    assert {*asked.metrics} == {*MEASURES, "similarity"}


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["Running", "runs", "the", "cats,", "cat", "naïve", "--", "x1"])),
    st.lists(st.sampled_from(["running", "ran", "the", "cats", "cat.", "naïve", "Ω", "x1"])),
)
def test_rouge_l_by_the_fast_path_is_rouge_scores(one: list[str], other: list[str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    target, answer = " ".join(one), " ".join(other)
    plain = RougeScorer(["rougeL"], use_stemmer=True).score(target, answer)["rougeL"].fmeasure
    assert MEASURES["rouge_l"](target, answer) == pytest.approx(plain, abs=1e-12)
