"""`vla-compose validate`: find every mistake in specs."""

from __future__ import annotations

from typing import Annotated

import typer

from vla_compose.cli.checking import WHOLE, Format, check, expanded, tell
from vla_compose.cli.console import FINDINGS, examples
from vla_compose.diagnostics import BuildError

HELP = f"""Find every mistake in specs.

They are checked at their own dims and at those of every variant. Needs no torch.

Folders are searched for *.yaml and *.yml, except in hidden files and folders.

With --fix, slips of names and ambiguous scalars are corrected where there is no doubt what was meant. A file
is written whole, or left alone where a fix would bring or hide other mistakes; standard input is printed.

{
    examples(
        "vla-compose validate specs/",
        "vla-compose validate my.yaml --fix",
        "vla-compose validate my.yaml --watch",
        "vla-compose validate specs/ --output-format github",
        "cat my.yaml | vla-compose validate -",
    )
}

Exit codes: 0 all are valid, 1 mistakes were found (or would be fixed, with --diff), 2 the command line is
wrong.
"""


def command(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC", help="YAML files, folders of them, names of shipped specs, or - for stdin."
        ),
    ],
    output_format: Annotated[
        Format,
        typer.Option(help="For people, for editors and grep, for programs, for GitHub, for code scanners."),
    ] = Format.text,
    max_errors: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Show at most N mistakes and count the others; json and sarif hold all."
        ),
    ] = 20,
    fix: Annotated[
        bool, typer.Option("--fix", help="Correct what leaves no choice, and show a diff.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again whenever a file changes, until Ctrl-C.")
    ] = False,
) -> None:
    """Run `vla-compose validate`."""
    if watch:
        from vla_compose.cli.watch import watch as keep_watching

        _apart("--watch", (fix, "--fix"), (diff, "--diff"), ("-" in specs, "-"), _in(output_format, WHOLE))
        keep_watching(specs, output_format, max_errors)
        return
    names = expanded(specs)
    if diff:
        from vla_compose.cli.fix import preview

        _apart("--diff", _in(output_format, frozenset(Format) - {Format.text}))
        clean = preview(names)
    elif fix:
        from vla_compose.cli.fix import repair

        if "-" in names and len(names) > 1:
            raise BuildError("`--fix` prints standard input fixed: give `-` alone")
        clean = repair(names, output_format, max_errors)
    else:
        clean = tell({name: check(name) for name in names}, output_format, max_errors)
    if not clean:
        raise typer.Exit(FINDINGS)


def _in(format: Format, formats: frozenset[Format]) -> tuple[bool, str]:
    return format in formats, f"--output-format {format.value}"


def _apart(option: str, *others: tuple[bool, str]) -> None:
    """Refuse what makes no sense together."""
    for given, other in others:
        if given:
            raise BuildError(f"`{option}` does not go together with `{other}`: leave one out")
