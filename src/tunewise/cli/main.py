"""The console script: its verbs, and what becomes of errors. Imports nothing heavy."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from tunewise.cli import (
    audit,
    compare,
    curve,
    decide,
    doctor,
    export,
    init,
    judge,
    launch,
    models,
    plan,
    predict,
    prompts,
    push,
    report,
    review,
    run,
    schema,
    serve,
    show,
)
from tunewise.errors import TunewiseError, one_line
from tunewise.version import __version__

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it

app = typer.Typer(
    name="tunewise",
    help="Tune or prompt? An honest verdict from your labelled examples, and the winner to ship.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("launch")(launch.launch)
app.command("audit")(audit.audit)
app.command("curve")(curve.curve)
app.command("show")(show.show)
app.command("prompts")(prompts.prompts)
app.command("predict")(predict.predict)
app.command("report")(report.report)
app.command("review")(review.review)
app.command("judge")(judge.judge)
app.command("decide")(decide.decide)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("serve")(serve.serve)
app.command("push")(push.push)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("schema")(schema.schema)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tunewise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _asked: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the console script; exit with 0, 2 (bad input), 3 (failed proof), 130 or 1 (a bug)."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: list[str]) -> int:
    """Run a verb and return its exit status; bad input is one line on standard error."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # PEFT imports it where it is, and it complains of a kernel that nothing here asks for.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="tunewise", standalone_mode=False)
    except TunewiseError as error:
        print(f"tunewise: {error}", file=sys.stderr)
        return error.exit_status
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return 0  # the reader of our output has gone, as with `| head`
    except Exception as error:
        shown = getattr(error, "show", None)
        if shown is None:
            raise
        shown()  # a usage error, told by the command-line library in its own words
        return int(getattr(error, "exit_code", 2))
    if code == INTERRUPTED:  # the command-line library may return it for Ctrl-C
        again = " ".join(["tunewise", *arguments])
        print(
            f"\ntunewise: stopped. What was finished is kept; carry on with: {one_line(again)}",
            file=sys.stderr,
        )
    return code if isinstance(code, int) else 0
