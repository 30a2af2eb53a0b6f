"""Layouts name every parameter of the graph, each with a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod

from vla_compose.check.graph import Graph
from vla_compose.check.scope import overlap
from vla_compose.check.slots import ANY, Slot, conditional, first, level_of, slots, stated
from vla_compose.primitives.base import Path
from vla_compose.spec.faults import Faults
from vla_compose.spec.layouts import Layout
from vla_compose.spec.words import nearest, safe


def check_layouts(graph: Graph, faults: Faults) -> None:
    """Report paths of layouts that no parameter has, and names that two parameters would share."""
    if not graph.spec.layouts:
        return
    found = slots(graph)
    entries = [name for name, _ in graph.entries()]
    # Those that a condition leaves out here are there with other dims.
    names = [*(slot.name for slot in found), *(name for name, _ in conditional(graph.spec))]
    known = _above(names)
    lists = {
        _list(slot.name, at): length for slot in found for at, length in enumerate(_lengths(slot, graph))
    }
    hidden = _hidden(graph, faults)
    for layout in graph.spec.layouts.values():
        path: Path = ("layouts", layout.name, "names")
        for ours in layout.names:
            if not _known(ours, known, lists) and not hidden(ours):
                paths = sorted(_above(map(first, names)))
                near = nearest(ours, paths)
                tops = sorted({name.split(".")[0] for name in names})[:12]
                help = f"write `{near}`" if near else f"use names of: {', '.join(tops)}"
                message = f"layout `{layout.name}` names `{safe(ours)}`, which no parameter has"
                faults.add("VC303", message, (*path, ours), key=True, help=help)
        if layout.names and len(graph.chains) == len(graph.spec.chains):
            _one_to_one(layout, _distinct(layout, found, entries, graph), path, faults)


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


def _distinct(
    layout: Layout, found: Sequence[Slot], entries: Sequence[str], graph: Graph
) -> Sequence[str] | Iterator[str]:
    """Names that stand for all: of a list the numbers that the layout writes, and one for all the others."""
    words = {part for name in (*layout.names, *layout.names.values()) for part in name.split(".")}
    numbers = sorted(int(word) for word in words if word.isdecimal() and len(word) <= 4)
    options = [
        [[ANY, *(str(number) for number in numbers if number < length)] for length in _lengths(slot, graph)]
        for slot in found
    ]
    if sum(prod(map(len, option)) for option in options) > len(entries):
        return entries
    return (
        slot.name.replace(ANY, "{}").format(*chosen)
        for slot, option in zip(found, options, strict=True)
        for chosen in product(*option)
    )


def _lengths(slot: Slot, graph: Graph) -> list[int]:
    return [length.substitute(graph.values).constant or 0 for length in slot.lengths]


def _list(name: str, at: int) -> str:
    """The path of the list that a `*` counts."""
    return ANY.join(name.split(ANY)[: at + 1])


def _known(ours: str, known: frozenset[str], lists: Mapping[str, int]) -> bool:
    """Whether a path leads to parameters, where a number may stand for the `*` of its list."""
    made = ""
    for part in ours.split("."):
        if part.isdecimal() and f"{made}{part}" not in known and f"{made}{ANY}" in known:
            if int(part) >= lists.get(made, 10_000):
                return False
            part = ANY
        made += f"{part}."
    return made[:-1] in known


def _hidden(graph: Graph, faults: Faults) -> Callable[[str], bool]:
    """Whether a path may lead to parameters that a mistake hides."""
    # A step may be missing, or another than was meant.
    astray = any(found.code in ("VC202", "VC205", "VC208", "VC301") for found in faults.found)
    sound = {checked.chain.name for checked in graph.chains}
    hiding = [chain for chain in graph.spec.chains.values() if chain.name not in sound]
    unsure = astray or any(stated(chain) is None for chain in hiding)
    alike = [_alike(level_of(chain) + name) for chain in hiding for name in stated(chain) or ()]

    def hidden(ours: str) -> bool:
        doubtful = not faults.doubts.isdisjoint((ours, *ours.split(".")))
        return unsure or doubtful or any(overlap(_alike(ours), name) for name in alike)

    return hidden


def _alike(name: str) -> str:
    """A path with the same sign for all numbers."""
    return ".".join(ANY if part.isdecimal() else part for part in name.split("."))


def _above(names: Iterable[str]) -> frozenset[str]:
    """Names and every path above them."""
    return frozenset(
        ".".join(parts[:count])
        for parts in (name.split(".") for name in names)
        for count in range(1, len(parts) + 1)
    )
