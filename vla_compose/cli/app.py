"""The entry point: what is wrong with a spec or a command line becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from vla_compose.cli import build, docs, eject, explain, new, schema, show, validate, verify
from vla_compose.cli import list as list_
from vla_compose.cli.console import FAILURE, FINDINGS, complain, examples, lenient, report
from vla_compose.diagnostics import SpecError, VlaComposeError
from vla_compose.weights.errors import CheckpointError

app = typer.Typer(
    name="vla-compose",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = {
    "list": list_,
    "show": show,
    "validate": validate,
    "build": build,
    "verify": verify,
    "eject": eject,
    "new": new,
    "schema": schema,
    "explain": explain,
    "docs": docs,
}
for name, module in COMMANDS.items():
    app.command(name, help=module.HELP, no_args_is_help=name not in ("list", "schema"))(module.command)

HELP = f"""Vision-language adapters as short YAML specs.

They are checked without torch, and compiled to exact PyTorch modules.

{
    examples(
        "vla-compose list",
        "vla-compose show qwen2-vl --variant 7b",
        "vla-compose new my-adapter --from qwen2-vl",
        "vla-compose validate my-adapter.yaml",
        "vla-compose eject my-adapter.yaml -o adapter.py",
    )
}

Exit codes: 0 clean, 1 mistakes in a spec, 2 a wrong command line or an internal error.
"""


def _version(wanted: bool) -> None:
    if wanted:
        from vla_compose import __version__

        print(f"vla-compose {__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None: ...


def main() -> NoReturn:
    """Run the command line and exit."""
    lenient()
    try:
        app()
    except SpecError as error:
        report(error)
        code = FINDINGS
    except CheckpointError as error:
        complain(error.summary, error.details)
        code = FAILURE
    except VlaComposeError as error:
        complain(str(error))
        code = FAILURE
    except BrokenPipeError:
        # The reader has left, as `head` does. Nothing more can be written, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILURE
    except Exception:
        import traceback

        traceback.print_exc()
        complain("this is a bug in vla-compose, not in your spec; please report it with the lines above")
        code = FAILURE
    else:
        code = 0
    sys.exit(code)
