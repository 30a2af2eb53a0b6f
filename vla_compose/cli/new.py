"""`vla-compose new`: a spec of one's own, from one that works."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vla_compose.cli.console import examples
from vla_compose.cli.documents import ForceOption

if TYPE_CHECKING:
    from vla_compose.spec.reader import Document


HELP = f"""Start a spec of your own.

It is a copy of a spec that works, valid as written: change it line by line.

{
    examples(
        "vla-compose new my-adapter --from qwen2-vl",
        "vla-compose new my-adapter --from qwen3-vl -o specs/mine.yaml",
    )
}
"""


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new spec.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="SPEC", help="The spec to start from: see `vla-compose list`.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The file to write; - prints.  [default: NAME.yaml]"
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Run `vla-compose new`."""
    from vla_compose.cli.documents import document
    from vla_compose.cli.output import deliver

    text = renamed(document(origin), name, origin)
    file = output or f"{name}.yaml"
    deliver(text, file, force=force)
    if file != "-":
        print(f"look at it with `vla-compose show {file}`", file=sys.stderr)


def renamed(document: Document, name: str, origin: str) -> str:
    """The text of a spec under a new name, with a comment that says where it came from.

    Raises:
        SpecError: the spec has mistakes.
        BuildError: the name is not a name for a spec.
    """
    from vla_compose.api import check_document
    from vla_compose.diagnostics import BuildError, SpecError
    from vla_compose.report.printable import printable
    from vla_compose.spec.names import other_spec_name
    from vla_compose.spec.parse import load_spec
    from vla_compose.spec.reader import read_text

    if found := check_document(document):
        raise SpecError(found)
    lines = document.text.splitlines(keepends=True)
    span = document.value_span(("name",))
    line = lines[span.line - 1]
    lines[span.line - 1] = f"{line[: span.column - 1]}{name}{line[span.end_column - 1 :]}"
    comment = f"# Started from `{printable(origin)}`. Change it, then run `vla-compose validate`.\n"
    lines.insert(1 if lines[0].startswith("# yaml-language-server:") else 0, comment)
    text = "".join(lines)
    try:
        good = load_spec(read_text(text)).name == name
    except SpecError:
        good = False
    if not good:
        raise BuildError(f"`{name}` is no name for a spec: {other_spec_name(name)}")
    return text
