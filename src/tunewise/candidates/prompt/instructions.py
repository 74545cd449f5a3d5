"""Instructions for a prompt search: the user's own, ways to say it, and what the model proposes.

Given the user's words and a few training examples, gives back instructions, the user's own first.
Proposals follow Zhou et al. 2022 (Automatic Prompt Engineer, arXiv 2211.01910). Knows nothing of
how they fare.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from importlib import resources

from tunewise.candidates import Setup
from tunewise.candidates.prompt.reading import apart
from tunewise.candidates.prompt.votes import TEMPERATURE
from tunewise.engines.asks import Ask, Engine
from tunewise.progress import Progress
from tunewise.records import Example, Message
from tunewise.rendering.wording import rendered
from tunewise.task.settings import SearchSettings

FILE = "instructions.toml"
EXAMPLES = 8  # shown for each proposal, others each time
LONGEST = 400  # characters of an example's text in a proposal
ROOM = 512  # tokens of a proposal at most
PLAIN = {"classification": "Classify the user's text.", "generation": "Answer the user's text."}


def instructions_of(
    search: SearchSettings,
    setup: Setup,
    train: Sequence[Example],
    engine: Engine,
    progress: Progress,
) -> list[str | None]:
    """Return the instructions to try, none twice, the user's own first.

    Args:
        search: how many proposals, and instructions that the user adds.
        setup: the task's own instruction, and the seed of what is drawn.
        train: rows that proposals are made from.
        engine: that is asked for proposals.
        progress: gets a bar of them.
    """
    data = tomllib.loads(resources.files(__package__).joinpath(FILE).read_text("utf-8"))
    task = setup.instruction or PLAIN[setup.task_kind]
    said = [rendered({FILE: one["text"]}, FILE, task=task).strip() for one in data["instruction"]]
    asks = [
        _proposal(data["proposal"]["ask"], setup, train, number)
        for number in range(search.proposals)
    ]
    replies = engine.generate(asks, progress, "Asking for instructions") if asks else []
    proposed = [text for reply in replies if (text := apart(reply)[1].strip().strip('"'))]
    found: list[str | None] = [setup.instruction, *search.instructions, *said, *proposed]
    return list(dict.fromkeys(found))


def _proposal(template: str, setup: Setup, train: Sequence[Example], number: int) -> Ask:
    chance = random.Random(f"{setup.seed} {number}")  # noqa: S311 - no secret hangs on it
    some = chance.sample(list(train), min(EXAMPLES, len(train)))
    examples = [{"text": row.input[:LONGEST], "answer": row.target[:LONGEST]} for row in some]
    text = rendered({FILE: template}, FILE, examples=examples, task=setup.instruction)
    return Ask(
        place=f"proposal {number + 1}",
        messages=(Message("user", text.strip()),),
        max_new_tokens=ROOM,
        temperature=TEMPERATURE,
        sample=number,
    )
