"""What is known about a spec in a few words: what the gallery filters and sorts by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction

from vla_compose.check.graph import Graph
from vla_compose.check.routes import Route, routes
from vla_compose.primitives.base import Node, rows
from vla_compose.report import formula
from vla_compose.report.table import source_of
from vla_compose.site.example import LARGE, features
from vla_compose.spec.inputs import GridInput, SizesInput
from vla_compose.types.dim import DimError
from vla_compose.types.tensor import TensorType


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a spec at its own dims.

    Attributes:
        family: `resampler`, `attention`, `convolution`, `patch merger` or `projector`, by what its steps do.
        patches_per_token: how many patches become one token of the first output, such as `4` or `4 or 16`;
            `any number` where the number of tokens does not depend on the image; `varies` where it cannot
            be told.
        order: how the tokens of the first input lie: `block`, `raster`, `window`, `any`.
        grid: whether `forward` is told rows and columns.
        learned: places of learned tokens, such as `row end`.
        attention: whether a step attends.
        tokens: tokens in and out of the first output, as a formula.
    """

    family: str
    patches_per_token: str
    order: str
    grid: bool
    learned: tuple[str, ...]
    attention: bool
    tokens: str
    parameters: int
    outputs: int


def facts(graph: Graph) -> Facts:
    """The facts of a spec."""
    nodes = list(flat([node for checked in graph.chains for node in checked.nodes]))
    drawn = {type(node.step.body).drawn for node in nodes}
    learned = [place for node in nodes for place in node.step.body.learned()]
    output, edge = graph.outputs[0]
    inside = source_of(graph, output.source).type
    known = edge.type.substitute(graph.values)
    before = formula.tokens(inside, graph.values)
    if _joined(inside, known):
        before = str(rows(inside).substitute(graph.values))
    if known.each is not None and known.each.constant is None:
        before += " a tile"
    after = [_tokens(known.substitute(route.sizes), graph) for route in routes(graph)]
    return Facts(
        family=_family(drawn, learned),
        patches_per_token=" or ".join(dict.fromkeys(_ratio(graph, route) for route in routes(graph))),
        order=_order(graph),
        grid=any(isinstance(value, SizesInput | GridInput) for value in graph.spec.inputs.values()),
        learned=tuple(dict.fromkeys("queries" if p == "all" else p.replace("_", " ") for p in learned)),
        attention="attention" in drawn,
        tokens=f"{before} → {' or '.join(dict.fromkeys(after))}",
        parameters=graph.parameters(),
        outputs=len(graph.outputs),
    )


def _tokens(outside: TensorType, graph: Graph) -> str:
    """The number of tokens as a formula, unless the pixels of an image decide."""
    told = {name for value in graph.spec.inputs.values() for name in getattr(value, "names", ())}
    told |= {name for edge in graph.inputs.values() for name in edge.type.symbols()}
    return formula.tokens(outside, graph.values) if told.issuperset(outside.symbols()) else "by image size"


def _joined(inside: TensorType, outside: TensorType) -> bool:
    """Whether the tokens of all images follow each other in the output, and stand apart in the input."""
    if len(inside.axes) < 3 or len(outside.axes) < 2:
        return False
    return bool(inside.axes[0].size.symbols() & outside.axes[-2].size.symbols())


def flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """Steps, each followed by those inside it."""
    for node in nodes:
        yield node
        yield from flat(node.body)


def _family(drawn: Set[str], learned: Sequence[str]) -> str:
    if "attention" in drawn:
        return "resampler" if "all" in learned else "attention"
    if "convolution" in drawn:
        return "convolution"
    return "patch merger" if "merge" in drawn else "projector"


def _ratio(graph: Graph, route: Route) -> str:
    """Patches to a token at a large size, where learned tokens no longer count."""
    output, edge = graph.outputs[0]
    inside = source_of(graph, output.source).type.substitute(graph.values)
    outside = edge.type.substitute(graph.values).substitute(route.sizes)
    pixels = any(
        node.step.body.of_pixels(node.before, node.after, graph.values)
        for checked in graph.chains
        for node in checked.nodes
    )
    if pixels:
        return "varies"
    if not inside.symbols() and not outside.symbols():
        return "varies"
    before, after = _at(inside, graph, LARGE), _at(outside, graph, LARGE)
    twice = _at(outside, graph, 2 * LARGE)
    if not before or not after:
        return "varies"
    if after == twice and _at(inside, graph, 2 * LARGE) != before:
        return "any number"
    ratio = Fraction(before, after)
    whole = round(ratio)
    near = whole > 0 and abs(ratio / whole - 1) < Fraction(1, 50)
    return str(whole) if near else f"{float(ratio):.1f}"


def _at(type_: TensorType, graph: Graph, side: int) -> int | None:
    leading = {
        name
        for edge in graph.inputs.values()
        if features(edge, graph) and len(edge.type.axes) >= 3
        for name in edge.type.axes[0].size.symbols()
    }
    values = {name: 1 if name in leading else side for name in rows(type_).symbols()}
    try:
        return rows(type_).substitute(values).constant
    except DimError:
        return None


def _order(graph: Graph) -> str:
    for edge in graph.inputs.values():
        if not features(edge, graph):
            continue
        type_ = edge.type
        if type_.is_map:
            return "raster"
        if len(type_.axes) < 2:
            return "any"
        groups = [group for group in type_.axes[-2].segments if group.size.constant is None]
        if any(group.window for group in groups):
            return "window"
        if any(len(g.factors) >= 3 and g.factors[-1] == g.factors[-2] for g in groups):
            return "block"
        return "raster" if any(len(group.factors) >= 2 for group in groups) else "any"
    return "any"
