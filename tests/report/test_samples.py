from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_run import TASK

from tests.report.conftest import evidence_of, small_plan
from tunewise.report import samples
from tunewise.report.gather import Evidence


def test_rows_drawn_as_errors_are_all_wrong_and_all_different(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    drawn = samples.errors_of(evidence, leader)
    wrong = [r for r in evidence.rows("test") if leader.answers[r.id].answer != r.target]
    assert drawn.there_are == len(wrong)
    assert len(drawn.ids) == len(drawn.samples) == samples.ERRORS_SHOWN
    assert drawn.ids <= {row.id for row in wrong}


def test_another_seed_draws_other_rows_and_the_same_seed_the_same(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    again = samples.errors_of(evidence, leader)
    other_task = evidence.task.model_copy(update={"seed": 8})
    other = samples.errors_of(replace(evidence, task=other_task), leader)
    assert samples.errors_of(evidence, leader) == again
    assert other.ids != again.ids


def test_differences_are_balanced_and_of_the_kind_they_say(evidence: Evidence) -> None:
    leader, other = samples.leader(evidence), samples.runner_up(evidence)
    assert leader is not None
    assert other is not None
    ours, theirs, neither = samples.differences(evidence, leader, other)
    assert len(ours.samples) == len(theirs.samples) == len(neither.samples) == 3
    for drawn, expected in ((ours, (True, False)), (theirs, (False, True))):
        for sample in drawn.samples:
            right = {answer.candidate: answer.right for answer in sample.answers}
            assert (right[leader.name], right[other.name]) == expected
    for sample in neither.samples:
        said = {answer.candidate: answer.answer for answer in sample.answers}
        assert said[leader.name] != said[other.name]
        assert sample.example.target not in (said[leader.name], said[other.name])


def test_rows_that_all_finalists_answered_come_first(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    for sample in samples.errors_of(evidence, leader).samples:
        assert all(answer.answer is not None for answer in sample.answers)


def test_a_finalist_that_was_not_asked_has_no_answer(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, replace(small_plan(), part=2))
    leader = samples.leader(evidence)
    assert leader is not None
    drawn = samples.errors_of(evidence, leader)
    unasked = [a for s in drawn.samples for a in s.answers if a.answer is None]
    assert unasked
    assert {answer.candidate for answer in unasked} == {"prompt-smollm2-135m-instruct"}


def test_probability_is_that_of_the_answer_given(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    for sample in samples.errors_of(evidence, leader).samples:
        answer = sample.answers[0]
        scores = leader.answers[sample.example.id].scores
        assert scores is not None
        assert answer.probability == max(scores)


def test_worst_pairs_are_the_most_frequent_first(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    pairs = samples.worst_pairs(leader)
    assert len(pairs) == samples.PAIRS_SHOWN
    assert [p.count for p in pairs] == sorted((p.count for p in pairs), reverse=True)
    assert all(p.target != p.answer and p.count <= (p.support or 0) for p in pairs)


def test_many_labels_have_no_matrix(evidence: Evidence) -> None:
    leader = samples.leader(evidence)
    assert leader is not None
    assert samples.confusion(evidence, leader) is None


def test_the_floor_is_never_compared_row_by_row(tmp_path: Path) -> None:
    plan = replace(small_plan(), task=TASK)
    evidence = evidence_of(tmp_path, plan)
    finalists = evidence.verdict.finalists | {"floor": "majority"}
    evidence = replace(evidence, verdict=replace(evidence.verdict, finalists=finalists))
    assert "majority" not in [one.name for one in evidence.finalists]
