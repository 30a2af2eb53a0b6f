"""Checking what a command line names: files, folders of them, shipped specs, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import IO

from vla_compose.cli.console import show_diagnostics
from vla_compose.diagnostics import BuildError, Diagnostic, SpecError

Results = Mapping[str, Sequence[Diagnostic]]
"""The mistakes of every spec, by the name that it was given on the command line."""


class Format(StrEnum):
    """The formats of `vla_compose.report.FORMATS`."""

    text = "text"
    concise = "concise"
    json = "json"
    github = "github"
    sarif = "sarif"


WHOLE = frozenset({Format.json, Format.sarif})
"""Formats of which an output is one document, with nothing before or after it."""


def expanded(specs: Iterable[str], leave_out: str | None = None) -> list[str]:
    """Every spec once, with folders replaced by the files in them, of which one may be no spec.

    Raises:
        BuildError: there are none in a folder.
    """
    return list(dict.fromkeys(name for spec in specs for name in _expanded(spec, leave_out)))


def check(name: str) -> list[Diagnostic]:
    """Every mistake of one spec."""
    from vla_compose.api import check_document
    from vla_compose.cli.documents import document

    try:
        return check_document(document(name))
    except SpecError as error:
        return list(error.diagnostics)


def tell(results: Results, format: Format, most: int, stream: IO[str] | None = None) -> bool:
    """Print what was found and a line that sums it up; whether all are valid."""
    from vla_compose.cli.documents import sources_of
    from vla_compose.report import render

    stream = stream or sys.stdout
    found = [diagnostic for result in results.values() for diagnostic in result]
    if format is Format.text:
        show_diagnostics(found, sources_of(found), stream, most=most)
    else:
        stream.write(render(format.value, found, {}, most=most))
    if format is Format.text or (format not in WHOLE and not found):
        stream.write(summary(results) + "\n")
    return not found


def summary(results: Results) -> str:
    """`2 specs are valid`, or `3 mistakes in 1 of 2 specs`."""
    wrong, count = sum(bool(result) for result in results.values()), len(results)
    if not wrong:
        return "1 spec is valid" if count == 1 else f"{count} specs are valid"
    return (
        f"{mistakes(sum(map(len, results.values())))} in {f'{wrong} of ' if count > 1 else ''}{specs(count)}"
    )


def mistakes(count: int) -> str:
    """`1 mistake`, `2 mistakes`."""
    return f"{count:,} {'mistake' if count == 1 else 'mistakes'}"


def specs(count: int) -> str:
    """`1 spec`, `2 specs`."""
    return f"{count:,} {'spec' if count == 1 else 'specs'}"


def _expanded(name: str, leave_out: str | None) -> Iterator[str]:
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
    if leave_out is not None:
        other = os.path.realpath(leave_out)
        files = [file for file in files if os.path.realpath(file) != other]
    if not files:
        raise BuildError(f"there is no *.yaml or *.yml file in `{name}`")
    yield from sorted(files)


def _walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, folders, files in os.walk(top):
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        yield folder, folders, files
