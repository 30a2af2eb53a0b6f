"""The example image that diagrams lay through a spec.

It has 2 x 3 cells (2 x 2 where the grid is square, 2 x 4 where windows are shown), each as large as the most
that any step folds into one token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vla_compose.check.graph import Edge, Graph
from vla_compose.check.routes import routes
from vla_compose.spec.inputs import GridInput, SizesInput
from vla_compose.spec.model import Choice
from vla_compose.types.dim import Dim, DimError
from vla_compose.types.tensor import Group, TensorType

LARGE = 5040
"""A side of a grid that many numbers divide: how much a step folds is read off at this size."""
MOST_FOLDED = 6


@dataclass(frozen=True, slots=True)
class Example:
    """Values of every size for the example image, `coarse` cells of it, and the flag's branch."""

    values: Mapping[str, int]
    coarse: tuple[int, int]
    unordered: frozenset[str]
    flag: bool


def features(edge: Edge, graph: Graph) -> bool:
    """Whether an input holds features: something with a known number of channels, so no mask."""
    return edge.type.width.substitute(graph.values).constant is not None


def example(graph: Graph) -> Example:
    """The example image of a graph."""
    default = next((route for route in routes(graph) if route.default), None)
    flag = default is not None and not default.label.startswith("not ")
    values: dict[str, int] = dict(graph.values)
    types = [edge.type for edge in graph.inputs.values() if features(edge, graph)]
    grids = _named_grids(graph)
    folded = _folded(graph)
    square = any(len(set(sides)) == 1 for sides in map(_sides, types) if sides)
    window = any(axis.window for type_ in types for axis in type_.axes)
    coarse = (2, 2) if square else (2, 4) if window else (2, 3)
    if folded == 1:
        coarse = (4, 4) if square else (4, 6)
    blocks = coarse[0] * coarse[1]
    unordered: set[str] = set()
    for type_ in types:
        for names_ in grids:
            if len(names_) > 2:
                values[names_[0]] = 2
        sides = _sides(type_)
        if sides:
            for side, size in zip(sides, coarse, strict=True):
                for name in side.symbols() - _folds(type_, graph):
                    values[name] = size * folded * _unit(side, name, type_, graph)
        elif (group := _group(type_, graph)) is not None and len(group.factors) >= 3:
            lead = group.factors[:-2]
            for name in {name for factor in lead for name in factor.symbols()} - graph.values.keys():
                values.setdefault(name, blocks if len(lead) == 1 else 1)
        elif group is not None and len(group.factors) == 1:
            alone = group.factors[0].symbol
            if alone is not None and alone not in values:
                unordered.add(alone)
                values[alone] = 12
    for checked in graph.chains:
        for type_ in (checked.before.type, *(node.after for node in checked.nodes)):
            for name in type_.symbols():
                values.setdefault(name, 1)
    if default is not None:
        for name, chosen in _chosen(graph, flag).items():
            found = chosen.substitute(values).constant
            if found is not None:
                values[name] = found
    return Example(values, coarse, frozenset(unordered), flag)


def _chosen(graph: Graph, flag: bool) -> dict[str, Dim]:
    """Sizes that a choice introduced, as those of the branch, dims kept as names."""
    found: dict[str, Dim] = {}
    starts = [(c.chain.source, c.before) for c in graph.chains]
    for origin, edge in [*starts, *((output.source, edge) for output, edge in graph.outputs)]:
        if isinstance(origin, Choice):
            name = origin.then if flag else origin.otherwise
            branch = graph.inputs[name] if name in graph.inputs else graph.chain(name).after
            for joined, own in zip(edge.type.factors(), branch.type.factors(), strict=True):
                if joined.symbol is not None and joined != own:
                    found[joined.symbol] = own.substitute(found)
    return found


def _named_grids(graph: Graph) -> list[list[str]]:
    return [v.names for v in graph.spec.inputs.values() if isinstance(v, SizesInput | GridInput)]


def _group(type_: TensorType, graph: Graph) -> Group | None:
    """The part of the token axis that holds patches."""
    if type_.is_map or len(type_.axes) < 2:
        return None
    found = [g for g in type_.axes[-2].segments if g.size.constant is None]
    return found[0] if found else None


def _sides(type_: TensorType) -> tuple[Dim, Dim] | None:
    """Rows and columns of a grid, as the type names them; `None` where they are not sides of an image."""
    if type_.is_map:
        return type_.axes[-2].size, type_.axes[-1].size
    if len(type_.axes) < 2:
        return None
    for group in type_.axes[-2].segments:
        block = len(group.factors) >= 3 and group.factors[-1] == group.factors[-2]
        if group.size.constant is None and len(group.factors) >= 2 and not block:
            return group.factors[-2], group.factors[-1]
        if len(group.factors) >= 4 and block:
            return group.factors[-4], group.factors[-3]
    return None


def _unit(side: Dim, name: str, type_: TensorType, graph: Graph) -> int:
    """How much of a size makes one row or column: 14 where there are `height//14` rows."""
    group = _group(type_, graph)
    block = group is not None and len(group.factors) >= 4 and group.factors[-1] == group.factors[-2]
    inner = group.factors[-1].substitute(graph.values).constant if group is not None and block else 1
    found = side.substitute({**graph.values, name: LARGE}).constant
    return max(1, round(LARGE / (found * (inner or 1)))) if found else 1


def _folds(type_: TensorType, graph: Graph) -> set[str]:
    """Dims that say how many patches a cell has, as `merge` in `h//merge`."""
    return {name for name in graph.values for side in (_sides(type_) or ()) if side.symbol != name}


def _folded(graph: Graph) -> int:
    """The most patches of one side that any step folds into one token."""
    most = 1
    for edge in graph.inputs.values():
        if not features(edge, graph):
            continue
        sides, group = _sides(edge.type), _group(edge.type, graph)
        if group is not None and len(group.factors) >= 3 and group.factors[-1] == group.factors[-2]:
            most = max(most, group.factors[-1].substitute(graph.values).constant or 1)
        if sides is None:
            continue
        free = {name for side in sides for name in side.symbols()} - _folds(edge.type, graph)
        values: dict[str, int] = {**graph.values, **dict.fromkeys(free, LARGE)}
        for checked in graph.chains:
            for type_ in (checked.before.type, *(node.after for node in checked.nodes)):
                inner = _sides(type_)
                try:
                    after = inner[0].substitute(values).constant if inner else None
                    before = sides[0].substitute(values).constant
                except DimError:
                    continue
                if after and before and before >= after:
                    most = max(most, round(before / after))
    return most if most <= MOST_FOLDED else 1
