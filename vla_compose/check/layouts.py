"""Layouts name every parameter of the graph, each with a name of its own."""

from __future__ import annotations

from collections.abc import Iterable

from vla_compose.check.graph import Graph
from vla_compose.check.slots import conditional, first
from vla_compose.primitives.base import Path
from vla_compose.spec.faults import Faults, nearest, safe
from vla_compose.spec.layouts import Layout


def check_layouts(graph: Graph, faults: Faults) -> None:
    """Report paths of layouts that no parameter has, and names that two parameters would share."""
    if not graph.spec.layouts:
        return
    names = [name for name, _ in graph.entries()]
    paths = _above(names) | _above(first(name) for name, _ in conditional(graph.spec))
    for layout in graph.spec.layouts.values():
        path: Path = ("layouts", layout.name, "names")
        for ours in layout.names:
            if ours not in paths:
                near = nearest(ours, sorted(paths))
                help = f"write `{near}`" if near else f"use names of: {', '.join(_tops(paths))}"
                message = f"layout `{layout.name}` names `{safe(ours)}`, which no parameter has"
                faults.add("VC303", message, (*path, ours), key=True, help=help)
        _one_to_one(layout, names, path, faults)


def _one_to_one(layout: Layout, names: Iterable[str], path: Path, faults: Faults) -> None:
    taken: dict[str, str] = {}
    for ours in names:
        theirs = layout.there(ours)
        if theirs in taken:
            message = f"in layout `{layout.name}`, `{ours}` and `{taken[theirs]}` are both `{safe(theirs)}`"
            help = "give each parameter a name of its own"
            faults.add("VC301", message, path, key=True, help=help)
            return
        taken[theirs] = ours


def _above(names: Iterable[str]) -> set[str]:
    """Names and every path above them."""
    return {
        ".".join(parts[:count])
        for parts in (name.split(".") for name in names)
        for count in range(1, len(parts) + 1)
    }


def _tops(names: Iterable[str]) -> list[str]:
    return sorted({name.split(".")[0] for name in names})[:12]
