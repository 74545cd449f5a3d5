"""How an engine's answers are got: the first way that it bears, found out on a row or two.

Labels are scored by log-probabilities, else constrained by a JSON schema, else parsed out of text.
Every way that is passed over is a line the user sees. Knows nothing of shots or scores.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.candidates import Setup
from tunewise.candidates.prompt.asked_file import Answering
from tunewise.candidates.prompt.questions import Questions
from tunewise.candidates.prompt.reading import json_answer
from tunewise.engines.asks import Engine, Reply
from tunewise.errors import ModelError
from tunewise.progress import Progress
from tunewise.records import Example

THINKING = 4096  # tokens of a reply by a model that thinks first, whether it is asked to or not
TRIED = 3  # rows that are asked until one has a reply to go by
AS_TRAINED = "as trained"  # no JSON: a tuned model is asked in the very words it was tuned on
NEEDS = {"scored": "log-probabilities", "constrained": "replies bound to a JSON schema"}


def settled_questions(
    engine: Engine,
    setup: Setup,
    rows: Sequence[Example],
    progress: Progress,
    *,
    wanted: str,
    templates: dict[str, str],
    most: int,
    thinks: bool = False,
) -> Questions:
    """Return the questions of a task in the first way of answering that the engine bears.

    Args:
        engine: that is asked about a few rows to find out.
        setup: of the candidate.
        rows: to ask about.
        progress: where to say what the engine can't do.
        wanted: the user's choice of a way, 'auto' or AS_TRAINED.
        templates: Jinja texts by name.
        most: tokens of a reply at most.
        thinks: whether the model is always let think first.

    Raises:
        ModelError: the engine can't do what the user chose.
    """
    chosen = wanted not in ("auto", AS_TRAINED)
    if setup.labels and engine.concluder is not None and engine.concluder.scores_labels:
        return Questions(setup, templates, "scored", most)
    for answering in ways_of(setup, wanted, thinks=thinks):
        if not chosen and not _may_bear(engine, answering):
            continue  # such as an engine that never gives log-probabilities: nothing is asked
        questions = Questions(setup, templates, answering, most)
        reply = _first_reply(engine, questions, rows, progress)
        if not reply.text and not reply.ended and most < THINKING:
            most = THINKING
            progress.line(f"The model thinks before it answers: a reply may have {most:,} tokens.")
            questions = Questions(setup, templates, answering, most)
            reply = _first_reply(engine, questions, rows, progress)
        if _bears(engine, questions, reply):
            return questions
        if chosen:
            raise ModelError(
                f"the endpoint gives no {NEEDS[answering]}, which 'answer: {wanted}' needs",
                where=rows[0].source,
                mend="Leave out `answer`, or choose another way.",
            )
        progress.line(f"There are no {NEEDS[answering]} from this model; trying the next way.")
    raise AssertionError("answers can always be parsed")


def ways_of(setup: Setup, wanted: str, *, thinks: bool = False) -> list[Answering]:
    """Return the ways of answering to try, in order.

    Log-probabilities are of a reply's first tokens, which are thoughts where the model thinks.
    """
    if not setup.labels:
        return ["written"]
    ways: list[Answering] = ["scored", "constrained", "parsed"]
    if wanted == AS_TRAINED:
        return ["scored", "parsed"]
    if wanted == "auto":
        return ways[1:] if thinks else ways
    return [way for way in ways if way == wanted]


def _first_reply(
    engine: Engine, questions: Questions, rows: Sequence[Example], progress: Progress
) -> Reply:
    """Return the first reply that says something, or the last of a few."""
    for row in rows[:TRIED]:
        reply = engine.generate([questions.ask(row, ())], progress, "Asking for the first time")[0]
        if reply.text:
            break
    return reply


def _may_bear(engine: Engine, answering: Answering) -> bool:
    """Whether it isn't known already that the engine can't do what a way needs."""
    needed = {"scored": engine.abilities.alternatives, "constrained": engine.abilities.schema}
    return needed.get(answering, True)


def _bears(engine: Engine, questions: Questions, reply: Reply) -> bool:
    """Whether the engine did what the way of answering needs."""
    if questions.answering == "scored":
        return engine.abilities.alternatives and bool(reply.tokens or not reply.text)
    if questions.answering == "constrained":
        kept = json_answer(reply.text) in questions.label_texts or not reply.text
        return engine.abilities.schema and kept
    return True
