"""`vla-compose validate`: find every mistake in specs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from vla_compose.cli.console import FINDINGS, examples, show_diagnostics
from vla_compose.diagnostics import BuildError, Diagnostic, SpecError


class Format(StrEnum):
    """The formats of `vla_compose.report.FORMATS`."""

    text = "text"
    concise = "concise"
    json = "json"


HELP = f"""Find every mistake in specs.

They are checked at their own dims and at those of every variant. Needs no torch.

Folders are searched for *.yaml and *.yml, except in hidden files and folders.

{
    examples(
        "vla-compose validate specs/",
        "vla-compose validate my.yaml --output-format concise",
        "cat my.yaml | vla-compose validate -",
    )
}

Exit codes: 0 all are valid, 1 mistakes were found, 2 the command line is wrong.
"""


def command(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC", help="YAML files, folders of them, names of shipped specs, or - for stdin."
        ),
    ],
    output_format: Annotated[
        Format, typer.Option(help="For people, for editors and grep, or for programs.")
    ] = Format.text,
) -> None:
    """Run `vla-compose validate`."""
    from vla_compose.cli.documents import sources_of
    from vla_compose.report import render

    names = list(dict.fromkeys(name for spec in specs for name in _expanded(spec)))
    results = {name: _check(name) for name in names}
    found = [diagnostic for result in results.values() for diagnostic in result]
    if output_format is Format.text:
        show_diagnostics(found, sources_of(found), sys.stdout)
    else:
        sys.stdout.write(render(output_format.value, found, {}))
    wrong = sum(bool(result) for result in results.values())
    if output_format is not Format.json and not wrong:
        print("1 spec is valid" if len(names) == 1 else f"{len(names)} specs are valid")
    if output_format is Format.text and wrong:
        of = f"{wrong} of {len(names)} specs" if len(names) > 1 else "1 spec"
        print(f"{len(found)} {'mistake' if len(found) == 1 else 'mistakes'} in {of}")
    if wrong:
        raise typer.Exit(FINDINGS)


def _expanded(name: str) -> Iterator[str]:
    from vla_compose.catalog import find

    if name == "-" or find(name) is not None or not os.path.isdir(name):
        yield name
        return
    files = [
        os.path.join(folder, file)
        for folder, _, files in _walk(name)
        for file in files
        if file.endswith((".yaml", ".yml")) and not file.startswith(".")
    ]
    if not files:
        raise BuildError(f"there is no *.yaml or *.yml file in `{name}`")
    yield from sorted(files)


def _walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, folders, files in os.walk(top):
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        yield folder, folders, files


def _check(name: str) -> list[Diagnostic]:
    from vla_compose.api import check_document
    from vla_compose.cli.documents import document

    try:
        return check_document(document(name))
    except SpecError as error:
        return list(error.diagnostics)
