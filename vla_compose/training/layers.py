"""The role of every parameter of a graph: a matrix that multiplies, and in which module, or another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vla_compose.check.graph import Graph
from vla_compose.primitives.base import Member, Node


@dataclass(frozen=True, slots=True)
class Weight:
    """One state-dict entry.

    `matrix` is true for the weights of linear maps, convolutions and attention, which multiply what flows;
    norms, biases, learned tokens, queries and positions are none. `module` is the path of the layer that
    holds a matrix, empty for a bare parameter.
    """

    name: str
    matrix: bool
    module: str = ""
    read: bool = True


def weights(graph: Graph) -> list[Weight]:
    """Every state-dict entry with its role, in the order of chains and steps."""
    found: list[Weight] = []
    for checked in graph.chains:
        start = "" if checked.chain.inline else f"{checked.chain.name}."
        starts = [f"{start}{at}." for at in range(checked.copies)] if checked.chain.each else [start]
        unused = [
            Weight(name, False, read=False) for member in checked.unused for name, _ in member.entries()
        ]
        for start in starts:
            found += below(start, [*_weights(checked.nodes), *unused])
    return found


def below(start: str, found: Iterable[Weight]) -> Iterator[Weight]:
    """The same weights with longer names."""
    for weight in found:
        module = start + weight.module if weight.module else ""
        yield replace(weight, name=start + weight.name, module=module)


def _weights(nodes: Sequence[Node]) -> Iterator[Weight]:
    for node in nodes:
        if node.own_class:
            inside = list(_weights(node.body))
            for member in node.members:
                layers = dict.fromkeys(name.partition(".")[0] for name, _ in member.parameters)
                for layer in layers:
                    yield from below(f"{member.path}.{layer}.", inside)
            continue
        for member in node.members:
            yield from _of(node, member)
        yield from _weights(node.body)


def _of(node: Node, member: Member) -> Iterator[Weight]:
    for name, shape in member.entries():
        if member.is_parameter:
            yield Weight(name, node.step.kind == "matmul")
        elif len(shape) < 2:
            yield Weight(name, False)
        else:
            # torch's attention reads the weight of its output map past that map: the layer is the whole.
            whole = node.step.kind == "multihead_attention"
            yield Weight(name, True, member.path if whole else name.removesuffix(".weight"))
