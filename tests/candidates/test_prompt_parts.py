"""The small parts of a prompt: label texts, normalisation, shots, the memory, the choice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.candidates.prompt.choose import chosen, rows_to_try
from tunewise.candidates.prompt.normalise import NORMALISATIONS, Normaliser, offsets_of
from tunewise.candidates.prompt.race import HEAT
from tunewise.candidates.prompt.scored import FILE, Scored
from tunewise.candidates.prompt.shots import SHOTS, PoolRow, ShotPool, load_pool
from tunewise.candidates.prompt.showing import Way
from tunewise.errors import RunFolderError
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts


def example(number, target="a"):
    return Example(f"id{number}", f"text {number}", target, number, "tickets.csv")


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (("card_arrival", "top-up"), ("card arrival", "top up")),
        (("card_arrival", "card arrival"), ("card_arrival", "card arrival")),
        (("a-b", "a_b", "c_d"), ("a-b", "a_b", "c_d")),
        (("_", "a_b"), ("_", "a_b")),
        (("a_", "b_c"), ("a_", "b_c")),
    ],
)
def test_labels_are_spaced_only_where_each_stays_its_own(labels, texts):
    assert label_texts(labels) == texts


@given(st.sets(st.text("ab_- ", min_size=1, max_size=4), min_size=2, max_size=8))
def test_no_two_labels_get_one_text(labels):
    assert len(set(label_texts(sorted(labels)))) == len(labels)


LOGPS = np.array([[-1.0, -4.0, -9.0], [-3.0, -2.0, -9.0]])
LENGTHS = np.array([2, 4, 3])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("sum", LOGPS),
        ("mean", [[-0.5, -1.0, -3.0], [-1.5, -0.5, -3.0]]),
        ("calibrated", [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]),
    ],
)
def test_scores_follow_their_definition_and_probabilities_are_their_softmax(how, expected):
    normaliser = Normaliser(how, LENGTHS, offsets_of(LOGPS))
    assert normaliser.scores(LOGPS) == pytest.approx(np.array(expected))
    shares = normaliser.probabilities(LOGPS)
    assert shares.sum(axis=1) == pytest.approx([1, 1])
    powers = np.exp(np.array(expected))
    assert shares == pytest.approx(powers / powers.sum(axis=1, keepdims=True))


def test_probabilities_of_very_improbable_labels_are_finite():
    shares = Normaliser("sum", LENGTHS, LENGTHS).probabilities(np.array([[-1e5, -2e5, -1e5]]))
    assert shares.tolist() == [[0.5, 0.0, 0.5]]


POOL = ShotPool(
    tuple(PoolRow(f"id{i}", f"text {i}", "a") for i in range(5)),
    np.array([[1, 0], [0.8, 0.6], [0, 1], [0.8, 0.6], [-1, 0]], dtype=np.float32),
)


def test_a_pool_is_read_back_as_it_was_written(tmp_path):
    POOL.save(tmp_path)
    back = load_pool(tmp_path)
    assert back.rows == POOL.rows
    assert (back.embeddings == POOL.embeddings).all()


def test_a_damaged_pool_is_told_by_its_file(tmp_path):
    POOL.save(tmp_path)
    (tmp_path / f"{SHOTS}.safetensors").write_bytes(b"no")
    with pytest.raises(RunFolderError, match=r"shots\.safetensors"):
        load_pool(tmp_path)
    ShotPool(POOL.rows[:4], POOL.embeddings).save(tmp_path)
    with pytest.raises(RunFolderError, match="5 embeddings for 4 shots"):
        load_pool(tmp_path)


def test_scores_are_remembered_by_prompt_across_processes(tmp_path):
    scored = Scored(tmp_path, "model a")
    scored.keep([[1, 2], [3]], np.array([[-1.0, -2.0], [-3.0, -4.0]]))
    scored.keep([[4]], np.array([[-5.0, -6.0]]))
    again = Scored(tmp_path, "model a")
    assert again.of([3]).tolist() == [-3, -4]
    assert again.of([4]).tolist() == [-5, -6]
    assert again.of([1]) is None
    assert again.of([1, 2, 3]) is None


def test_scores_of_another_model_are_not_taken(tmp_path):
    Scored(tmp_path, "model a").keep([[1]], np.array([[-1.0, -2.0]]))
    assert Scored(tmp_path, "model b").of([1]) is None


def test_damaged_scores_are_told_by_their_file(tmp_path):
    (tmp_path / FILE).write_bytes(b"no")
    with pytest.raises(RunFolderError, match=FILE):
        Scored(tmp_path, "model a")


def test_rows_to_try_depend_on_ids_and_seed_alone():
    rows = [example(i) for i in range(100)]
    some = rows_to_try(rows, 20, seed=0)
    assert some == rows_to_try(rows[::-1], 20, seed=0)
    assert some[:5] == rows_to_try(rows, 5, seed=0)
    assert {r.id for r in some} != {r.id for r in rows_to_try(rows, 20, seed=1)}
    assert len(rows_to_try(rows[:3], 20, seed=0)) == 3


ROWS = 2 * HEAT
TARGETS = np.arange(ROWS) % 2
TWO = np.array([2, 2])


def logps_with(right_share, seed=0):
    """Rows of two labels of which this share is answered rightly, spread evenly."""
    numbers = np.random.default_rng(seed)
    right = numbers.permuted(np.arange(ROWS) < round(right_share * ROWS))
    answers = np.where(right, TARGETS, 1 - TARGETS)
    return np.where(np.eye(2, dtype=bool)[answers], -1.0, -3.0)


def race(shares):
    asked = []
    logps = {count: logps_with(share, count) for count, share in shares.items()}

    def logps_of(way, rows):
        asked.append((way.shots, rows))
        return logps[way.shots][:rows]

    return chosen([Way(count) for count in sorted(shares)], logps_of, TARGETS, TWO), asked


def test_the_most_accurate_number_of_shots_is_chosen():
    outcome, _ = race({0: 0.7, 4: 0.9, 8: 0.8})
    assert (outcome.best.shots, outcome.best.accuracy, outcome.best.rows) == (4, 0.9, ROWS)
    assert {(t.shots, t.normalisation) for t in outcome.tried} == {
        (count, how) for count in (0, 4, 8) for how in NORMALISATIONS
    }


def test_what_is_clearly_behind_is_tried_no_further():
    outcome, asked = race({0: 0.1, 8: 0.9})
    assert (0, ROWS) not in asked
    assert {t.rows for t in outcome.tried if t.shots == 0} == {HEAT}
    assert {t.rows for t in outcome.tried if t.shots == 8} == {ROWS}


def test_ties_go_to_fewer_shots_and_the_simpler_normalisation():
    outcome, _ = race({0: 1.0, 8: 1.0})
    assert (outcome.best.shots, outcome.best.normalisation) == (0, "sum")


def test_calibration_is_chosen_when_one_label_is_always_likelier():
    numbers = np.random.default_rng(0)
    logps = numbers.normal(-3, 0.1, (ROWS, 2))
    logps[np.arange(ROWS), TARGETS] += 1
    logps[:, 1] += 5
    outcome = chosen([Way(0)], lambda _, rows: logps[:rows], TARGETS, TWO)
    assert outcome.best.normalisation == "calibrated"
    assert outcome.best.accuracy == 1
    assert outcome.offsets == pytest.approx(logps.mean(axis=0))
