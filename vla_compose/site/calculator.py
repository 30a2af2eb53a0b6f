"""The calculator of a page: what an image costs. Its data goes into the page, its answers are the same here.

`calculator(graph…)` makes the data; `calculate` is what `adapters.js` does with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vla_compose.check.graph import Edge, Graph
from vla_compose.check.routes import Route, routes
from vla_compose.cli.sizes import (
    COLUMNS,
    ROWS,
    SMALL,
    cell,
    contracts,
    fixed_sizes,
    placed_sizes,
    symbols,
)
from vla_compose.primitives.base import rows
from vla_compose.report.table import flops
from vla_compose.site.expression import HEIGHT, WIDTH, Tree, added, evaluate, tree
from vla_compose.spec.inputs import GridInput
from vla_compose.types.dim import Dim

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an image costs. `wrong` says why it does not fit; then there is nothing else.

    `patches` are all vectors that go in, `tokens` all that come out of each output.
    """

    wrong: str = ""
    grid: tuple[int, int] | None = None
    patches: int = 0
    tokens: tuple[tuple[str, int], ...] = ()
    flops: int = 0
    parameters: int = 0
    output_numbers: int = 0


def calculator(graph: Graph, label: str) -> Data:
    """The formulas of a spec for one set of dims.

    `mode` is `patches` where an image of patches decides the sizes, `pixels` where its pixels do, and
    `sizes` where neither does.
    """
    told = placed_sizes(graph)
    # One image of one frame is a start that a reader may change.
    placed = [(name, size) for name, size in told if size.constant is None]
    pixels = {
        name: made
        for checked in graph.chains
        for node in checked.nodes
        for name, made in node.step.body.of_pixels(node.before, node.after, graph.values).items()
    }
    decided = {name for name, _ in placed} | pixels.keys()
    fixed = fixed_sizes(graph) | {name: size.constant for name, size in told if size.constant is not None}
    every = [*symbols(graph), *sorted(_symbols_of_outputs(graph))]
    introduced = {name for route in routes(graph) for name in route.sizes}
    free = [name for name in dict.fromkeys(every) if name not in decided | introduced]
    placed = list(dict.fromkeys(placed))
    used = _used(graph)
    return {
        "label": label,
        "dims": dict(graph.values),
        "mode": "patches" if placed else "pixels" if pixels else "sizes",
        "cell": cell(graph),
        "placed": [[name, tree(size)] for name, size in placed] or [[n, made] for n, made in pixels.items()],
        "free": [[name, fixed.get(name, SMALL), _label(name, graph)] for name in free if name in used],
        "contracts": [
            {
                "size": tree(r.size.substitute(graph.values)),
                "multiple": r.multiple_of,
                "least": r.at_least,
                "text": str(r),
            }
            for r in dict.fromkeys(contracts(graph))
        ],
        "parameters": graph.parameters(),
        "routes": [_route(graph, route) for route in routes(graph)],
    }


def calculate(
    found: Data,
    route: str = "",
    *,
    image: tuple[int, int] | None = None,
    patch: int = 1,
    sizes: Mapping[str, int] | None = None,
) -> Answer:
    """What `adapters.js` shows.

    Args:
        found: data from `calculator`.
        route: the label of the route that is taken.
        image: width and height in pixels, where the mode is `patches` or `pixels`.
        patch: side of a patch in pixels, where it is `patches`.
        sizes: values for the free sizes; those of `found` by default.
    """
    values = {name: value for name, value, _ in found["free"]} | dict(sizes or {})
    grid: tuple[int, int] | None = None
    if image is not None and found["mode"] == "patches":
        width, height = image
        grid = (_whole(height, patch * found["cell"]), _whole(width, patch * found["cell"]))
        grid = (grid[0] * found["cell"], grid[1] * found["cell"])
        values |= {ROWS: grid[0], COLUMNS: grid[1]}
    elif image is not None:
        values |= {WIDTH: image[0], HEIGHT: image[1]}
    bound: dict[str, int] = {}
    for name, size in found["placed"]:
        value = evaluate(size, values)
        if bound.setdefault(name, value) != value:
            return Answer(wrong="these inputs need an image with equal sides")
    values |= bound
    for contract in found["contracts"]:
        size = evaluate(contract["size"], values)
        if size % contract["multiple"] or size < contract["least"]:
            return Answer(wrong=f"the image does not fit: {contract['text']}")
    taken = next(made for made in found["routes"] if made["label"] == route)
    tokens = tuple((output["name"], evaluate(output["tokens"], values)) for output in taken["outputs"])
    numbers = sum(
        count * output["width"] for (_, count), output in zip(tokens, taken["outputs"], strict=True)
    )
    return Answer(
        "",
        grid,
        evaluate(taken["patches"], values),
        tokens,
        evaluate(taken["flops"], values),
        found["parameters"],
        numbers,
    )


def _label(name: str, graph: Graph) -> str:
    """What a size is, where the inputs tell."""
    if any(isinstance(v, GridInput) and name in v.names for v in graph.spec.inputs.values()):
        return f"frames ({name})"
    lead = (edge.type.axes[0].size.symbol for edge in graph.inputs.values() if len(edge.type.axes) >= 3)
    return f"batch ({name})" if name in lead else name


def _whole(pixels: int, unit: int) -> int:
    """`max(1, round(pixels / unit))`: to the nearest, of two equally near ones to the even one."""
    below, rest = divmod(pixels, unit)
    up = 2 * rest > unit or (2 * rest == unit and below % 2 == 1)
    return max(1, below + up)


def _route(graph: Graph, route: Route) -> Data:
    def counted(edge: Edge) -> Dim:
        copies = edge.type.each if edge.type.each is not None else Dim.of(1)
        images = copies.symbol is not None and copies.symbol not in graph.values
        total = rows(edge.type) * (1 if images else copies)
        return total.substitute(graph.values).substitute(route.sizes)

    features = [
        e for e in graph.inputs.values() if e.type.width.substitute(graph.values).constant is not None
    ]
    outputs = [
        {
            "name": output.name,
            "tokens": tree(counted(edge)),
            "width": edge.type.width.substitute(graph.values).constant,
        }
        for output, edge in graph.outputs
    ]
    cost = [tree(part.substitute(route.sizes)) for part in flops(graph, route.chains)]
    return {
        "label": route.label,
        "default": route.default,
        "patches": added([tree(counted(edge)) for edge in features[:1]]),
        "outputs": outputs,
        "flops": added([part for part in cost if part != 0]),
    }


def _symbols_of_outputs(graph: Graph) -> set[str]:
    types = [edge.type.substitute(graph.values) for _, edge in graph.outputs]
    return {name for type_ in types for name in type_.symbols()}


def _used(graph: Graph) -> set[str]:
    """Names that some formula reads."""
    found: set[str] = set()
    for route in routes(graph):
        waiting: list[Tree] = [_route(graph, route)["flops"], _route(graph, route)["patches"]]
        waiting += [output["tokens"] for output in _route(graph, route)["outputs"]]
        waiting += [tree(r.size.substitute(graph.values)) for r in contracts(graph)]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                found.add(part)
            elif isinstance(part, list):
                waiting += part[1:]
    return found
