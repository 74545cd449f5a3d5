"""Faults these catch: a wrong verdict in a planted world, or a right one for the wrong reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from worlds import Planted, World

from tunewise.decision.decide import decided
from tunewise.errors import DataError
from tunewise.files import plain
from tunewise.records import Verdict
from tunewise.task.settings import DecideSettings

MAJORITY = Planted("majority")


def told(verdict: Verdict) -> str:
    return " ".join((verdict.sentence, *verdict.reasons))


def with_floor(**candidates: Planted) -> Mapping[str, Planted]:
    return {"majority": MAJORITY, **candidates}


BETTER_TUNED = with_floor(
    existing=Planted("existing", 0.80),
    prompt=Planted("prompt", 0.70),
    probe=Planted("probe", 0.88),
    encoder=Planted("encoder", 0.92),
)

WORLDS: dict[str, tuple[World, str, str | None, tuple[str, ...]]] = {
    "tuned is better": (
        World(BETTER_TUNED),
        "tune",
        "encoder",
        (
            "Tune: encoder answers 92.0% of the 1,000 test rows correctly",
            "12.0 points more than what you have today",
            "encoder is 22.0 points ahead of prompt",
        ),
    ),
    "prompt is better": (
        World(
            with_floor(
                existing=Planted("existing", 0.70),
                prompt=Planted("prompt", 0.90),
                encoder=Planted("encoder", 0.80),
            )
        ),
        "prompt",
        "prompt",
        ("10.0 points more than the tuned model", "encoder is 10.0 points behind prompt"),
    ),
    "tuned is as good as a prompt": (
        World(
            with_floor(prompt=Planted("prompt", 0.90), encoder=Planted("encoder", 0.902)),
            test_rows=3080,
            shared=0.9,
        ),
        "prompt",
        "prompt",
        ("rules out a gain of 2 points",),
    ),
    "tuned is as good as a slow prompt": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.90, seconds=0.7),
                encoder=Planted("encoder", 0.902, seconds=0.01),
            ),
            test_rows=3080,
            shared=0.9,
        ),
        "tune",
        "encoder",
        (
            "the prompt is 0.2 points behind",
            "which rules out a gain of 2 points",
            "A typical request takes encoder 10 ms and prompt 700 ms: the slower one would have"
            " to earn its place by 2 points.",
        ),
    ),
    "a slow prompt is worth its time": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.90, seconds=0.7),
                encoder=Planted("encoder", 0.80, seconds=0.01),
            ),
        ),
        "prompt",
        "prompt",
        ("10.0 points more than the tuned model", "prompt is the slowest"),
    ),
    "existing is good enough": (
        World(
            with_floor(
                existing=Planted("existing", 0.92),
                prompt=Planted("prompt", 0.80),
                encoder=Planted("encoder", 0.921),
            ),
            test_rows=3080,
            shared=0.95,
        ),
        "keep",
        "existing",
        ("Keep what you have: existing answers 92.0%", "rules out a gain of 2 points"),
    ),
    "tuned is better by less than asked": (
        World(
            with_floor(existing=Planted("existing", 0.90), encoder=Planted("encoder", 0.912)),
            test_rows=3080,
            shared=0.97,
        ),
        "keep",
        "existing",
        ("1.2 points ahead", "less than the 2 points asked for"),
    ),
    "equal on too few rows to say so": (
        World(
            with_floor(prompt=Planted("prompt", 0.90), encoder=Planted("encoder", 0.90)),
            test_rows=400,
        ),
        "not enough evidence",
        "prompt",
        ("do equally well on the 400 test rows", "further test rows would probably settle it"),
    ),
    "too few rows": (
        World(
            with_floor(prompt=Planted("prompt", 0.70), encoder=Planted("encoder", 0.78)),
            test_rows=60,
        ),
        "not enough evidence",
        "prompt",
        (
            "8 points ahead of prompt",
            "may be chance",
            "only 60 test rows",
            "until then, use prompt",
        ),
    ),
    "tuned is better but too slow": (
        World(
            with_floor(
                existing=Planted("existing", 0.80), encoder=Planted("encoder", 0.92, seconds=0.9)
            ),
            settings=DecideSettings(max_latency_ms=300),
        ),
        "keep",
        "existing",
        (
            "encoder does better (92.0%) but is too slow for your limit",
            "encoder is set aside: 95 of 100 requests take it up to 900 ms, more than the 300 ms",
        ),
    ),
    "everything is too slow": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.80, seconds=2), encoder=Planted("encoder", 0.9, 0.4)
            ),
            settings=DecideSettings(max_latency_ms=300),
        ),
        "none meets your bar",
        None,
        ("no candidate keeps to 300 ms a request; the fastest, encoder, takes up to 400 ms",),
    ),
    "speed isn't known": (
        World(
            with_floor(existing=Planted("existing", 0.80, seconds=None)),
            settings=DecideSettings(max_latency_ms=300),
        ),
        "keep",
        "existing",
        ("Whether existing keeps to 300 ms a request isn't known",),
    ),
    "only the floor": (
        World({"majority": MAJORITY}),
        "not enough evidence",
        None,
        ("there is only the majority label",),
    ),
    "only a tuned model and the floor": (
        World(with_floor(encoder=Planted("encoder", 0.9)), test_rows=400),
        "tune",
        "encoder",
        (
            "points more than always answering the most frequent label",
            "neither a prompt nor what you have today took part",
        ),
    ),
    "nothing to compare with": (
        World({"encoder": Planted("encoder", 0.9)}, test_rows=400),
        "not enough evidence",
        "encoder",
        ("there is nothing to compare it with", "Without a 'majority' candidate"),
    ),
    "no floor": (
        World({"prompt": Planted("prompt", 0.7), "encoder": Planted("encoder", 0.9)}),
        "tune",
        "encoder",
        ("20.0 points more than the prompt", "Without a 'majority' candidate"),
    ),
    "nothing beats the floor": (
        World(
            with_floor(prompt=Planted("prompt", 0.40), encoder=Planted("encoder", 0.43)),
            test_rows=200,
        ),
        "not enough evidence",
        None,
        ("nothing is shown to beat always answering the most frequent label",),
    ),
    "everything is worse than the floor": (
        World(
            with_floor(prompt=Planted("prompt", 0.20), encoder=Planted("encoder", 0.25)),
        ),
        "not enough evidence",
        None,
        ("nothing that was tried is better than always answering",),
    ),
    "prompts judged on a part": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.63, part=400),
                other=Planted("prompt", 0.5, part=400),
                encoder=Planted("encoder", 0.924),
            ),
            test_rows=3080,
        ),
        "tune",
        "encoder",
        (
            "92.4% of the 3,080 test rows",
            "points more than the best prompt on the same 400 rows",
            "prompt was judged on 400 of the 3,080 test rows, drawn at random",
        ),
    ),
    "part too small, though rows are at hand": (
        World(
            with_floor(prompt=Planted("prompt", 0.90, part=400), encoder=Planted("encoder", 0.924)),
            test_rows=3080,
        ),
        "not enough evidence",
        "prompt",
        ("There are 3,080 test rows, enough to settle it: judge prompt on",),
    ),
    "all predictions the same": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.9, answer=lambda *_: "login"),
                encoder=Planted("encoder", 0.9),
            )
        ),
        "tune",
        "encoder",
        ("prompt answers every row with 'login'",),
    ),
    "two labels": (
        World(
            with_floor(prompt=Planted("prompt", 0.75), encoder=Planted("encoder", 0.9)),
            labels=("yes", "no"),
        ),
        "tune",
        "encoder",
        ("15.0 points more than the prompt",),
    ),
    "one test row": (
        World(
            with_floor(prompt=Planted("prompt", 0.9), encoder=Planted("encoder", 1.0)),
            test_rows=1,
        ),
        "not enough evidence",
        None,
        ("the one test row", "There is only 1 test row"),
    ),
    "everything right": (
        World(
            with_floor(prompt=Planted("prompt", 0.9), encoder=Planted("encoder", 1.0)),
            test_rows=400,
        ),
        "tune",
        "encoder",
        (
            "encoder answers all 400 test rows correctly (99.1 to 100%)",
            "make sure that the label doesn't stand in the text",
        ),
    ),
    "everything wrong": (
        World(
            with_floor(prompt=Planted("prompt", 0.0), existing=Planted("existing", 0.9)),
            labels=("yes", "no"),
        ),
        "keep",
        "existing",
        ("90.0 points more than the prompt",),
    ),
    "probe does as well as the encoder": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.70),
                probe=Planted("probe", 0.915),
                encoder=Planted("encoder", 0.92),
            ),
            test_rows=2000,
        ),
        "tune",
        "encoder",
        (
            "Logistic regression on frozen embeddings (probe) is 0.5 points behind encoder",
            "take it if you want less upkeep",
        ),
    ),
    "probe wins": (
        World(with_floor(probe=Planted("probe", 0.90), encoder=Planted("encoder", 0.85))),
        "tune",
        "probe",
        ("Tune: probe answers 90.0%",),
    ),
    "macro F1 decides": (
        World(BETTER_TUNED, settings=DecideSettings(metric="macro_f1")),
        "tune",
        "encoder",
        ("macro F1 on the 1,000 test rows", "points of macro F1 ahead of existing"),
    ),
    "answers that are no label": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.8, answer=lambda r, ok: r.target if ok else "hm"),
                encoder=Planted("encoder", 0.9),
            )
        ),
        "tune",
        "encoder",
        ("prompt gave 200 answers that are no label, such as 'hm'",),
    ),
    "validation and test apart": (
        World(
            with_floor(
                prompt=Planted("prompt", 0.7),
                encoder=Planted("encoder", 0.8, validation_accuracy=0.95),
            )
        ),
        "tune",
        "encoder",
        ("answers 95.0% of the validation rows but 80.0% of the test rows",),
    ),
    "looked at thrice": (
        World(BETTER_TUNED, looks=3),
        "tune",
        "encoder",
        ("looked at 3 times",),
    ),
    "winner is the slowest": (
        World(
            with_floor(prompt=Planted("prompt", 0.7), encoder=Planted("encoder", 0.9, seconds=0.25))
        ),
        "tune",
        "encoder",
        ("encoder is the slowest of those compared: 250 ms for a typical request",),
    ),
}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return {name: world.verdict() for name, (world, *_) in WORLDS.items()}


@pytest.mark.parametrize("name", WORLDS)
def test_planted_world_gets_the_right_verdict_for_the_right_reason(
    name: str, verdicts: dict[str, Verdict]
) -> None:
    _, decision, winner, reasons = WORLDS[name]
    verdict = verdicts[name]
    assert (verdict.decision, verdict.winner) == (decision, winner), told(verdict)
    for reason in reasons:
        assert reason in told(verdict)


DOUBTS = {
    "looked at": {"looked at thrice"},
    "every row with": {"all predictions the same"},
    "no label, such as": {"answers that are no label"},
    "aren't alike": {"validation and test apart"},
    "slowest of those": {"winner is the slowest", "a slow prompt is worth its time"},
    "stand in the text": {"everything right", "one test row"},
    "was judged on": {"prompts judged on a part", "part too small, though rows are at hand"},
    "less upkeep": {"probe does as well as the encoder"},
    "set aside": {"tuned is better but too slow", "everything is too slow"},
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubt_is_raised_only_where_it_was_planted(
    doubt: str, verdicts: dict[str, Verdict]
) -> None:
    found = {name for name, verdict in verdicts.items() if doubt in told(verdict)}
    assert found <= DOUBTS[doubt]


@pytest.mark.parametrize("name", WORLDS)
def test_sentences_are_whole_and_plain(name: str, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[name]
    heads = {
        "tune": "Tune: ",
        "prompt": "Prompt: ",
        "keep": "Keep what you have: ",
        "not enough evidence": "Not enough evidence: ",
        "none meets your bar": "None meets your bar: ",
    }
    assert verdict.sentence.startswith(heads[verdict.decision])
    for line in (verdict.sentence, *verdict.reasons):
        assert line.endswith(".")
        assert not line.endswith("..")
        assert "  " not in line
        assert not re.search(r"\bnan\b|None(?! meets)|\binf\b|-\d", line)
        assert not re.search(r"(?<![.,\d])1 (points|rows|labels|answers)\b", line)
        assert not re.search(r"\d\.\d{4,}", line)
    assert len(set(verdict.reasons)) == len(verdict.reasons)
    json.dumps(plain(verdict), allow_nan=False)


def test_comparisons_cover_all_pairs_of_finalists_adjusted_together(
    verdicts: dict[str, Verdict],
) -> None:
    verdict = verdicts["tuned is better"]
    assert verdict.finalists == {
        "floor": "majority",
        "keep": "existing",
        "prompt": "prompt",
        "tune": "encoder",
    }
    assert len(verdict.comparisons) == 6
    assert all(c.p_adjusted >= c.p_value for c in verdict.comparisons)
    pairs = {(c.incumbent, c.challenger) for c in verdict.comparisons}
    assert ("existing", "encoder") in pairs
    assert ("encoder", "existing") not in pairs


def test_more_rows_are_named_only_where_something_is_open(verdicts: dict[str, Verdict]) -> None:
    for name, verdict in verdicts.items():
        if verdict.more_rows is not None:
            assert verdict.decision == "not enough evidence", name
            assert verdict.more_rows > 0
    assert verdicts["too few rows"].more_rows is not None
    assert verdicts["tuned is better"].more_rows is None


def test_the_order_of_candidates_changes_nothing() -> None:
    turned = World(dict(reversed(BETTER_TUNED.items())))
    test, validation = turned.examples("test", 1_000), turned.examples("validation", 500)
    answers = turned.predictions("test", test)
    cards = turned.scorecards("test", test, answers)
    before = turned.scorecards(
        "validation", validation, turned.predictions("validation", validation)
    )

    def verdict(names: list[str]) -> Verdict:
        return decided(
            validation={n: before[n] for n in names},
            test={n: cards[n] for n in names},
            answers={n: answers[n] for n in names},
            examples=test,
            labels=turned.labels,
            settings=turned.settings,
            looks=1,
            seed=0,
        )

    assert verdict(list(cards)) == verdict(sorted(cards))


def test_a_candidate_judged_on_one_side_only_is_refused() -> None:
    world = World(BETTER_TUNED)
    test = world.examples("test", 50)
    answers = world.predictions("test", test)
    cards = world.scorecards("test", test, answers)
    with pytest.raises(DataError, match="encoder: a candidate was judged on one of"):
        decided(
            validation={n: card for n, card in cards.items() if n != "encoder"},
            test=cards,
            answers=answers,
            examples=test,
            labels=world.labels,
            settings=world.settings,
            looks=1,
            seed=0,
        )


EQUAL = {
    "2 candidates": with_floor(prompt=Planted("prompt", 0.8), encoder=Planted("encoder", 0.8)),
    "5 candidates": with_floor(
        existing=Planted("existing", 0.8),
        prompt=Planted("prompt", 0.8),
        other=Planted("prompt", 0.8),
        probe=Planted("probe", 0.8),
        encoder=Planted("encoder", 0.8),
    ),
    "2 candidates hardly above the floor": with_floor(
        prompt=Planted("prompt", 0.47), encoder=Planted("encoder", 0.47)
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_where_there_is_no_difference_tune_is_said_at_most_once_in_twenty(name: str) -> None:
    worlds = 200
    base = World(
        EQUAL[name],
        exact=False,
        accuracy_only=True,
        validation_rows=200,
        settings=DecideSettings(minimum_gain=0.0),  # the hardest case: any gain would do
    )
    said = [
        replace(base, seed=seed, test_rows=(200, 300, 400)[seed % 3]).verdict().decision
        for seed in range(worlds)
    ]
    assert np.mean([decision == "tune" for decision in said]) <= 0.05
