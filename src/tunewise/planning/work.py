"""What each candidate of a task holds in memory and computes, on a machine of a given kind.

Given a task's rows and a candidate's settings, gives back a Load: a function of the memory there is
to how the candidate fits in it, and the parts of its work. Knows nothing of rates or prices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.engines.window import usual_room
from tunewise.errors import BadInput
from tunewise.models.configs import Described, described
from tunewise.models.loading import cached_bytes, positions_of
from tunewise.planning.estimate import Part
from tunewise.planning.lengths import Lengths
from tunewise.planning.rows import Rows
from tunewise.task.settings import (
    ApiSettings,
    ClassifierSettings,
    EncoderSettings,
    Entry,
    LoraCandidateSettings,
    ProbeSettings,
    PromptSettings,
    TuningSettings,
)

if TYPE_CHECKING:
    from tunewise.tracing.ledger import Trace
    from tunewise.training.fast.packed import Row

TOGETHER = 1024  # tokens that an engine reads in one pass
TIMED = 43  # requests that are answered one by one to time them, warm-up included
TIMED_SECONDS = 30.0  # that this takes at most, about, unless a request takes more than 6
BF16 = 2


ELSEWHERE = (
    "another program or a provider does the work: its time isn't foreseen, `spending` caps it"
)


UNTRACED = "its step can't be traced, so neither its memory nor its time is known beforehand"


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a candidate fits.

    Attributes:
        fits: None where it can't be known.
        peak: bytes at most; None where they aren't known.
        tokens_per_pass, recomputed: None where it doesn't fit or nothing is packed.
        kinds: what the peak consists of, in bytes.
        parts: of its work.
        note: what stands in the way of knowing.
    """

    fits: bool | None
    peak: int | None
    tokens_per_pass: int | None
    recomputed: int | None
    kinds: dict[str, int]
    parts: tuple[Part, ...]
    note: str | None = None


@dataclass(frozen=True)
class Load:
    """What a candidate asks of a machine.

    Attributes:
        model: that it uses, if any.
        fitting: of so many bytes, on a card or not, in bf16 or not.
        lengths: tokens of the training rows; None where none are counted.
        notes: what it rests on.
        settings: of the candidate, for what could be changed.
        sample: (config, arguments, rows of a typical pass) to measure with; None: nothing to.
    """

    model: Described | None
    fitting: Callable[[float, bool, bool], Fitting] | None
    lengths: np.ndarray[Any, Any] | None = None
    notes: tuple[str, ...] = ()
    settings: Any = None
    sample: Callable[[bool], tuple[Any, Any, Any]] | None = None


def load(rows: Rows, entry: Entry) -> Load:
    """Return what a candidate asks of a machine.

    Raises:
        ModelError: a model that isn't there, or of the wrong kind.
        BadInput: a length that the model doesn't read.
    """
    return _asked_again(rows, entry, _asked_once(rows, entry))


def _asked_once(rows: Rows, entry: Entry) -> Load:
    settings = entry.settings
    if isinstance(settings, TuningSettings):
        return _tuned(rows, settings, entry.kind)
    if isinstance(settings, EncoderSettings):
        return _encoder(rows, settings, entry.kind)
    if isinstance(settings, ApiSettings) or getattr(settings, "asks_elsewhere", False):
        return Load(None, None, notes=(ELSEWHERE,), settings=settings)
    if isinstance(settings, PromptSettings):
        return _prompt(rows, settings)
    if isinstance(settings, ProbeSettings):
        return _probe(rows, settings)
    return Load(None, None)


def _asked_again(rows: Rows, entry: Entry, once: Load) -> Load:
    """Return a load with what the task's `consistency` adds: other wordings, and other seeds."""
    asked, fitting = rows.task.consistency, once.fitting
    if asked is None or fitting is None:
        return once
    judged = len(rows.side("test", getattr(entry.settings, "test_rows", None)))
    further = min(asked.rows, judged) * (len(asked.rewordings) + asked.seeds)

    def again(part: Part) -> Part:
        return part.times(further / part.requests if part.requests else asked.seeds)

    def more(room: float, cuda: bool, bf16: bool) -> Fitting:
        found = fitting(room, cuda, bf16)
        extra = [again(part) for part in found.parts if part.most_seconds is None]
        return replace(found, parts=(*found.parts, *(part for part in extra if part.passes)))

    return replace(once, fitting=more)


def _model(name: str, rows: Rows, kind: str, *, writes: bool) -> Described:
    found = described(name, rows.folder)
    if found.writes != writes:
        from tunewise.errors import ModelError

        what = "an encoder, not a language model" if writes else "a language model, not an encoder"
        raise ModelError(f"'{name}' is {what}", where=f"{kind}: {name}")
    return found


def _checked_length(asked: int, model: Described, where: str, *, given: bool) -> int:
    """Return the tokens read of a row; refuse more than the window where they were asked for."""
    window = positions_of(model.config)
    if window is not None and asked > window:
        if given:
            raise BadInput(
                f"max_length is {asked:,}, and {model.name} reads {window:,} tokens at most",
                where=where,
                mend=f"Set max_length to {window} or less, or choose a model that reads more:"
                f" tunewise models --context {asked}",
            )
        return window
    return asked


def _tuned(rows: Rows, settings: TuningSettings, kind: str) -> Load:
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.memory import Foreseen
    from tunewise.training.language.preflight import BUDGETS, UNTRACEABLE

    model = _model(settings.model, rows, kind, writes=True)
    given = "max_length" in settings.model_fields_set
    longest = _checked_length(settings.max_length, model, f"{kind}: {settings.model}", given=given)
    train, chosen = rows.chats("train", model), rows.chats("validation", model)
    judged = rows.chats("test", model, settings.test_rows)
    parameters, labels = parameters_of(model), rows.labels(model)
    train_rows = train.rows(longest)
    known: dict[tuple[bool, bool], Foreseen] = {}

    def arguments_of(bf16: bool) -> Any:
        return effective(
            settings,
            rows=len(train_rows),
            parameters=parameters,
            max_length=longest,
            bf16=bf16 if settings.bf16 == "auto" else bool(settings.bf16),
            seed=rows.task.seed,
        )

    def foreseen(cuda: bool, bf16: bool) -> Foreseen:
        if (cuda, bf16) not in known:
            both = [*train_rows, *chosen.rows(longest)]
            known[cuda, bf16] = Foreseen(model.config, arguments_of(bf16), both, on_cuda=cuda)
        return known[cuda, bf16]

    def fitting(room: float, cuda: bool, bf16: bool) -> Fitting:
        try:
            return fitted(foreseen(cuda, bf16), room, BUDGETS["cuda" if cuda else "cpu"])
        except UNTRACEABLE:
            return Fitting(None, None, None, None, {}, (), UNTRACED)

    def fitted(seen: Foreseen, room: float, usual: int) -> Fitting:
        per_step = int(np.mean([row.read for row in train_rows]) * seen.arguments.train_batch_size)
        asked = min(settings.tokens_per_pass or usual, max(per_step, 1))
        anew = "checkpointing" not in seen.arguments.switched_off
        found = None
        if _least_bytes(parameters, seen.arguments) <= room:
            found = seen.fit(room, asked, may_recompute=anew)
        if found is None:
            trace = seen.trace(seen.longest_first(0), seen.layers if anew else 0)
            return Fitting(False, trace.peak, None, None, trace.kinds, ())
        plain = seen.between(asked, found.budget, 0)
        trace = seen.between(asked, found.budget, found.recomputed)
        filled = min(found.budget, sum(row.read for row in seen.longest_first(asked)))
        sides = (train_rows, chosen, judged)
        asking = _Asking(
            forward=plain.flops.get("forward", 0) / filled,
            weights=parameters * BF16,
            cached=cached_bytes(model.config, BF16),
            operations=plain.operations // 3,
            labels=labels,
        )
        parts = _tuning_parts(seen.arguments, (plain, trace), filled, sides, asking)
        return Fitting(True, trace.peak, found.budget, found.recomputed, trace.kinds, parts)

    def sample(bf16: bool) -> tuple[Any, Any, Any]:
        ordered = sorted(train_rows, key=lambda row: row.read)
        step = max(1, len(ordered) // 8)
        some: list[Row] = []
        filled = 0
        for row in ordered[step // 2 :: step]:
            if some and filled + row.read > TOGETHER:
                break
            some.append(row)
            filled += row.read
        return model.config, arguments_of(bf16), some

    return Load(
        model,
        fitting,
        np.array([row.read + 1 for row in train_rows]),
        tuple(n for n in (train.note,) if n),
        settings,
        sample,
    )


def _least_bytes(parameters: int, arguments: Any) -> float:
    """Return fewer bytes than the weights take: where these don't fit, no pass is tried."""
    if arguments.load_in_4bit:
        return parameters / 2
    return float(parameters * (BF16 if arguments.bf16 and arguments.method != "full" else 4))


def _tuning_parts(
    arguments: Any,
    traces: tuple[Trace, Trace],
    filled: int,
    sides: tuple[Sequence[Row], Lengths, Lengths],
    asking: _Asking,
) -> tuple[Part, ...]:
    """Return what a language model's candidate computes, from fit to the last answer.

    Args:
        arguments: what is trained with.
        traces: of a step with no layer computed anew, and with those that are.
        filled: tokens of that step.
        sides: rows to train on; lengths of those to choose on and to judge on.
        asking: what answering takes.
    """
    train_rows, chosen, judged = sides
    plain, trace = traces
    each = trace.all_flops / filled
    with_loss = asking.forward + plain.flops.get("loss", 0) / filled / 3
    tokens = sum(row.read for row in train_rows)
    epochs = arguments.num_train_epochs
    sooner = min(1.0, (1 + arguments.patience) / epochs) if len(chosen.prompts) else 1.0
    steps = -(-len(train_rows) // arguments.train_batch_size)
    passes = max(steps, tokens / filled)
    validated = int(chosen.prompts.sum() + chosen.answers.sum())
    return (
        Part(
            "train", each * tokens * epochs, passes * epochs, plain.operations, asking.weights,
            sooner,
        ),
        Part(
            "validate", with_loss * validated * epochs, max(1.0, validated / filled) * epochs,
            asking.operations, asking.weights, sooner,
        ),
        *_answering(chosen, judged, asking),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asking:
    """What one token takes of a model that is asked.

    Attributes:
        forward: floating-point operations of reading or writing it.
        weights: their bytes.
        cached: bytes of its keys and values.
        operations: that a pass launches.
        labels: tokens that scoring all labels reads; 0 where answers are written.
        most: that an answer may take, of a model that wasn't taught when to end; None of one that
            was: its answers are as long as those it learnt.
    """

    forward: float
    weights: float
    cached: float
    operations: int
    labels: int
    most: int | None = None


def _answering(chosen: Lengths, judged: Lengths, asking: _Asking) -> tuple[Part, ...]:
    """Return the work of answering the rows to choose on and those to judge on."""
    prompts = np.concatenate([chosen.prompts, judged.prompts]).astype(float)
    answers = np.concatenate([chosen.answers, judged.answers]).astype(float)
    timed = min(TIMED, len(judged.prompts))
    requests = len(prompts) if timed else 0  # else it chooses: part of a fit
    forward, weights, operations = asking.forward, asking.weights, asking.operations
    if asking.labels:
        shared = max(chosen.shared, judged.shared)
        tokens = float((prompts - shared + asking.labels).sum()) + shared
        passes = tokens / TOGETHER + timed
        return (
            Part(
                "answer", forward * tokens, passes, operations, weights, requests=requests + timed
            ),
        )
    read = float(prompts.sum())
    reads = Part("answer", forward * read, read / TOGETHER, operations, weights, requests=requests)
    if not len(prompts):
        return (reads,)
    from tunewise.engines.generation import ROWS_TOGETHER

    usual = answers if asking.most is None else np.minimum(answers, asking.most)
    longest = usual if asking.most is None else np.full(len(answers), float(asking.most))
    together = min(ROWS_TOGETHER, len(prompts))
    remembered = float((prompts + longest / 2).mean()) * asking.cached  # of each row, in every pass

    def writes(tokens: float, rows: int) -> Part:
        return Part(
            "write",
            forward * tokens,
            tokens / rows,
            operations,
            weights + rows * remembered,
            least=float(usual.sum() / longest.sum()),
            requests=requests,
        )

    parts = (reads, writes(float(longest.sum()), together))
    if not timed:
        return parts
    one_by_one = writes(timed * float(longest.mean()), 1)
    return (*parts, replace(one_by_one, most_seconds=TIMED_SECONDS))


def _encoder(rows: Rows, settings: EncoderSettings, kind: str) -> Load:
    from tunewise.training.encoder.arguments import effective
    from tunewise.training.encoder.traced import Batch, traced

    model = _model(settings.model, rows, kind, writes=isinstance(settings, ClassifierSettings))
    given = "max_length" in settings.model_fields_set
    where = f"{kind}: {settings.model}"
    most = _checked_length(settings.max_length, model, where, given=given)
    counted, note = rows.texts("train", model)
    train = np.minimum(counted, most)
    others = np.concatenate([rows.texts("validation", model)[0], rows.texts("test", model)[0]])
    others = np.minimum(others, most)
    known: dict[tuple[bool, bool], Fitting] = {}
    labels = len(rows.dataset.labels)

    def arguments_of(bf16: bool) -> Any:
        return effective(
            settings,
            rows=len(train),
            parameters=parameters_of(model),
            max_length=most,
            bf16=bf16 if settings.bf16 == "auto" else bool(settings.bf16),
            seed=rows.task.seed,
        )

    def fitting(room: float, cuda: bool, bf16: bool) -> Fitting:
        if (cuda, bf16) not in known:
            arguments = arguments_of(bf16)
            size = arguments.per_device_train_batch_size
            padded = size > 1 and int(train.min()) < int(train.max())
            whole = Batch(size, int(train.max()), labels, on_cuda=cuda, padded=padded)
            largest = traced(model.config, arguments, whole)
            usual = traced(
                model.config, arguments, replace(whole, tokens=max(2, round(float(train.mean()))))
            )
            parts = _encoder_parts(usual, arguments, train, others, size)
            known[cuda, bf16] = Fitting(True, largest.peak, None, None, largest.kinds, parts)
        found = known[cuda, bf16]
        return replace(found, fits=(found.peak or 0) <= room)

    def sample(bf16: bool) -> tuple[Any, Any, Any]:
        arguments = arguments_of(bf16)
        shape = (arguments.per_device_train_batch_size, max(2, round(float(train.mean()))), labels)
        return model.config, arguments, shape

    return Load(model, fitting, train, tuple(n for n in (note,) if n), settings, sample)


def _encoder_parts(
    usual: Any, arguments: Any, train: np.ndarray, others: np.ndarray, size: int
) -> tuple[Part, ...]:
    tokens = float(train.sum())
    filled = size * float(train.mean())
    each = usual.all_flops / filled
    forward = usual.flops.get("forward", 0) / filled
    epochs = arguments.num_train_epochs
    read = tokens + float(others.sum())  # the head's start reads the training rows once
    weights = sum(usual.kinds.get(kind, 0) for kind in ("trained weights", "frozen weights"))
    return (
        Part("train", each * tokens * epochs, tokens / filled * epochs, usual.operations, weights),
        Part(
            "answer", forward * read, read / 4096 + TIMED, usual.operations // 3, weights,
            requests=len(train) + len(others) + TIMED,
        ),
    )  # fmt: skip


def _prompt(rows: Rows, settings: PromptSettings) -> Load:
    model = _model(settings.model, rows, "prompt", writes=True)
    chosen = rows.chats("validation", model, settings.validation_rows)
    judged = rows.chats("test", model, settings.test_rows)
    own = judged.prompts - judged.shared + judged.answers
    shot = float(np.mean(own)) if len(own) else 0.0
    labels = rows.labels(model)
    weights = parameters_of(model) * BF16
    text = model.config.get_text_config()
    most = settings.max_new_tokens
    if not labels and most is None:
        most = usual_room(rows.chats("train", model).answers)
    asking = _Asking(
        forward=2.0 * parameters_of(model),  # a product and a sum for each weight and token
        weights=weights,
        cached=cached_bytes(model.config, BF16),
        operations=25 * int(text.num_hidden_layers),
        labels=labels,
        most=most,
    )

    def shown(lengths: Lengths, shots: float) -> Lengths:
        return replace(lengths, prompts=lengths.prompts + round(shots * shot))

    tried = [_answering(shown(chosen, n), _none(judged), asking) for n in settings.shots]
    best = shown(judged, float(np.mean(settings.shots)))
    parts = [*(part for one in tried for part in one), *_answering(_none(chosen), best, asking)]
    longest = int(max(judged.prompts.max(initial=1), 1) + max(settings.shots) * shot)
    held = weights + TOGETHER * int(text.hidden_size) * 40 * BF16

    def fitting(room: float, _cuda: bool, _bf16: bool) -> Fitting:
        kinds = {"frozen weights": int(weights), "activations": int(held - weights)}
        return Fitting(held <= room, int(held), None, None, kinds, tuple(parts))

    notes = [n for n in (judged.note,) if n]
    window = positions_of(model.config)
    if window and longest > window:
        notes.append(f"prompts of about {longest:,} tokens are longer than the model's {window:,}")
    return Load(model, fitting, judged.prompts, tuple(notes), settings)


def _probe(rows: Rows, settings: ProbeSettings) -> Load:
    model = _model(settings.model, rows, "probe", writes=False)
    sides = [rows.texts("train", model), rows.texts("validation", model), rows.texts("test", model)]
    lengths = np.minimum(np.concatenate([found for found, _ in sides]), settings.max_length)
    weights = parameters_of(model) * 4
    flops = 2.0 * parameters_of(model) * float(lengths.sum())
    layers = int(model.config.num_hidden_layers)
    part = Part(
        "answer", flops, lengths.sum() / 4096 + TIMED, 20 * layers, weights,
        requests=len(lengths) + TIMED,
    )  # fmt: skip

    def fitting(room: float, _cuda: bool, _bf16: bool) -> Fitting:
        return Fitting(
            weights <= room, int(weights), None, None, {"frozen weights": int(weights)}, (part,)
        )

    notes = tuple(note for _, note in sides[:1] if note)
    return Load(model, fitting, lengths, notes, settings)


def parameters_of(model: Described) -> int:
    """Return how many parameters a model has, counted without making them."""
    from tunewise.training.language.memory import with_few_layers

    if model.name not in _COUNTED:
        few = with_few_layers(model.config) if model.writes else None
        if few is None:
            _COUNTED[model.name] = _counted(model.config, writes=model.writes)
        else:
            small, large = (_counted(one, writes=True) for one in (few.small, few.large))
            _COUNTED[model.name] = round(small + few.times * (large - small))
    return _COUNTED[model.name]


def _counted(config: Any, *, writes: bool) -> int:
    from transformers import AutoModel, AutoModelForCausalLM

    from tunewise.tracing.fakes import on_meta

    def make() -> Any:
        made = (AutoModelForCausalLM if writes else AutoModel).from_config(config)
        made.tie_weights()
        return made

    return sum(p.numel() for p in on_meta(make).parameters())


_COUNTED: dict[str, int] = {}


def _none(lengths: Lengths) -> Lengths:
    return replace(lengths, prompts=lengths.prompts[:0], answers=lengths.answers[:0])


def is_quantised(settings: Any) -> bool:
    """Whether a candidate's frozen weights are in NF4."""
    return isinstance(settings, LoraCandidateSettings) and settings.load_in_4bit
