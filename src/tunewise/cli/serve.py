"""`tunewise serve`: a run's winner behind HTTP, for OpenAI's clients and for label questions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

NEEDED = ("fastapi", "uvicorn", "httptools", "prometheus_client")


def serve(  # noqa: PLR0917 -- a verb's options
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    candidate: Annotated[
        str | None, typer.Option(help="Answer with this candidate instead of the winner.")
    ] = None,
    runtime: Annotated[
        str,
        typer.Option(
            help="What computes: transformers, or an export: onnx, onnx-int8, gguf-q8_0 ..."
        ),
    ] = "transformers",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that compute; left out, all cores but one."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the key that clients must bear."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another name that the server may be called by; may be repeated."),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Reject labels whose probability is lower."),
    ] = 0.0,
    log_text: Annotated[bool, typer.Option(help="Write texts and answers to the log too.")] = False,
    shadow: Annotated[
        str | None,
        typer.Option(help="A second candidate that is asked the same, to compare the two."),
    ] = None,
    record_text: Annotated[
        bool, typer.Option(help="Keep questions and written answers with the second's answers.")
    ] = False,
    max_body: Annotated[
        int, typer.Option(min=1000, help="Bytes of a request at most.")
    ] = 1_000_000,
    max_seconds: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a request may take.")
    ] = 120.0,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests that may wait in line; more get 429.")
    ] = 256,
) -> None:
    """Serve a run's winner: OpenAI's chat, completions and embeddings, and /v1/classify."""
    from tunewise.errors import BadInput
    from tunewise.progress import progress_for

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"serving needs {' and '.join(missing)}",
            mend="Install it: pip install 'tunewise[serve]'",
        )
    from tunewise.serving.limits import Limits
    from tunewise.serving.serve import Wanted
    from tunewise.serving.serve import serve as served

    progress = progress_for(json_events=False)
    limits = Limits(body_bytes=max_body, seconds=max_seconds, waiting=max_waiting)
    wanted = Wanted(
        run=run,
        candidate=candidate,
        runtime=runtime,
        threads=threads,
        host=host,
        port=port,
        key_env=key_env,
        hosts=tuple(allow_host or ()),
        threshold=threshold,
        log_text=log_text,
        shadow=shadow,
        record_text=record_text,
        limits=limits,
    )
    try:
        served(wanted, progress)
    finally:
        progress.close()
