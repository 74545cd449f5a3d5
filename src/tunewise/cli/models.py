"""`tunewise models`: the catalogue searched, a model explained, one recommended."""

from __future__ import annotations

import json
import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tunewise.models.catalogue import Known
    from tunewise.planning.choose import Offer


class For(StrEnum):
    """What the model is to do."""

    classification = "classification"
    generation = "generation"


def models(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words to search for, or one model's name.")
    ] = None,
    *,
    kind: Annotated[
        For | None, typer.Option("--for", help="Recommend for this kind of task.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="Recommend what can be tuned on this card ('here': this one)."),
    ] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Free for commercial use, without conditions.")
    ] = False,
    ungated: Annotated[bool, typer.Option("--ungated", help="Fetched without an account.")] = False,
    context: Annotated[int | None, typer.Option(min=1, help="Tokens that it must read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search the models that are known by a short name, explain one, or recommend some.

    Any other folder or Hub id can be used in a task as well.
    """
    from tunewise.models.catalogue import catalogue
    from tunewise.planning.choose import found, known_model, recommended

    if kind or on or commercial or ungated or context:
        _recommend(recommended(_wanted(kind, on, context, commercial=commercial, ungated=ungated)),
                   as_json=as_json)  # fmt: skip
        return
    if words and len(words) == 1 and words[0] in catalogue():
        _explain(words[0], known_model(words[0]), as_json=as_json)
        return
    some = found(" ".join(words or ()))
    if not some and words:
        known_model(" ".join(words))  # says what is near
    _list(some, as_json=as_json)


def _wanted(
    kind: For | None, on: str | None, context: int | None, *, commercial: bool, ungated: bool
) -> Any:
    from tunewise.planning.choose import Wanted
    from tunewise.planning.hardware import machine, this_machine

    place = None
    if on:
        place = this_machine() if on == "here" else machine(on)
    return Wanted(
        kind=None if kind is None else "encoder" if kind == For.classification else "causal",
        context=context,
        commercial=commercial,
        open=ungated,
        machine=place,
    )


def size_in_words(parameters: int) -> str:
    """Return a number of parameters in millions or billions."""
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"


def _list(some: dict[str, Known], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({n: k.model_dump(exclude_none=True) for n, k in some.items()}))
        return
    for name, known in some.items():
        gated = "gated" if known.gated else ""
        typer.echo(
            f"{name:<22} {size_in_words(known.parameters):>6} {known.context:>7,} "
            f"{known.licence.removeprefix('LicenseRef-'):<11} {gated:<6} {known.kind}"
        )


def _explain(name: str, known: Known, *, as_json: bool) -> None:
    from tunewise.models.configs import described

    text = described(name).config.get_text_config()
    if as_json:
        typer.echo(json.dumps({name: known.model_dump(exclude_none=True)}))
        return
    conditions = {"yes": "free for commercial use", "conditions": "commercial use on conditions"}
    lines = [
        known.description,
        f"{size_in_words(known.parameters)} parameters: {text.num_hidden_layers} layers of"
        f" {text.hidden_size}, {text.vocab_size:,} tokens known, {known.context:,} read at most.",
        f"Licence {known.licence.removeprefix('LicenseRef-')}: {conditions[known.commercial]}.",
    ]
    if known.template:
        lines.append(f"Chat template of the family {known.template}.")
    if known.gated:
        lines.append(
            f"Gated: accept its owner's terms at https://huggingface.co/{known.hub}, then log in:"
            " hf auth login (or set HF_TOKEN)."
        )
    weights = known.parameters * 2 / 2**30
    lines.append(f"Its weights take {weights:.1f} GiB in bfloat16, {weights / 3.7:.1f} in NF4.")
    for line in lines:
        typer.echo(textwrap.fill(line, 80, break_long_words=False))


def _recommend(offers: list[Offer], *, as_json: bool) -> None:
    from tunewise.files import plain

    if as_json:
        told = [
            {"name": o.name, "way": o.way, "peak": o.peak, "reasons": list(o.reasons)}
            for o in offers
        ]
        typer.echo(json.dumps(plain(told)))
        return
    for offer in offers:
        typer.echo(f"{offer.name} ({size_in_words(offer.known.parameters)})")
        why = "; ".join(offer.reasons) + "."
        typer.echo(textwrap.fill(why, 80, initial_indent="  ", subsequent_indent="  "))
