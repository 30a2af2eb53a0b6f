"""Every state-dict entry of a graph, over dims: one slot for all modules of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vla_compose.check.graph import CheckedChain, Graph
from vla_compose.primitives.base import Member, Node, Step
from vla_compose.primitives.fields import Condition
from vla_compose.primitives.repeat import Repeat
from vla_compose.spec.broken import Broken
from vla_compose.spec.model import Chain, Spec, names
from vla_compose.types.dim import Dim

ANY = "*"
"""Stands in the name of a slot for the number of a module in a list."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A state-dict entry, or one for each module of a list.

    Attributes:
        name: the name, with `*` for each number of a list.
        shape: the shape over dims.
        lengths: the length of each list over dims.
        conditions: under which its step is kept.
    """

    name: str
    shape: tuple[Dim, ...]
    lengths: tuple[Dim, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def first(self) -> str:
        """The name in the first module of each list."""
        return first(self.name)


def first(name: str) -> str:
    """The name of a slot in the first module of each list."""
    return name.replace(ANY, "0")


def slots(graph: Graph) -> list[Slot]:
    """Every slot of a graph, chain by chain and in the order of steps."""
    found: list[Slot] = []
    for checked in graph.chains:
        chain = checked.chain
        level = Slot(level_of(chain), (), (_length(checked, graph),) if chain.each else ())
        found += _below(checked.nodes, level)
        for member in checked.unused:
            found += _entries(member, level)
    return found


def conditional(spec: Spec) -> list[tuple[str, Condition]]:
    """The names that steps with a condition give, whether or not it holds; none below another condition."""

    def named(steps: Iterable[Step], level: str) -> Iterator[tuple[str, Condition]]:
        for step in steps:
            body = step.body
            if body.when is not None:
                yield from ((level + name, body.when) for name in body.names())
                continue
            below = f"{level}{body.name}.{ANY}." if isinstance(body, Repeat) else level
            for field in body.nested:
                yield from named(getattr(body, field), below)

    return [found for chain in spec.chains.values() for found in named(chain.steps, level_of(chain))]


def stated(chain: Chain) -> list[str] | None:
    """The names below a chain by the fields of its steps; `None` when a mistake hides some."""
    found = list(chain.unused)
    waiting = [(step, "") for step in chain.steps]
    while waiting:
        step, above = waiting.pop()
        body = step.body
        if isinstance(body, Broken):
            return None
        found += [above + name for name in body.names()]
        below = f"{above}{body.name}.{ANY}." if isinstance(body, Repeat) else above
        waiting += [(inner, below) for field in body.nested for inner in getattr(body, field)]
    return found


def level_of(chain: Chain) -> str:
    """What stands before the names of a chain."""
    level = "" if chain.inline else f"{chain.name}."
    return f"{level}{ANY}." if chain.each else level


def _length(checked: CheckedChain, graph: Graph) -> Dim:
    """The length over dims of the list that a chain with `each` starts from."""
    source = names(checked.chain.source)[0]
    edges = {**graph.inputs, **{other.chain.name: other.after for other in graph.chains}}
    # A chain with a mistake is in no graph; then the number has to do.
    return edges.get(source, checked.before).each or Dim.of(1)


def _below(nodes: Sequence[Node], level: Slot) -> Iterator[Slot]:
    for node in nodes:
        when = node.step.body.when
        conditions = (*level.conditions, when) if when is not None else level.conditions
        here = Slot(level.name, (), level.lengths, conditions)
        if isinstance(node.step.body, Repeat):
            body = node.step.body
            inside = Slot(f"{here.name}{body.name}.{ANY}.", (), (*here.lengths, body.count), conditions)
            yield from _below(node.body, inside)
            continue
        for member in node.members:
            yield from _entries(member, here)
        yield from _below(node.body, here)


def _entries(member: Member, level: Slot) -> Iterator[Slot]:
    for (name, _), shape in zip(member.entries(), member.sizes, strict=True):
        yield Slot(level.name + name, shape, level.lengths, level.conditions)
