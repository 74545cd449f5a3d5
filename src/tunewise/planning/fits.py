"""What to change where a candidate doesn't fit on a machine, each change tried before it is named.

Given a candidate's load and a machine, gives back sentences. Knows nothing of time or money.
"""

from __future__ import annotations

import math

from tunewise.planning.hardware import GIB, Machine, hardware
from tunewise.planning.rows import Rows
from tunewise.planning.work import Fitting, Load, load
from tunewise.task.settings import (
    EncoderSettings,
    Entry,
    FullEntry,
    LoraCandidateSettings,
    LoraEntry,
    TuningSettings,
)

SHORTER = (1024, 512, 256, 128)  # tokens of a row that are tried
SHARDED = 0.85  # of what several cards have together that FSDP puts to use


def mends(rows: Rows, entry: Entry, asked: Load, machine: Machine) -> tuple[str, ...]:
    """Return what would make a candidate fit, the mildest change first."""
    from tunewise.training.language.memory import held

    settings, found = entry.settings, []

    def fitting(changed: Load) -> Fitting:
        assert changed.fitting is not None
        return changed.fitting(machine.bytes, machine.kind == "cuda", machine.bf16)

    def fits(changed: Entry) -> bool:
        return fitting(load(rows, changed)).fits is True

    if isinstance(settings, LoraCandidateSettings) and not settings.load_in_4bit:
        other = LoraEntry(lora=settings.model_copy(update={"load_in_4bit": True}))
        if machine.kind == "cuda" and fits(other):
            found.append("set load_in_4bit: true (QLoRA)")
    if isinstance(settings, TuningSettings) and entry.kind == "full":
        fields = {name: getattr(settings, name) for name in settings.model_fields_set}
        other = LoraEntry(lora=LoraCandidateSettings.model_construct(**fields))
        if fits(other):
            found.append("tune an adapter (lora) in place of all weights")
    if isinstance(settings, TuningSettings):
        if "checkpointing" in settings.switch_off:
            less = [name for name in settings.switch_off if name != "checkpointing"]
            same = settings.model_copy(update={"switch_off": less})
            if fits(_entry(entry, same)):
                found.append("take checkpointing out of switch_off")
        longest = int(asked.lengths.max()) if asked.lengths is not None else 0
        saves = held(fitting(asked).kinds) <= machine.bytes  # else the weights alone are too much
        for shorter in SHORTER if saves else ():
            same = settings.model_copy(update={"max_length": shorter})
            if shorter < longest and fits(_entry(entry, same)):
                found.append(f"set max_length: {shorter} (the longest row has {longest:,} tokens)")
                break
    if isinstance(settings, EncoderSettings) and settings.per_device_train_batch_size > 1:
        found.append("lower per_device_train_batch_size")
    return (*found, *_larger(asked, machine))


def _entry(entry: Entry, settings: TuningSettings) -> Entry:
    if entry.kind == "full":
        return FullEntry.model_construct(full=settings)  # type: ignore[arg-type]
    return LoraEntry.model_construct(lora=settings)  # type: ignore[arg-type]


def _larger(asked: Load, machine: Machine) -> list[str]:
    """Return the smallest cards that would do, one alone or several that share the weights."""
    assert asked.fitting is not None
    cards = sorted(
        (m for m in hardware().values() if m.kind == "cuda"), key=lambda m: (m.bytes, m.flops)
    )
    found = []
    for card in cards:
        if card.bytes > machine.bytes and asked.fitting(card.bytes, True, card.bf16).fits:
            found.append(f"take a larger card: {card.name} ({card.bytes / GIB:.0f} GiB to use)")
            break
    if not found:
        card = hardware()["a40"]
        least = asked.fitting(card.bytes, True, True)
        assert least.peak is not None
        count = math.ceil(least.peak / (card.bytes * SHARDED))
        if count > 1:
            found.append(
                f"share it among {count} {card.name} (FSDP, one part each: tunewise launch)"
            )
    return found
