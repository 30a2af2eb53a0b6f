"""From what is named on a command line to a document, a graph, and the text that diagnostics point into."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from vla_compose.api import certain, overrides, read
from vla_compose.catalog import find
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.diagnostics import BuildError, Diagnostic
from vla_compose.report import Sources
from vla_compose.report.paths import STDIN
from vla_compose.spec.limits import DEFAULT_LIMITS
from vla_compose.spec.reader import Document, read_text

SpecArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="The name of a shipped spec, or a YAML file.")
]
VariantOption = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="One of the released sizes that the spec lists."),
]
DimOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dim", metavar="NAME=N", help="Replace a dim, after the variant's. Can be given several times."
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write to this file instead of the terminal."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")]

_piped: dict[str, str] = {}
"""Standard input can be read only once."""


def document(name: str) -> Document:
    """The document of a shipped spec, a file, or standard input (`-`).

    Raises:
        SpecError: it cannot be read.
    """
    if name == "-":
        return read_text(piped(), file=STDIN, partly=True)
    return read(name, located(name))


def piped() -> bytes:
    """Standard input, as far as a spec may go; remembered as the text that diagnostics point into."""
    data = sys.stdin.buffer.read(DEFAULT_LIMITS.file_bytes + 1)
    remember(_decoded(data))
    return data


def remember(text: str) -> None:
    """Let diagnostics of standard input point into this text."""
    _piped[STDIN] = text.removeprefix("\ufeff")


def located(name: str) -> str:
    """The file of a shipped spec, or the file itself."""
    path = find(name)
    return shortest(str(path)) if path is not None else name


def graph(name: str, variant: str | None, dims: Sequence[str] | None) -> Graph:
    """The checked graph of what is named on the command line.

    Raises:
        SpecError: the spec has mistakes, or has them with these dims.
        BuildError: there is no such variant or dim.
    """
    spec = certain(document(name))
    return infer(spec, overrides(spec, variant, given(dims)))


def given(dims: Sequence[str] | None) -> dict[str, int]:
    """The dims of `--dim`.

    Raises:
        BuildError: one of them is not `NAME=N`.
    """
    return dict(map(_dim, dims or ()))


def sources_of(found: Iterable[Diagnostic]) -> Sources:
    """The text of every file that diagnostics name, as far as it can be read."""
    files = dict.fromkeys(diagnostic.file for diagnostic in found if diagnostic.file is not None)
    return {file: text for file in files if (text := source(file)) is not None}


def source(file: str) -> str | None:
    """The text of a file, with a sign for each byte that is not UTF-8; `None` if it cannot be read."""
    from vla_compose.spec.codes import Refused
    from vla_compose.spec.limits import read_bytes

    if file in _piped:
        return _piped[file]
    try:
        return _decoded(read_bytes(file, DEFAULT_LIMITS.file_bytes))
    except Refused:
        return None


def shortest(path: str) -> str:
    """A path as a reader would type it: below the current folder, without that folder."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if relative.startswith(os.pardir) else relative


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _dim(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    if not equals or not value.strip().isascii() or not value.strip().isdigit():
        raise BuildError(f"`--dim {text}` is not NAME=N with a positive integer, such as `--dim text=2048`")
    if len(value.strip()) > 10:
        raise BuildError(f"`--dim {text}` is larger than 2^31")
    return name.strip(), int(value)
