"""The text of one generated class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vla_compose.check.graph import Edge, Graph, members
from vla_compose.lower.code import Code
from vla_compose.lower.guards import EAGER, Guards
from vla_compose.lower.layout import condition, statements
from vla_compose.lower.members import constructor, containers
from vla_compose.primitives.base import Node
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput

Statements = list[tuple[str, str]]


def class_text(
    name: str,
    doc: str,
    init: Sequence[str],
    arguments: Sequence[str],
    body: Statements,
    result: str,
    returns: str,
) -> str:
    """A subclass of `nn.Module` with a constructor and a `forward`."""
    lines = [f"class {name}(nn.Module):", f'    """{doc}"""', "", "    def __init__(self) -> None:"]
    lines += statements([("super().__init__()", ""), *((line, "") for line in init)], 2)
    lines += ["", f"    def forward(self, {', '.join(arguments)}) -> {returns}:"]
    lines += statements([*body, (f"return {result}", "")], 2)
    return "\n".join(lines)


def arguments(graph: Graph, names: Iterable[str], *, defaults: bool = True) -> list[str]:
    """Parameters of `forward` for inputs and for results of other chains."""
    found = []
    for name in names:
        value = graph.spec.inputs.get(name)
        if isinstance(value, SizesInput):
            kinds = ", ".join(["int"] * len(value.names))
            default = f" = {tuple(value.default)!r}" if value.default is not None and defaults else ""
            found.append(f"{name}: tuple[{kinds}]{default}")
        elif isinstance(value, FlagInput):
            found.append(f"{name}: bool = {value.flag}" if defaults else f"{name}: bool")
        elif value is None or isinstance(value, GridInput):
            found.append(f"{name.replace('.', '_')}: Tensor")
        elif value.each is not None:
            found.append(f"{name}: list[Tensor]")
        elif value.optional:
            found.append(f"{name}: Tensor | None{' = None' if defaults else ''}")
        else:
            found.append(f"{name}: Tensor")
    return found


def unpack(graph: Graph, names: Iterable[str]) -> Statements:
    """Give names to the sizes that inputs bind, and lists of rows to grids."""
    found: Statements = []
    for name in names:
        value = graph.spec.inputs.get(name)
        if isinstance(value, SizesInput):
            count, comma = len(value.names), "," if len(value.names) == 1 else ""
            kinds = f"[isinstance(at, int) and at > 0 for at in {name}]"
            wrong = f"not isinstance({name}, (list, tuple)) or {kinds} != {[True] * count}"
            what = (
                f"{count} positive Python integers" if count > 1 else "one positive Python integer in a tuple"
            )
            message = f"`{name}` must be {what} `{value.sizes}`, but {{given({name})}}"
            found += [
                (EAGER, ""),
                (f"    if {wrong}:", ""),
                (f'        raise ValueError(f"{message}")', ""),
                (f"{', '.join(value.names)}{comma} = {name}", ""),
            ]
        elif isinstance(value, FlagInput):
            message = f"`{name}` must be `True` or `False`, but {{given({name})}}"
            found += [
                (EAGER, ""),
                (f"    if not isinstance({name}, bool):", ""),
                (f'        raise ValueError(f"{message}")', ""),
            ]
        elif isinstance(value, GridInput):
            columns = len(value.names)
            message = (
                f"`{name}` must have one row an image with the columns `{value.grid}`, integers of at least 1"
            )
            parts = [
                f"not isinstance({name}, Tensor)",
                f"{name}.is_floating_point()",
                f"{name}.dim() != 2",
                f"{name}.shape[1] != {columns}",
                f"not len({name})",
                f"{name}.min() < 1",
            ]
            found += [
                (EAGER, ""),
                *((line, "") for line in condition(parts, 1)),
                (f'        raise ValueError(f"{message}, but {{given({name})}}")', ""),
                (f"{grid_rows(name)} = {name}.tolist()", ""),
            ]
    return found


def grid_rows(grid: str) -> str:
    """The variable that holds the rows of a grid as numbers."""
    return f"{grid}_rows"


def checks(guards: Guards) -> Statements:
    """The run-time checks, first in `forward`."""
    return [(line, "") for line in guards.lines()]


def bind(needed: Iterable[str], guards: Guards) -> Statements:
    """Give names to sizes that shapes tell."""
    return [
        (f"{name} = {guards.sources[name]}", "")
        for name in sorted(needed)
        if guards.sources.get(name, name) != name
    ]


def layer_class(name: str, node: Node, code: Code) -> list[str]:
    """Write the class of one repeated layer; gives back what each call is passed after the stream."""
    registered = list(members(node.body))
    inner = code.inner(containers(registered))
    stream, context = inner.x, inner.context
    inner.steps(node.body)
    if {stream, context} & {*inner.inputs, *inner.sizes}:
        inner = code.inner(containers(registered), "_in")
        stream, context = inner.x, inner.context
        inner.steps(node.body)
    hoisted = [variable for variable, _ in inner.hoisted.values()]
    for key, (variable, write) in inner.hoisted.items():
        code.hoist(key, variable, write)
    side = list(inner.inputs)
    sizes = sorted(inner.sizes)
    code.pieces |= inner.pieces
    code.sizes |= inner.sizes
    parameters = [f"{stream}: Tensor", *([f"{context}: Tensor"] if context else [])]
    parameters += [f"{given}: Tensor | None" for given in (*side, *hoisted)]
    parameters += [f"{size}: int" for size in sizes]
    doc = f"{node.before.substitute(code.values)} -> {node.after.substitute(code.values)}"
    text = class_text(name, doc, constructor(registered, ()), parameters, inner.lines, inner.x, "Tensor")
    code.classes += [*inner.classes, text]
    return [
        *([code.context] if code.context else []),
        *(code.input(given) for given in side),
        *hoisted,
        *sizes,
    ]


def shown(edge: Edge, graph: Graph) -> str:
    """A type with the values of dims put in."""
    return str(edge.type.substitute(graph.values))
