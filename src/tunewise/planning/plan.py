"""The door: a task becomes a plan. Rows are read and split, no model is fetched, nothing is kept.

Given a task file and what was asked, gives back what each candidate takes on one machine, and what
the whole run takes on every machine. Knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.planning.estimate import NOTHING, Between, Estimate, Plan, Total
from tunewise.planning.fits import mends
from tunewise.planning.hardware import HERE, Machine, hardware, machine, priced, this_machine
from tunewise.planning.limits import where_kept
from tunewise.planning.measured import Rate, encoder_rate, language_rate, product_rate, reading_rate
from tunewise.planning.rates import money, seconds
from tunewise.planning.rows import Rows
from tunewise.planning.work import Load, is_quantised, load
from tunewise.progress import Progress
from tunewise.task.load import load_task
from tunewise.task.settings import (
    EncoderSettings,
    Entry,
    TuningSettings,
    columns_asked,
    named,
)


@dataclass(frozen=True)
class Asked:
    """What a plan is asked about.

    Attributes:
        on: machine by name; None for this one.
        measure: whether this machine is measured; else its speed is a guess.
        elsewhere: whether the catalogue's machines are planned for as well.
    """

    on: str | None = None
    measure: bool = True
    elsewhere: bool = True


@dataclass
class _Planner:
    progress: Progress
    rates: dict[str, Rate | None] = field(default_factory=dict)

    def estimate(self, name: str, entry: Entry, asked: Load, at: Machine) -> Estimate:
        """Return what one candidate takes on one machine."""
        model = asked.model.name if asked.model else None
        base = Estimate(name, entry.kind, model, at.name, None, None, int(at.bytes))
        if asked.fitting is None:
            known = entry.kind == "majority"
            note = () if known else ("how long it takes to answer isn't known beforehand",)
            return replace(base, seconds=NOTHING if known else None, notes=note)
        fitting = asked.fitting(at.bytes, at.kind == "cuda", at.bf16)
        notes = [*asked.notes, *((fitting.note,) if fitting.note else ()), *_access(asked)]
        rate = self.rates.get(name) if at.here else None
        taken = None
        if fitting.fits:
            in_4bit = is_quantised(asked.settings)
            taken = seconds(fitting.parts, at, in_4bit=in_4bit, rate=rate)
        return replace(
            base,
            fits=fitting.fits,
            peak=fitting.peak,
            tokens_per_pass=fitting.tokens_per_pass,
            recomputed=fitting.recomputed,
            kinds=fitting.kinds,
            seconds=taken,
            usd=money(taken, at),
            notes=tuple(notes),
        )

    def measure(self, name: str, asked: Load, at: Machine) -> None:
        """Measure how fast this machine does a candidate's step."""
        if asked.sample is None or at.kind != "cpu":
            return
        config, arguments, some = asked.sample(at.bf16)
        self.progress.line(f"Measuring how fast this machine trains {name}")
        if isinstance(asked.settings, TuningSettings):
            self.rates[name] = language_rate(config, arguments, some)
        elif isinstance(asked.settings, EncoderSettings):
            self.rates[name] = encoder_rate(config, arguments, some)


def planned(task_file: Path, asked: Asked, progress: Progress) -> Plan:
    """Return what a task takes.

    Raises:
        TunewiseError: as the run would raise it for its data; BadInput for a machine that isn't
            known; ModelError for a model that isn't, or whose config lacks what is needed.
    """
    task = load_task(task_file)
    prices = task.prices
    at = machine(asked.on, prices) if asked.on else this_machine(prices)
    folder = task_file.absolute().parent
    dataset = read_dataset(
        task.data, folder, columns_asked(task), kind=task.kind, progress=progress
    )
    rows = Rows(task, folder, dataset, split(dataset, task.data, task.seed))
    return of_rows(rows, asked, at, progress)


def of_rows(rows: Rows, asked: Asked, at: Machine, progress: Progress) -> Plan:
    """Return what a task takes whose rows were read already."""
    entries = named(rows.task.candidates)
    loads = {name: load(rows, entry) for name, entry in entries.items()}
    planner, rate = _Planner(progress), None
    if at.here and at.kind == "cpu":
        at = replace(at, bf16=_bf16_here())
        if asked.measure:
            rate = product_rate()
            at = replace(at, flops=rate, bandwidth=reading_rate())
            for name, found in loads.items():
                planner.measure(name, found, at)
    made = [planner.estimate(name, entries[name], found, at) for name, found in loads.items()]
    made = [
        replace(one, mends=mends(rows, entries[one.candidate], loads[one.candidate], at))
        if one.fits is False
        else one
        for one in made
    ]
    totals = [_total(made, at)]
    if asked.elsewhere:
        totals += _elsewhere(planner, rows, loads, at)
    ordered = sorted(totals, key=_cheapest_first)
    best = next((t.machine for t in ordered if t.fits and t.usd), None)
    splits = rows.splits
    return Plan(
        task=rows.task.task,
        rows=(len(splits.train), len(splits.validation), len(splits.test)),
        lengths=_lengths(loads),
        on=at.name,
        estimates=tuple(made),
        totals=tuple(ordered),
        cheapest=best,
        measured=rate,
        notes=(*_notes(made, at, rate), *_budget(rows, ordered, asked)),
    )


def elsewhere(rows: Rows, at: Machine, progress: Progress) -> list[Total]:
    """Return what a task takes on each card of the catalogue but one, the cheapest first."""
    loads = {name: load(rows, entry) for name, entry in named(rows.task.candidates).items()}
    return sorted(_elsewhere(_Planner(progress), rows, loads, at), key=_cheapest_first)


def _elsewhere(
    planner: _Planner, rows: Rows, loads: Mapping[str, Load], at: Machine
) -> list[Total]:
    entries = named(rows.task.candidates)
    cards = [m for m in hardware().values() if m.kind == "cuda" and m.name != at.name]
    found = []
    for card in (priced(card, rows.task.prices) for card in cards):
        each = [planner.estimate(n, entries[n], asked, card) for n, asked in loads.items()]
        found.append(_total(each, card))
    return found


def _total(made: list[Estimate], at: Machine) -> Total:
    fits = all(one.fits is not False for one in made)
    whole: Between | None = None
    if fits:
        whole = NOTHING
        for one in made:
            whole = whole + (one.seconds or NOTHING)
    return Total(
        machine=at.name,
        fits=fits,
        seconds=whole,
        usd=money(whole, at),
        price=at.usd_per_hour,
        price_source=at.price_source,
        unknown=tuple(one.candidate for one in made if one.seconds is None and fits),
    )


def _cheapest_first(total: Total) -> tuple[bool, bool, float]:
    paid = total.usd.high if total.usd else 0.0
    return (total.machine != HERE, not total.fits, paid)


def _lengths(loads: Mapping[str, Load]) -> tuple[int, int, int] | None:
    counted = [found.lengths for found in loads.values() if found.lengths is not None]
    if not counted or not any(len(one) for one in counted):
        return None
    longest = max((one for one in counted if len(one)), key=lambda one: float(np.median(one)))
    middle, most = np.percentile(longest, [50, 95])
    return int(middle), int(most), int(longest.max())


def _budget(rows: Rows, totals: list[Total], asked: Asked) -> tuple[str, ...]:
    budget = rows.task.budget
    return (where_kept(totals, budget),) if budget and asked.elsewhere else ()


def _notes(made: list[Estimate], at: Machine, rate: float | None) -> tuple[str, ...]:
    notes = list(dict.fromkeys(note for one in made for note in one.notes))
    if at.here and at.kind == "cpu" and rate is None:
        notes.append("this machine wasn't measured, so its times are a guess")
    return tuple(notes)


def _access(asked: Load) -> list[str]:
    """Return what has to be done before a gated model can be fetched."""
    model = asked.model
    if model is None or model.known is None or not model.known.gated or model.folder is not None:
        return []
    from huggingface_hub import get_token

    page = f"https://huggingface.co/{model.known.hub}"
    then = "" if get_token() else ", then log in: hf auth login (or set HF_TOKEN)"
    return [f"{model.name} is gated: accept its owner's terms at {page}{then}"]


def _bf16_here() -> bool:
    import torch

    from tunewise.engines.precision import fastest_dtype

    return fastest_dtype("cpu") is torch.bfloat16
