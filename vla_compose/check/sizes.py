"""Sizes in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vla_compose.check.graph import Edge
from vla_compose.spec.faults import Faults
from vla_compose.spec.inputs import GridInput, Input
from vla_compose.types.dim import Dim


def too_small(name: object, value: int, dim: Dim, least: float) -> tuple[str, str]:
    """A message and a help for a size below the least that it may be."""
    message = f"`{name}` is {value}, but must be at least {least}"
    if dim.constant is not None:
        return message, f"give `{name}` at least {least}"
    return message, f"change the dims so that `{dim}` is at least {least}"


def sized(size: Dim, value: Dim) -> str:
    """`side` = 15, or the number alone."""
    return f"{value}" if size == value else f"`{size}` = {value}"


def in_order(names: Iterable[str], edges: Mapping[str, Edge]) -> list[str]:
    """Sizes in the order in which the types of inputs name them."""
    factors = [factor for edge in edges.values() for factor in edge.type.factors()]
    places = {name: at for at, factor in reversed([*enumerate(factors)]) for name in factor.symbols()}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def giving(names: set[str], inputs: Mapping[str, Input], edges: Mapping[str, Edge], faults: Faults) -> str:
    """A help for sizes that must be known at run time, but that no input gives."""
    sizes = " ".join(in_order(names, edges))
    types = [edge.type for edge in edges.values()]
    for name, value in inputs.items():
        if names & set(getattr(value, "names", ())):
            if isinstance(value, GridInput) and any(len(x.axes) == 2 and x.tokens.packed for x in types):
                return f"put the step into a chain with `per_image: {name}`"
            return f"write `{name}: {{sizes: {sizes}}}`"
    return f"add the input `{faults.free('size')}: {{sizes: {sizes}}}`"
