"""`vla-compose explain`: the page of a diagnostic or of a primitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vla_compose.cli.console import examples, show

if TYPE_CHECKING:
    from rich.console import RenderableType


HELP = f"""Explain a diagnostic or a primitive.

Of a diagnostic: what it means, a wrong spec and the right one. Of a primitive: what it does, and its fields.

{examples("vla-compose explain VC201", "vla-compose explain spatial_merge")}
"""


def command(
    topic: Annotated[
        str,
        typer.Argument(metavar="CODE|PRIMITIVE", help="A code such as VC201, or a primitive such as norm."),
    ],
) -> None:
    """Run `vla-compose explain`."""
    text = page(topic)
    show(lambda: text, lambda: _markdown(text))


def page(topic: str) -> str:
    """The page of a code or a primitive in Markdown.

    Raises:
        BuildError: there is no such code or primitive.
    """
    from vla_compose.codes import CODES
    from vla_compose.diagnostics import BuildError
    from vla_compose.explanations import explanation
    from vla_compose.primitives import REGISTRY
    from vla_compose.report.pages import primitive_page
    from vla_compose.spec.words import nearest

    if topic.upper() in CODES:
        return explanation(topic.upper())
    if topic in REGISTRY:
        return primitive_page(REGISTRY[topic])
    by_name = {name: code for code, name in CODES.items()}
    if topic in by_name:
        return explanation(by_name[topic])
    near = nearest(topic, [*CODES, *REGISTRY, *by_name])
    hint = f"did you mean `{near}`?" if near else f"the primitives are: {', '.join(REGISTRY)}"
    raise BuildError(f"there is no code or primitive `{topic}`; {hint}")


def _markdown(text: str) -> RenderableType:
    from rich.markdown import Markdown

    return Markdown(text, code_theme="ansi_dark")
