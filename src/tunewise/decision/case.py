"""Everything a verdict is told from, gathered in one place, and how candidates are spoken of.

Given by decide.py to sentence.py and reasons.py. Knows nothing of how it was computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tunewise.decision.finalists import Final
from tunewise.decision.rules import Outcome, Pair, Relation
from tunewise.decision.words import counted, percent, percent_range, points, points_range
from tunewise.evaluation.remembered import Comparisons
from tunewise.evaluation.texts import PLAIN, Asked
from tunewise.records import Comparison, Consistency, Costs, Example, Family, Prediction, Scorecard
from tunewise.task.settings import DecideSettings

SCORES = {
    "macro_f1": "macro F1",
    "rouge_l": "ROUGE-L",
    "token_f1": "token F1",
    "exact_match": "exact match",
    "chrf": "chrF",
    "bleu": "BLEU",
    "similarity": "similarity",
    "checks": "checks passed",
}  # metrics that aren't the share of rows answered correctly


@dataclass(frozen=True)
class Case:
    """What is known when the verdict is put into words.

    Attributes:
        validation, test: the candidates' scorecards.
        answers: the candidates' predictions on the test rows.
        examples: the test rows.
        labels: all legal labels.
        settings: what the user asked for.
        final: who is compared.
        comparisons: of every pair of finalists, by (simpler, more laborious).
        relations: what they show.
        outcome: where the rules lead; None without finalists.
        winner: the candidate to use, if any.
        more_rows: further test rows that would settle what is open.
        looks: how often the test rows have been looked at.
        asked: what written answers are judged by besides.
        costs: of every candidate.
        known: comparisons made before.
    """

    validation: Mapping[str, Scorecard]
    test: Mapping[str, Scorecard]
    answers: Mapping[str, Sequence[Prediction]]
    examples: Sequence[Example]
    labels: Sequence[str]
    settings: DecideSettings
    final: Final
    comparisons: Mapping[Pair, Comparison]
    relations: Mapping[Pair, Relation]
    outcome: Outcome | None
    winner: str | None
    more_rows: int | None
    looks: int
    asked: Asked = PLAIN
    costs: Mapping[str, Costs] = field(default_factory=dict)
    known: Comparisons | None = None

    @property
    def floor(self) -> str | None:
        """The majority label's candidate, if the task has it."""
        return self.final.finalists.get("floor")

    @property
    def contenders(self) -> list[str]:
        """The finalists but the floor, the least laborious first."""
        return [name for family, name in self.final.finalists.items() if family != "floor"]

    @property
    def settled(self) -> bool:
        """Whether the rules led to one candidate, with something to compare it with."""
        return (
            self.outcome is not None
            and not self.outcome.questions
            and self.outcome.reached in self.contenders
            and bool(self.comparisons)
        )

    def family(self, name: str) -> Family:
        """Return a candidate's family."""
        return self.test[name].family

    def value(self, name: str) -> float:
        """Return a candidate's figure on the test rows."""
        return self.test[name].metrics[self.settings.metric].value

    def between(self, one: str, other: str) -> Comparison:
        """Return the comparison of two finalists, whichever is the simpler."""
        return self.comparisons.get((one, other)) or self.comparisons[other, one]


def unit(case: Case) -> str:
    """Return what points are points of, where it isn't plain: ' of macro F1'."""
    name = SCORES.get(case.settings.metric)
    return f" of {name}" if name else ""


def no_effort(case: Case) -> str:
    """Return what the floor does: 'always answering the most frequent label'."""
    return "always answering " + ("the most frequent label" if case.labels else "the same text")


def advantage(comparison: Comparison, name: str) -> float:
    """Return by how much `name` is better than the other one."""
    ahead = name == comparison.challenger
    return comparison.difference.value if ahead else -comparison.difference.value


def advantage_range(comparison: Comparison, name: str, apart: float | None = None) -> str:
    """Return the interval of `advantage`, in points."""
    ahead = name == comparison.challenger
    return points_range(comparison.difference, comparison.rows, 1 if ahead else -1, apart)


def gap(comparison: Comparison) -> str:
    """Return the size of the difference, in points."""
    return points(comparison.difference.value, comparison.rows)


def spoken(case: Case, name: str) -> str:
    """Return what a family's finalist is called in a sentence: 'the best prompt'."""
    family = case.family(name)
    several = len(case.final.entrants[family]) > 1
    return {
        "floor": no_effort(case),
        "keep": "the best of your present systems" if several else "what you have today",
        "prompt": "the best prompt" if several else "the prompt",
        "tune": "the best tuned model" if several else "the tuned model",
    }[family]


def performance(case: Case, name: str, *, with_range: bool = True) -> str:
    """Return how a candidate did: 'answers 92.4% of the 3,080 test rows correctly (…)'."""
    card = case.test[name]
    figure, rows = card.metrics[case.settings.metric], card.rows
    span = f" ({percent_range(figure, rows)})" if with_range else ""
    if case.settings.metric in SCORES:
        score = f"{percent(figure.value, rows)}% {SCORES[case.settings.metric]}"
        return f"scores {score} on {_the_rows(case, rows)}{span}"
    if rows == 1:
        return f"answers the one test row {'correctly' if figure.value else 'wrongly'}{span}"
    if figure.value == 1:
        return f"answers all {_part(case, rows)}{rows:,} test rows correctly{span}"
    if figure.value == 0:
        return f"answers none of {_the_rows(case, rows)} correctly{span}"
    return f"answers {percent(figure.value, rows)}% of {_the_rows(case, rows)} correctly{span}"


AGAIN = {
    "rewordings": "asked in other words",
    "same_request": "worded differently by your rows",
    "seeds": "asked of it fitted with other seeds",
}


def alike(found: Consistency) -> str:
    """Return how consistent a candidate is: 'gives the same answer to 97% of 100 requests …'."""
    span = percent_range(found.figure, found.requests)
    share = percent(found.figure.value, found.requests)
    requests = counted(found.requests, "request")
    if found.likeness is not None:
        return f"gives answers {share}% alike (ROUGE-L, {span}) to {requests} {AGAIN[found.over]}"
    return f"gives the same answer to {share}% of {requests} {AGAIN[found.over]} ({span})"


def _the_rows(case: Case, rows: int) -> str:
    if rows < len(case.examples):
        return f"{rows:,} of the {counted(len(case.examples), 'test row')}"
    return f"the {counted(rows, 'test row')}"


def _part(case: Case, rows: int) -> str:
    """Return what says that 'all' isn't all: 'of its part's '."""
    return "its " if rows < len(case.examples) else ""
