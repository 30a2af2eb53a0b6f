"""What `show` and `list` print: tables, as aligned text in a pipe, with boxes and colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vla_compose.check.graph import CheckedChain, Edge, Graph, count
from vla_compose.check.routes import contracts, routes
from vla_compose.primitives.base import Member, Node
from vla_compose.report import formula
from vla_compose.report.printable import cells, pad, printable
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput
from vla_compose.spec.model import ROOT, Origin, names
from vla_compose.types.dim import Dim

if TYPE_CHECKING:
    from rich.console import RenderableType

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table. `right` holds the columns of numbers; without a `header` there is no box."""

    title: str
    rows: Sequence[Row]
    header: Row = ()
    right: frozenset[int] = frozenset()


def describe(graph: Graph, variant: str | None = None) -> list[Section]:
    """Everything that is known about a spec for one set of dims."""
    spec, values = graph.spec, graph.values
    facts = [("summary", spec.summary), ("paper", spec.sources.paper), ("code", spec.sources.code)]
    facts.append(("dims", ", ".join(f"{name} {value}" for name, value in values.items())))
    facts.append(("variants", ", ".join(spec.variants)))
    title = f"{spec.name} ({variant})" if variant else spec.name
    sections = [Section(title, [(name, value) for name, value in facts if value])]
    sections.append(
        Section("inputs", [describe_input(graph, name) for name in spec.inputs], ("name", "type", "size"))
    )
    sections += [_chain(graph, checked) for checked in graph.chains]
    sections.append(_outputs(graph))
    said = [*contracts(graph), *graph.notes]
    if said:
        sections.append(Section("at run time", [(text,) for text in said]))
    sections.append(Section("total", _total(graph)))
    return sections


def render(sections: Sequence[Section]) -> str:
    """Aligned text without boxes; nothing is cut, however long the lines get."""
    return "\n".join("".join(f"{line}\n" for line in _plain(_safe(section))) for section in sections)


def styled(sections: Sequence[Section]) -> RenderableType:
    """The same with boxes and colour; what does not fit is wrapped, never cut."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for section in map(_safe, sections):
        if section.title:
            parts.append(Text(section.title, "bold cyan"))
        parts.append(_grid(section))
        if not section.header:
            parts.append(Text())
    return Group(*parts)


def describe_input(graph: Graph, name: str) -> tuple[str, str, str]:
    """An input: its name, its type in words, and its size."""
    value = graph.spec.inputs[name]
    if isinstance(value, SizesInput):
        default = f" (default {' '.join(map(str, value.default))})" if value.default else ""
        return name, f"integers {value.sizes}{default}", ""
    if isinstance(value, GridInput):
        return name, f"integers {value.grid} of every image", ""
    if isinstance(value, FlagInput):
        return name, f"true or false (default {str(value.flag).lower()})", ""
    type_ = graph.inputs[name].type
    return name, f"{type_}{' (optional)' if value.optional else ''}", formula.size(type_, graph.values)


def _chain(graph: Graph, checked: CheckedChain) -> Section:
    chain = checked.chain
    title = (
        f"steps, from {chain.source}" if chain.name == ROOT else f"chain {chain.name}, from {chain.source}"
    )
    if chain.each:
        title += f": {checked.copies} copies, one for each tensor, with weights of their own"
    rows = [*_steps(graph, checked.nodes, 0), *(_unused(member) for member in checked.unused)]
    numbers = "parameters of one" if chain.each else "parameters"
    return Section(title, rows, ("step", "type after it", "size", numbers), frozenset({3}))


def _steps(graph: Graph, nodes: Sequence[Node], depth: int) -> Iterator[Row]:
    for node in nodes:
        name = getattr(node.step.body, "name", None) or ", ".join(member.path for member in node.members)
        label = f"{'  ' * depth}{node.step.kind} {name}".rstrip()
        size = formula.size(node.after, graph.values)
        yield label, str(node.after), size, _number(_parameters(node.members))
        yield from _steps(graph, node.body, depth + 1)


def _unused(member: Member) -> Row:
    return f"unused {member.path}", "", "", _number(_parameters([member]))


def _outputs(graph: Graph) -> Section:
    rows = []
    for output, edge in graph.outputs:
        counts = [formula.tokens(each.type, graph.values) for each in sources_of(graph, output.source)]
        flow = f"{', '.join(dict.fromkeys(counts))} -> {formula.tokens(edge.type, graph.values)}"
        rows.append((output.name, str(edge.type), formula.size(edge.type, graph.values), flow))
    return Section("outputs", rows, ("name", "type", "size", "tokens in -> out"))


def _total(graph: Graph) -> list[Row]:
    parameters = graph.parameters()
    half, full = formula.memory(2 * parameters), formula.memory(4 * parameters)
    packed = any(axis.packed for edge in graph.inputs.values() for axis in edge.type.axes)
    of = "of matrix products" + (", for each image" if packed else "")
    return [
        ("parameters", f"{parameters:,}"),
        ("memory", f"{half} in bf16, {full} in fp32"),
        *(
            (f"FLOPs{f', {r.label}' if r.label else ''}", f"{formula.cost(flops(graph, r.chains))} ({of})")
            for r in routes(graph)
        ),
    ]


def flops(graph: Graph, run: Set[str]) -> list[Dim]:
    """The cost of every step of the chains that run."""
    return [n.flops * c.copies for c in graph.chains if c.chain.name in run for n in c.nodes]


def source_of(graph: Graph, origin: Origin) -> Edge:
    """The input that a chain or an output starts from, through the chains before it."""
    return graph.inputs[first_input(graph, origin)]


def sources_of(graph: Graph, origin: Origin) -> list[Edge]:
    """Every input that something starts from, through the chains before it."""
    waiting: list[str] = list(names(origin))
    found: dict[str, Edge] = {}
    while waiting:
        name = waiting.pop(0)
        if name in graph.inputs:
            found[name] = graph.inputs[name]
        else:
            waiting += names(graph.chain(name).chain.source)
    return list(found.values())


def first_input(graph: Graph, origin: Origin) -> str:
    """The name of that input."""
    name = names(origin)[0]
    while name not in graph.inputs:
        name = names(graph.chain(name).chain.source)[0]
    return name


def _parameters(found: Sequence[Member]) -> int:
    return sum(count(shape) for member in found for _, shape in member.entries())


def _number(value: int) -> str:
    return f"{value:,}" if value else ""


def _safe(section: Section) -> Section:
    rows = [tuple(map(printable, row)) for row in section.rows]
    return replace(section, title=printable(section.title), rows=rows)


def _plain(section: Section) -> Iterator[str]:
    rows = [*([section.header] if section.header else []), *section.rows]
    widths = [max(cells(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    if section.title:
        yield section.title
    for row in rows:
        padded = (pad(text, widths[at], right=at in section.right) for at, text in enumerate(row))
        yield f"  {'   '.join(padded)}".rstrip()


def _grid(section: Section) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    framed = bool(section.header)
    table = Table(
        box=box.ROUNDED if framed else None, show_header=framed, header_style="bold", border_style="dim"
    )
    for at in range(len(section.rows[0]) if section.rows else 0):
        number = at in section.right
        table.add_column(
            section.header[at] if framed else "",
            justify="right" if number else "left",
            style="" if at else "green",
            overflow="fold",
            no_wrap=number or (not at and not framed and len(section.rows[0]) > 1),
        )
    for row in section.rows:
        # An address stays one link when it is folded over two lines.
        links = (f"link {text}" if text.startswith("https://") and " " not in text else "" for text in row)
        table.add_row(*(Text(text, link, overflow="fold") for text, link in zip(row, links, strict=True)))
    return table
