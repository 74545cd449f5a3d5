r"""Prompted classification beside lm-evaluation-harness: 77 labels of BANKING77, 0 and 8 shots.

lm-eval scores labels through its transformers backend (lm_eval.models.huggingface.HFLM) with its
own batching: one request per label, whose context is the rendered prompt. Ours reads what prompts
share once, then each row with the trie of all labels. Both are given the same model in memory,
number format, threads, rows and prompts (instruction, list of labels, shots, ticket) and read the
tokens themselves; that these are the same is checked for every label. A request is one row with its
77 labels.

Equality first. In float32 both must choose the same label on every row, and scores may differ by
2e-3 nats (lm-eval's also hold the line break before the answer, the same for all labels of a row,
which is taken off). In bf16, which keeps 8 bits, no two orders of summing agree: choices that
differ are counted, and must be of two labels whose scores are within four times the distance (root
mean square) of such scores from float32's; and ours must not be further from float32 than
lm-eval's, half as much again allowed for chance.

Then speed, in the faster format, in turns: lm-eval on some rows, ours on the same. lm-eval finds
its batch_size=auto first, untimed; it starts at the largest power of two, up to 64, whose logits
fit into half of the free memory, since on a CPU too large a batch ends the process. On the first
turn batches of 8 are timed as well, and whichever is faster counts.

Goal: at least 10 times lm-eval's requests per second, with and without shots, at equal results;
--check exits 1 when it is missed. --quick (about two minutes) takes one row, and has lm-eval score
every ninth label, its time multiplied. --idle refuses to run while something else does. The whole
takes about 45 minutes on 2 idle cores.

lm-eval isn't among the extras: it pins nothing of ours but brings much. One interpreter with both:

    python -m venv /tmp/peers
    .venv/bin/python -c "import site; print(site.getsitepackages()[0])" \
        > /tmp/peers/lib/python3.11/site-packages/shared.pth
    /tmp/peers/bin/pip install --no-deps lm_eval==0.4.13 evaluate==0.4.6 pytablewriter==1.2.1 \
        sqlitedict==2.1.0 word2number==1.1 more_itertools==11.2.1 DataProperty==1.1.1 \
        mbstrdecoder==1.1.5 pathvalidate==3.3.1 tabledata==1.3.5 tcolorpy==0.1.7 typepy==2.0.0 \
        chardet==7.7.0 jsonlines==4.0.0 zstandard==0.25.0
    /tmp/peers/bin/python benchmarks/prompting.py [--rows N] [--turns N] [--json FILE] [--check]
                                                  [--quick] [--idle]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import logging
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from side_by_side import commit, refuse_a_busy_machine, timed

from tunewise.candidates.prompt.conversation import Conversation, Shot
from tunewise.candidates.prompt.shots import Retriever, pool_of
from tunewise.candidates.prompt.showing import Way
from tunewise.engines.embeddings import Embedder
from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.precision import fastest_dtype
from tunewise.files import write_json
from tunewise.models.loading import load_causal, load_tokenizer
from tunewise.models.resolve import resolve
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.rendering.label_texts import label_texts
from tunewise.rendering.wording import template_texts
from tunewise.workspace.environment import environment

GOAL = 10.0  # times lm-eval's requests per second
EXACT = 2e-3  # nats, in float32
NOISE = 1.5  # times lm-eval's distance from float32
SHOTS = (0, 8)
MOST, PLAIN_BATCH = 64, 8  # requests of lm-eval in one batch
TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
INSTRUCTION = "Find the intent of a message that a customer wrote to the support of a banking app."


@dataclass(frozen=True)
class Prompted:
    """A row with its shots, and its prompt as text and as tokens."""

    row: Example
    shots: list[Shot]
    text: str
    ids: list[int]


@dataclass(frozen=True)
class Result:
    """What was measured with so many shots.

    Attributes:
        rows, labels: that were scored.
        lm_eval_labels: that lm-eval scored; where these are fewer, its time is scaled.
        prompt_tokens, shared_tokens: mean of a prompt, and what all prompts share of it.
        dtype, batch: of the timed runs; requests that lm-eval scores together.
        same_exact, same: rows on which both choose the same label, in float32 and in `dtype`.
        difference: largest between both ways' scores in float32, in nats.
        lm_eval_off, ours_off: distance of scores in `dtype` from float32's, root mean square.
        gap: largest, in nats, between two labels of which the ways chose one each.
        lm_eval_rate, ours_rate: requests per second, medians of the turns.
        prefix_seconds: that ours takes once for what prompts share; counted in no turn.
        detecting_seconds: that lm-eval takes to find its batch size; counted in no turn.
    """

    shots: int
    rows: int
    labels: int
    lm_eval_labels: int
    prompt_tokens: float
    shared_tokens: int
    dtype: str
    batch: int
    same_exact: int
    same: int
    difference: float
    lm_eval_off: float
    ours_off: float
    gap: float
    lm_eval_rate: float
    ours_rate: float
    prefix_seconds: float
    detecting_seconds: float

    @property
    def ratio(self) -> float:
        """Times lm-eval's requests per second."""
        return self.ours_rate / self.lm_eval_rate

    @property
    def equal(self) -> bool:
        """Whether both give the same results but for rounding."""
        exact = self.same_exact == self.rows and self.difference < EXACT
        near = self.gap <= 4 * max(self.lm_eval_off, self.ours_off)
        return exact and near and self.ours_off <= NOISE * max(self.lm_eval_off, EXACT)


class Harness:
    """lm-eval on a model in memory.

    Args:
        model: loaded.
        tokenizer: of it.
        labels: that are scored, as they stand after a prompt, end of turn included.
    """

    def __init__(self, model: Any, tokenizer: Any, labels: Sequence[str]) -> None:
        from lm_eval.models.huggingface import HFLM

        self.labels = list(labels)
        logging.getLogger("lm_eval").setLevel(logging.ERROR)  # it warns of models in memory
        with quiet():
            self.model = HFLM(
                pretrained=model, tokenizer=tokenizer, batch_size="auto", max_batch_size=MOST
            )

    def requests(self, prompts: Sequence[Prompted]) -> list[Any]:
        """Return one request for each prompt and label."""
        from lm_eval.api.instance import Instance

        return [
            Instance("loglikelihood", {}, (prompt.text, label), number)
            for number, prompt in enumerate(prompts)
            for label in self.labels
        ]

    def scores(self, prompts: Sequence[Prompted]) -> np.ndarray:
        """Return log-likelihoods, [prompts, labels]."""
        with quiet():
            found = self.model.loglikelihood(self.requests(prompts), disable_tqdm=True)
        return np.array([logp for logp, _ in found]).reshape(len(prompts), len(self.labels))

    def detect(self, prompts: Sequence[Prompted]) -> tuple[float, int]:
        """Have lm-eval find its batch size for these prompts; return seconds, and the size."""
        pairs = [self.model._encode_pair(prompt.text, self.labels[0]) for prompt in prompts]
        longest = max(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))
        tokens = len(longest[0]) + len(longest[1])
        row = 2 * tokens * self.model.model.config.vocab_size * self.model.model.dtype.itemsize
        fits = psutil.virtual_memory().available // 2 // row
        self.model.max_batch_size = max(1, min(MOST, 1 << (int(fits).bit_length() - 1)))
        with quiet():
            seconds, size = timed(lambda: self.model._detect_batch_size([(None, *longest)]))
        return seconds, int(size)

    def batches_of(self, size: int) -> None:
        """Score so many requests together from now on."""
        self.model.batch_size_per_gpu = size

    def check_tokens(self, prompts: Sequence[Prompted], labels: Sequence[Sequence[int]]) -> None:
        """Exit unless lm-eval reads the very tokens that ours reads."""
        for prompt in prompts:
            for text, ids in zip(self.labels, labels, strict=True):
                context, answer = self.model._encode_pair(prompt.text, text)
                if [*context, *answer] != [*prompt.ids, *ids]:
                    sys.exit(f"lm-eval reads other tokens than ours for the label {text!r}")


@contextlib.contextmanager
def quiet() -> Any:
    """Keep what lm-eval prints from the table."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def main() -> None:
    """Measure, print, and exit 1 when a goal is missed and --check is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=6, help="tickets")
    parser.add_argument("--turns", type=int, default=3, help="that the tickets are shared among")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--idle", action="store_true", help="refuse to run on a busy machine")
    given = parser.parse_args()
    if given.idle:
        refuse_a_busy_machine()
    if given.quick:
        given.rows, given.turns = 1, 1
    results = [
        measured(given.model, shots, given.rows, given.turns, every=9 if given.quick else 1)
        for shots in SHOTS
    ]
    table(results)
    if given.json:
        about = {"commit": commit(), "environment": environment(), "quick": given.quick}
        about |= {"lm_eval": version("lm_eval"), "threads": torch.get_num_threads(), "goal": GOAL}
        write_json(given.json, {**about, "results": results})
    met = all(one.equal and one.ratio >= GOAL for one in results)
    print(
        f"{'met' if met else 'MISSED'}: "
        + ", ".join(f"{one.ratio:.1f} times lm-eval with {one.shots} shots" for one in results)
        + f" (goal {GOAL:g}), results "
        + ("equal" if all(one.equal for one in results) else "NOT equal")
    )
    if given.check and not met:
        sys.exit(1)


def measured(name: str, shots: int, rows: int, turns: int, *, every: int) -> Result:
    """Hold both ways against each other on so many tickets, and time them in turn."""
    folder = resolve(name, Silent()).path
    tokenizer = load_tokenizer(folder)
    train, tickets = examples("train"), examples("test")
    labels = sorted({one.target for one in train})
    texts = label_texts(labels)
    talk = Conversation(tokenizer, texts, INSTRUCTION, template_texts())
    prompts = rendered(talk, shots_of(train, tickets[:: len(tickets) // rows][:rows], shots))
    shared, ids = talk.shared_ids(shots), talk.label_ids
    answers = [talk.chat.lead + text + talk.chat.end for text in texts[::every]]

    model = load_causal(folder, torch.float32)
    harness = Harness(model, tokenizer, answers)
    harness.check_tokens(prompts, ids[::every])
    harness.batches_of(PLAIN_BATCH)
    exact = centred(harness.scores(prompts))
    ours_exact = LabelScorer(model, ids, shared).scores([p.ids for p in prompts])
    ours_exact = centred(ours_exact[:, ::every])
    del model, harness

    model = load_causal(folder, fastest_dtype("cpu"))
    harness = Harness(model, tokenizer, answers)
    detecting, size = (0.0, PLAIN_BATCH) if every > 1 else harness.detect(prompts)
    prefix, scorer = timed(lambda: LabelScorer(model, ids, shared))
    scorer.scores([prompts[0].ids])  # the first call chooses kernels
    found: list[tuple[float, float, np.ndarray, np.ndarray]] = []
    for some in np.array_split(np.arange(rows), turns):
        part = [prompts[n] for n in some]
        sizes = dict.fromkeys([size, PLAIN_BATCH]) if not found else {size: None}
        tries = {}
        for each in sizes:
            harness.batches_of(each)
            tries[each] = timed(partial(harness.scores, part))
        size = min(tries, key=lambda each: tries[each][0])
        seconds, theirs = tries[size]
        took, ours = timed(partial(asked, talk, scorer, part))
        whole = seconds * len(ids) / len(answers)
        found.append((len(part) / whole, len(part) / took, theirs, ours[:, ::every]))
    theirs = centred(np.concatenate([one[2] for one in found]))
    ours = centred(np.concatenate([one[3] for one in found]))
    lines = np.arange(rows)
    gaps = theirs.max(axis=1) - theirs[lines, ours.argmax(axis=1)]
    return Result(
        shots=shots,
        rows=rows,
        labels=len(ids),
        lm_eval_labels=len(answers),
        prompt_tokens=statistics.mean(len(p.ids) for p in prompts),
        shared_tokens=len(shared),
        dtype=str(model.dtype).removeprefix("torch."),
        batch=size,
        same_exact=int((exact.argmax(axis=1) == ours_exact.argmax(axis=1)).sum()),
        same=int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum()),
        difference=float(np.abs(exact - ours_exact).max()),
        lm_eval_off=root_mean_square(theirs - exact),
        ours_off=root_mean_square(ours - exact),
        gap=float(gaps.max()),
        lm_eval_rate=statistics.median(one[0] for one in found),
        ours_rate=statistics.median(one[1] for one in found),
        prefix_seconds=prefix,
        detecting_seconds=detecting,
    )


def examples(side: str) -> list[Example]:
    """Return the tickets of one file."""
    with (TICKETS / f"{side}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Example(f"{side} {n}", row["text"], row["category"], n, side)
        for n, row in enumerate(rows, start=1)
    ]


def shots_of(
    train: Sequence[Example], tickets: Sequence[Example], count: int
) -> list[tuple[Example, list[Shot]]]:
    """Return each ticket with its nearest training examples."""
    if count == 0:
        return [(ticket, []) for ticket in tickets]
    embedder = Embedder(resolve("minilm-l6", Silent()).path)
    pool = pool_of(train, embedder.embed([one.input for one in train]))
    labels = sorted({one.target for one in train})
    retriever = Retriever(embedder, pool, dict(zip(labels, label_texts(labels), strict=True)))
    return list(zip(tickets, retriever.shots(tickets, Way(count)), strict=True))


def rendered(talk: Conversation, shown: Sequence[tuple[Example, list[Shot]]]) -> list[Prompted]:
    """Return the prompts, as text and as tokens."""
    return [
        Prompted(row, shots, talk.rendered(row.input, shots), talk.prompt_ids(row.input, shots))
        for row, shots in shown
    ]


def asked(talk: Conversation, scorer: LabelScorer, prompts: Sequence[Prompted]) -> np.ndarray:
    """Return our scores of the labels [prompts, labels], from rendering to the last sum."""
    return scorer.scores([talk.prompt_ids(one.row.input, one.shots) for one in prompts])


def centred(scores: np.ndarray) -> np.ndarray:
    """Return scores without what all labels of a row share, [rows, labels]."""
    found: np.ndarray = scores - scores.mean(axis=1, keepdims=True)
    return found


def root_mean_square(values: np.ndarray) -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt(np.square(values).mean()))


def table(results: Sequence[Result]) -> None:
    """Print what was measured."""
    for one in results:
        print(
            f"\n{one.shots} shots: {one.rows} tickets, {one.labels} labels, prompts of"
            f" {one.prompt_tokens:.0f} tokens, {one.shared_tokens} of them shared; {one.dtype},"
            f" {torch.get_num_threads()} threads"
        )
        of = ", scaled" if one.lm_eval_labels < one.labels else ""
        print(f"{'':30}{'requests/s':>12}{'s a request':>13}{'times lm-eval':>15}")
        for name, rate in (
            (f"lm-eval, batches of {one.batch}{of}", one.lm_eval_rate),
            ("tunewise", one.ours_rate),
        ):
            print(f"{name:30}{rate:12.3f}{1 / rate:13.3f}{rate / one.lm_eval_rate:15.1f}")
        print(
            f"same choice on {one.same_exact} of {one.rows} tickets in float32 (scores differ by"
            f" {one.difference:.1e} nats at most), on {one.same} in {one.dtype}"
            + (f" (elsewhere {one.gap:.2f} nats apart at most)" if one.gap else "")
        )
        print(
            f"distance from float32 (root mean square): lm-eval {one.lm_eval_off:.3f} nats, ours"
            f" {one.ours_off:.3f}; once per run: shared part {one.prefix_seconds:.2f} s, lm-eval's"
            f" batch size {one.detecting_seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
