"""Models of the catalogue: found by words, explained, and recommended for a task, card and licence.

Given what is wanted, gives back models with the reasons for and against each. Whether a model fits
is traced, not looked up. Knows nothing of terminals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewise.errors import BadInput, ModelError, did_you_mean
from tunewise.models.catalogue import Kind, Known, catalogue
from tunewise.models.configs import described
from tunewise.planning.hardware import GIB, Machine
from tunewise.task.settings import EncoderSettings, LoraCandidateSettings

TOKENS = 512  # of a row for which it is asked whether a model fits
ROWS = 1000  # of a data set that only its number of epochs hangs on
LABELS = 20
QUICK = 5.0  # GiB to spare from which on a larger model isn't in the way

Way = Literal["all weights", "LoRA", "QLoRA"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model has to be.

    Attributes:
        kind: 'encoder' for labels, 'causal' for what is written (and for labels too); None: any.
        context: tokens that it must read.
        commercial: whether it must be free for commercial use, without conditions.
        open: whether it must not be gated.
        largest: parameters at most.
        machine: on which it must be tuned; None for no matter.
    """

    kind: Kind | None = None
    context: int | None = None
    commercial: bool = False
    open: bool = False
    largest: float | None = None
    machine: Machine | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, and how it can be tuned on the machine that was asked about.

    Attributes:
        name: in the catalogue.
        known: its entry.
        way: how it fits there; None where no machine was asked about.
        peak: bytes that this takes, with rows of TOKENS tokens.
        reasons: for taking it.
    """

    name: str
    known: Known
    way: Way | None
    peak: int | None
    reasons: tuple[str, ...]


def found(words: str) -> dict[str, Known]:
    """Return the models in whose entry all the words stand, in the catalogue's order."""
    wanted = words.lower().split()

    def text(name: str, known: Known) -> str:
        facts = (name, known.description, known.licence, known.kind, known.template, known.hub)
        return " ".join(str(fact) for fact in facts if fact).lower()

    return {n: k for n, k in catalogue().items() if all(w in text(n, k) for w in wanted)}


def known_model(name: str) -> Known:
    """Return a model's entry.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in catalogue():
        raise ModelError(
            f"there is no model '{name}' in the catalogue", mend=did_you_mean(name, catalogue())
        )
    return catalogue()[name]


def recommended(wanted: Wanted) -> list[Offer]:
    """Return the models that are as wanted, the one to try first at the top.

    The largest that fits in comfort first: with good rows a larger model of a family tunes better,
    and one that just fits leaves no room for longer rows.

    Raises:
        BadInput: none is as wanted, with what stands in the way of most.
    """
    refused: dict[str, int] = {}
    offers = []
    for name, known in catalogue().items():
        against = _against(known, wanted)
        way, peak = (None, None)
        if against is None and wanted.machine is not None:
            way, peak = fitting_way(name, known, wanted.machine)
            if way is None:
                against = f"it doesn't fit on {wanted.machine.name}"
        if against is not None:
            refused[against] = refused.get(against, 0) + 1
            continue
        offers.append(Offer(name, known, way, peak, _reasons(known, wanted, way, peak)))
    if not offers:
        most = max(refused, key=lambda why: refused[why])
        raise BadInput(
            "no model of the catalogue is as wanted",
            mend=f"What stands in the way of most ({refused[most]} of {len(catalogue())}): {most}.",
        )
    return sorted(offers, key=lambda offer: _order(offer, wanted))


def _against(known: Known, wanted: Wanted) -> str | None:
    if wanted.kind and known.kind != wanted.kind:
        kinds = {"encoder": "it is a language model", "causal": "it is an encoder"}
        return kinds[wanted.kind]
    if wanted.context and known.context < wanted.context:
        return f"it reads fewer than {wanted.context:,} tokens"
    if wanted.commercial and known.commercial != "yes":
        return "its licence sets conditions on commercial use"
    if wanted.open and known.gated:
        return "it is gated"
    if wanted.largest and known.parameters > wanted.largest:
        return f"it has more than {wanted.largest / 1e9:g} billion parameters"
    return None


def fitting_way(name: str, known: Known, machine: Machine) -> tuple[Way | None, int | None]:
    """Return the most thorough way to tune a model on a machine, and the bytes it takes."""
    if known.kind == "encoder":
        peak = _encoder_peak(name, machine)
        return ("all weights", peak) if peak <= machine.bytes else (None, None)
    for way in ("LoRA", "QLoRA"):
        if way == "QLoRA" and machine.kind != "cuda":
            continue
        found = _language_peak(name, machine, in_4bit=way == "QLoRA")
        if found is not None:
            return ("LoRA", found) if way == "LoRA" else ("QLoRA", found)
    return None, None


def _language_peak(name: str, machine: Machine, *, in_4bit: bool) -> int | None:
    from tunewise.training.fast.packed import Row
    from tunewise.training.language.arguments import effective
    from tunewise.training.language.memory import Foreseen

    model = described(name)
    supervised = np.zeros(TOKENS, dtype=bool)
    supervised[-64:] = True
    arguments = effective(
        LoraCandidateSettings(load_in_4bit=in_4bit),
        rows=ROWS,
        parameters=catalogue()[name].parameters,
        max_length=TOKENS,
        bf16=machine.bf16,
        seed=0,
    )
    rows = [Row(np.ones(TOKENS, dtype=np.int32), supervised)]
    cuda = machine.kind == "cuda"
    fit = Foreseen(model.config, arguments, rows, on_cuda=cuda).fit(machine.bytes, TOKENS)
    return fit.peak if fit else None


def _encoder_peak(name: str, machine: Machine) -> int:
    from tunewise.training.encoder.arguments import effective
    from tunewise.training.encoder.traced import Batch, traced

    settings, known = EncoderSettings(), catalogue()[name]
    arguments = effective(
        settings,
        rows=ROWS,
        parameters=known.parameters,
        max_length=settings.max_length,
        bf16=machine.bf16,
        seed=0,
    )
    size = settings.per_device_train_batch_size
    batch = Batch(size, settings.max_length, LABELS, on_cuda=machine.kind == "cuda")
    return traced(described(name).config, arguments, batch).peak


def _reasons(known: Known, wanted: Wanted, way: Way | None, peak: int | None) -> tuple[str, ...]:
    reasons = []
    if way and wanted.machine and peak:
        took = f"{peak / GIB:.1f} of {wanted.machine.bytes / GIB:.1f} GiB"
        reasons.append(f"tuned by {way} it takes {took}")
    conditions = {"yes": "free for commercial use", "conditions": "commercial use on conditions"}
    reasons.append(f"{known.licence}: {conditions[known.commercial]}")
    reasons.append(f"reads {known.context:,} tokens")
    if known.gated:
        reasons.append(f"gated: accept its terms at https://huggingface.co/{known.hub}")
    if known.package:
        reasons.append("comes with a Python package, no account needed")
    return tuple(reasons)


def _order(offer: Offer, wanted: Wanted) -> tuple[int, int, float]:
    tight = 0
    if wanted.machine and offer.peak:
        tight = int(wanted.machine.bytes - offer.peak < min(QUICK * GIB, wanted.machine.bytes / 5))
    return (tight, ["all weights", "LoRA", "QLoRA", None].index(offer.way), -offer.known.parameters)
