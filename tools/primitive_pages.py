"""Pages of primitives: what its class says, a whole spec with its types, who uses it, what it reports."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import vla_compose
from vla_compose.catalog import shipped
from vla_compose.check.scope import Scope
from vla_compose.codes import CODES
from vla_compose.explanations import explanation
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Primitive, Step
from vla_compose.report.pages import fields_table
from vla_compose.report.table import describe

EXAMPLES = Path(__file__).parent / "examples"
GROUPS = {
    "map": "Channels",
    "norm": "Norms",
    "order": "Order of tokens",
    "merge": "Fewer tokens",
    "convolution": "Convolutions",
    "tokens": "More tokens, other tokens, places",
    "attention": "Attention",
    "residual": "Steps around steps",
    "group": "Steps around steps",
}
INDEX = """# Primitives

A step of a spec is one of these. Each has a page with its fields, a whole spec, the shipped specs that use
it and the mistakes that it reports. `vla-compose explain NAME` prints the same text and fields in a terminal.

Sizes are numbers or expressions over dims, such as `4 * vision`; `same` stands for the incoming number of
channels. A primitive of your own: [Write a primitive](../guide/primitive.md).
"""


def pages() -> dict[Path, str]:
    """The index and the page of every primitive, by file."""
    made = {Path("docs/reference/primitives.md"): INDEX + "".join(_groups())}
    return made | {Path(f"docs/primitives/{kind}.md"): page(kind) for kind in sorted(REGISTRY)}


def page(kind: str) -> str:
    """The page of one primitive."""
    primitive = REGISTRY[kind]
    parts = [
        f"# {kind}",
        text(primitive),
        "## Fields",
        fields_table(primitive),
        "## In a spec",
        *_example(kind),
        "## Used by",
        _users(kind),
        "## Mistakes it reports",
        _reports(primitive),
    ]
    return "\n\n".join(parts) + "\n"


def text(primitive: type[Primitive]) -> str:
    """The docstring without its example, which a whole spec replaces."""
    return primitive.page().partition("\n\nExample:")[0]


def _groups() -> Iterator[str]:
    kinds: dict[str, list[str]] = {title: [] for title in GROUPS.values()}
    for kind in sorted(REGISTRY):
        kinds[GROUPS[REGISTRY[kind].drawn]].append(kind)
    for title, members in kinds.items():
        if members:
            # The anchors that the primitives had when they were sections of this page.
            rows = [
                f"| [`{kind}`](../primitives/{kind}.md){{#{kind}}} | {_first(kind)} |" for kind in members
            ]
            yield "\n".join(["", f"## {title}", "", "| primitive | what it does |", "|---|---|", *rows, ""])


def _first(kind: str) -> str:
    """The first sentence of a page, in a cell."""
    paragraph = text(REGISTRY[kind]).split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0].replace("|", "\\|")


def _example(kind: str) -> Iterator[str]:
    file = EXAMPLES / f"{kind}.yaml"
    if not file.is_file():
        sys.exit(f"`{kind}` has no example: write a short spec that uses it to tools/examples/{kind}.yaml")
    yield f"```yaml\n{file.read_text(encoding='utf-8')}```"
    yield "Its steps, with the type after each:"
    for section in describe(vla_compose.compose(vla_compose.load(file))):
        if section.title.startswith("steps"):
            header, rows = ("step", "type after it", "parameters"), [(r[0], r[1], r[3]) for r in section.rows]
            yield "\n".join(["| " + " | ".join(header) + " |", "|---|---|--:|", *map(_row, rows)])


def _row(cells: tuple[str, str, str]) -> str:
    step, after, parameters = cells
    depth = (len(step) - len(step.lstrip())) // 2
    return f"| {'&emsp;' * depth}{step.strip()} | {f'`{after}`' if after else ''} | {parameters} |"


def _users(kind: str) -> str:
    found = [name for name in sorted(shipped()) if kind in _kinds(name)]
    if not found:
        return "No shipped spec yet."
    return " · ".join(f"[{name}](../adapters/{name}.md)" for name in found)


@cache
def _kinds(name: str) -> frozenset[str]:
    """Every primitive that a spec uses, whatever its dims."""
    return frozenset(kind for chain in vla_compose.load(name).chains.values() for kind in nested(chain.steps))


def nested(steps: Iterable[Step]) -> Iterator[str]:
    """The kinds of steps, with those inside them."""
    for step in steps:
        yield step.kind
        for field in step.body.nested:
            yield from nested(getattr(step.body, field))


def _reports(primitive: type[Primitive]) -> str:
    rows = [
        f"| [{code}](../errors/{code}.md) | {CODES[code]} | {summary(code)} |" for code in codes(primitive)
    ]
    own = ["\n".join(["| code | name | meaning |", "|---|---|---|", *rows])] if rows else []
    shared = "an unknown field or a missing one, a value that is none of those allowed, a name used twice"
    return "\n\n".join(
        [*own, f"And what any step may have: {shared}. All of them: [errors](../errors/index.md)."]
    )


def codes(primitive: type[Primitive]) -> list[str]:
    """The codes that its file names, and those that it asks the checker for."""
    return sorted(set(_codes(inspect.getsource(inspect.getmodule(primitive) or primitive), "scope", set())))


def _codes(source: str, scope: str, seen: set[str]) -> Iterator[str]:
    yield from re.findall(r'"(VC\d{3})"', source)
    for name in set(re.findall(rf"\b{scope}\.(\w+)\(", source)) - seen:
        method = getattr(Scope, name, None)
        if callable(method):
            seen.add(name)
            yield from _codes(inspect.getsource(method), "self", seen)


def summary(code: str) -> str:
    """What a code means, in a line."""
    return explanation(code).split("\n\n")[1].replace("\n", " ")
