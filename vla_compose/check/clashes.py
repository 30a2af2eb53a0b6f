"""Names that are good alone, but cannot stand in one module, or in one file of generated source."""

from __future__ import annotations

from collections.abc import Iterator

from vla_compose.check.class_names import chain_class, class_name
from vla_compose.check.graph import CheckedChain, Graph
from vla_compose.check.scope import overlap
from vla_compose.primitives.base import Member, Node, Path
from vla_compose.spec.faults import Faults

Nodes = tuple[Node, ...] | list[Node]
_MODULE_DICT = frozenset({"clear", "items", "keys", "pop", "update", "values"})
"""Attributes of `nn.ModuleDict`, which holds members with numbers."""


def clashes(graph: Graph, faults: Faults) -> None:
    """Report the first clash between chains; the members of each chain were checked before."""
    before = faults.met
    _members(graph, faults)
    if faults.met == before:
        _numbered(graph, faults)
    if faults.met == before:
        _classes(graph, faults)


def _members(graph: Graph, faults: Faults) -> None:
    """Two members of one name, or a member of the name of a chain."""
    taken: list[tuple[str, str, Path]] = []
    for checked in graph.chains:
        owner = "" if checked.chain.inline else checked.chain.name
        for member, path in _placed(checked):
            name = f"{owner}.{member.path}" if owner else member.path
            if name.split(".")[0] in faults.doubts:
                continue
            for known, other, first in taken:
                if other != checked.chain.name and overlap(known, name):
                    _twice(name, path, first, faults)
                    return
            taken.append((name, checked.chain.name, path))
    for checked in graph.chains:
        module = checked.chain.name
        if checked.chain.inline or module in faults.doubts:
            continue
        for name, owner, path in taken:
            own = (owner == module or owner.startswith(f"{module}.")) and not graph.chain(owner).chain.inline
            if not own and overlap(name, module):
                _twice(module, checked.chain.path, path, faults)
                return


def _numbered(graph: Graph, faults: Faults) -> None:
    """Names beside numbers: a `nn.ModuleDict` holds them, which takes modules only and has methods."""
    for placed in (group for checked in graph.chains for group in _groups(checked)):
        holders = {
            name.rpartition(".")[0]
            for member, _ in placed
            for name in _prefixes(member.path)
            if name.rpartition(".")[2].isdigit()
        }
        for member, path in placed:
            for name in _prefixes(member.path):
                above, _, last = name.rpartition(".")
                if above in holders and last in _MODULE_DICT:
                    message = f"`{last}` cannot stand beside the numbers below `{above}`"
                    faults.add("VC302", message, (*path, "name"), help=f"name it `{faults.free(last)}`")
                    return


def _classes(graph: Graph, faults: Faults) -> None:
    """Names of generated classes, which leave out dots and underscores."""
    taken = {class_name(graph.spec.name): graph.spec.name, **{name: name for name in _pieces(graph)}}
    for checked in graph.chains:
        found: list[tuple[str, str, Path]] = []
        if not checked.chain.inline:
            found.append((chain_class(graph, checked), checked.chain.name, checked.chain.path))
        found += [(made, name, (*path, "name")) for made, name, path in _repeats(checked.nodes)]
        for made, name, path in found:
            if made in taken and name not in faults.doubts:
                message = f"`{name}` and `{taken[made]}` would both make the class `{made}`"
                faults.add("VC301", message, path, key=path[-1] != "name", help=f"rename `{name}`")
                return
            taken[made] = name


def _repeats(nodes: Nodes) -> Iterator[tuple[str, str, Path]]:
    for node in nodes:
        if node.own_class:
            yield node.members[0].made_of, node.members[0].path, node.step.path
        yield from _repeats(node.body)


def _pieces(graph: Graph) -> Iterator[str]:
    """Classes of the runtime that members are made of."""
    for checked in graph.chains:
        waiting = list(checked.nodes)
        while waiting:
            node = waiting.pop()
            waiting += node.body
            yield from (member.made_of for member in node.members if member.made_of and not node.own_class)


def _groups(checked: CheckedChain) -> Iterator[list[tuple[Member, Path]]]:
    """What each class of a chain registers."""
    yield list(_placed(checked))

    def layers(nodes: Nodes) -> Iterator[list[tuple[Member, Path]]]:
        for node in nodes:
            if node.own_class:
                yield list(_walk(node.body))
            yield from layers(node.body)

    yield from layers(checked.nodes)


def _walk(nodes: Nodes) -> Iterator[tuple[Member, Path]]:
    for node in nodes:
        for member in node.members:
            yield member, node.step.path
        if not node.own_class:
            yield from _walk(node.body)


def _placed(checked: CheckedChain) -> Iterator[tuple[Member, Path]]:
    """What a chain registers in its own class, each with its step."""
    yield from _walk(checked.nodes)
    for member in checked.unused:
        yield member, (*checked.chain.path, "unused", member.path)


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:at]) for at in range(1, len(parts) + 1)]


def _twice(name: str, path: Path, first: Path, faults: Faults) -> None:
    message = f"the name `{name}` is used twice"
    labels = [(first, "first used here")]
    faults.add(
        "VC301", message, (*path, "name"), labels=labels, help=f"rename one of them, for example `{name}_2`"
    )
