"""Which chains run: all of them, or for each value of the flag that chooses."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from vla_compose.check.graph import Edge, Graph
from vla_compose.spec.inputs import FlagInput
from vla_compose.spec.model import Choice, Origin, names
from vla_compose.types.dim import Dim


@dataclass(frozen=True, slots=True)
class Route:
    """One way through a graph.

    Attributes:
        label: `fine`, `not fine`, or nothing where no flag chooses.
        default: whether `forward` takes it when it is called without the flag.
        chains: names of the chains that run.
        sizes: what the sizes are that stand for both branches of a choice.
    """

    label: str
    default: bool
    chains: Set[str]
    sizes: Mapping[str, Dim]


def routes(graph: Graph) -> list[Route]:
    """One route, or two where one flag chooses; with several flags, all chains are one."""
    flags = {origin.flag for origin, _ in _origins(graph) if isinstance(origin, Choice)}
    if len(flags) != 1:
        return [Route("", True, {checked.chain.name for checked in graph.chains}, {})]
    (flag,) = flags
    given = graph.spec.inputs[flag]
    default = isinstance(given, FlagInput) and given.flag
    return [
        Route(
            flag if value else f"not {flag}",
            value == default,
            _running(graph, value),
            _sizes(graph, value),
        )
        for value in (False, True)
    ]


def contracts(graph: Graph) -> list[str]:
    """Run-time contracts in words, with the flag that a chain of theirs runs for."""
    ways = routes(graph)
    found: dict[str, set[str]] = {}
    for checked in graph.chains:
        labels = {way.label for way in ways if checked.chain.name in way.chains}
        for requirement in checked.requirements:
            found.setdefault(str(requirement), set()).update(labels or {way.label for way in ways})
    return [
        text if len(labels) == len(ways) else f"{text} if {' or '.join(sorted(labels))}"
        for text, labels in found.items()
    ]


def _origins(graph: Graph) -> list[tuple[Origin, Edge]]:
    chains = [(checked.chain.source, checked.before) for checked in graph.chains]
    return chains + [(output.source, edge) for output, edge in graph.outputs]


def _running(graph: Graph, value: bool) -> set[str]:
    waiting = [output.source for output, _ in graph.outputs]
    found: set[str] = set()
    while waiting:
        origin = waiting.pop()
        chosen = (_chosen(origin, value),) if isinstance(origin, Choice) else names(origin)
        new = {name for name in chosen if name in graph.spec.chains} - found
        found |= new
        for checked in (graph.chain(name) for name in new):
            waiting += [checked.chain.source, *checked.inputs]
    return found


def _chosen(origin: Choice, value: bool) -> str:
    return origin.then if value else origin.otherwise


def _sizes(graph: Graph, value: bool) -> dict[str, Dim]:
    """A size that a choice introduced is that of the branch that runs, at the same place of the type."""
    found: dict[str, Dim] = {}
    for origin, edge in _origins(graph):
        if not isinstance(origin, Choice):
            continue
        name = _chosen(origin, value)
        branch = graph.inputs[name] if name in graph.inputs else graph.chain(name).after
        for joined, own in zip(edge.type.factors(), branch.type.factors(), strict=True):
            if joined.symbol is not None and joined != own:
                found[joined.symbol] = own.substitute(graph.values).substitute(found)
    return found
