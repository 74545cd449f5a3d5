"""`tunewise export`: a run's winner as files for other programs, with proof."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewise.shipping.export import Exported


class To(StrEnum):
    """What a run can be exported to."""

    adapter = "adapter"
    merged = "merged"
    gguf = "gguf"
    onnx = "onnx"
    ollama = "ollama"
    service = "service"


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    to: Annotated[To, typer.Option(help="Format of the files.")],
    *,
    candidate: Annotated[
        str | None, typer.Option(help="Export this candidate instead of the winner.")
    ] = None,
    quantisation: Annotated[
        list[str] | None,
        typer.Option(help="Of GGUF files: f16, q8_0, bf16, q4_k_m ...; repeatable. f16 and q8_0."),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1, help="Validation rows that the proof asks, at most.")
    ] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print the proof as JSON.")] = False,
) -> None:
    """Write the winner to RUN/shipped/FORMAT and prove that it answers as it did in training.

    Ends with exit status 3 if it doesn't; the folder then stays marked as failed. 'service' writes
    a container file and a systemd unit instead, which need no proof.
    """
    from tunewise.progress import progress_for
    from tunewise.shipping.export import export as exported

    if to is To.service:
        from tunewise.shipping.service import write_service

        typer.echo(f"{write_service(run, candidate)}: Containerfile, systemd unit and lock")
        return
    progress = progress_for(as_json)
    try:
        found = exported(
            run,
            to.value,
            progress,
            candidate=candidate,
            quantisations=quantisation or (),
            rows=rows,
        )
    finally:
        progress.close()
    _print(found, as_json=as_json)


def _print(found: Exported, *, as_json: bool) -> None:
    from tunewise.files import plain

    if as_json:
        typer.echo(json.dumps({"folder": str(found.folder), "proofs": plain(found.proofs)}))
        return
    for proof in found.proofs:
        name = found.folder if proof.model == "." else found.folder / proof.model
        tied = f" (tied at {proof.tied:,} more)" if proof.tied else ""
        typer.echo(
            f"{name}: proved in {proof.runtime} on {proof.rows:,} {proof.side} rows; likeliest"
            f" token agrees at {proof.agreement:.2%} of {proof.positions:,} positions{tied};"
            f" {proof.metric} {proof.exported:.3f}, trained {proof.trained:.3f}"
        )
