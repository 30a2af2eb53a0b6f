"""One chain, lowered: its statements, and what its `forward` must be given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from vla_compose.check.graph import CheckedChain, Edge, Graph
from vla_compose.lower.code import Code
from vla_compose.lower.guards import Guards
from vla_compose.lower.members import containers
from vla_compose.spec.inputs import GridInput, SizesInput
from vla_compose.spec.model import ROOT, Choice, names
from vla_compose.types.tensor import TensorType


@dataclass(slots=True)
class LoweredChain:
    """A chain with its statements.

    `side` are tensors and sizes beside the stream, `passed` are sizes that only the caller can compute.
    """

    checked: CheckedChain
    code: Code
    guards: Guards
    side: list[str]
    passed: list[str]

    @property
    def name(self) -> str:
        """The chain's name; empty for top-level steps."""
        return self.checked.chain.name

    @property
    def inline(self) -> bool:
        """Whether its statements stand in the main class."""
        return self.checked.chain.inline


def variable(graph: Graph, name: str) -> str:
    """The variable that holds an input, or the result of a chain."""
    if name in graph.spec.chains and name in graph.spec.inputs:
        return f"{name}_result"
    return name.replace(".", "_")


def source_variable(graph: Graph, chain_name: str) -> str:
    """The variable that a chain starts from."""
    source = graph.spec.chains[chain_name].source
    if isinstance(source, str):
        return variable(graph, source)
    word = "chosen" if isinstance(source, Choice) else "joined"
    word = word if chain_name == ROOT else f"{variable(graph, chain_name)}_{word}"
    while word in taken_names(graph):
        word += "_"
    return word


@lru_cache(maxsize=8)
def taken_names(graph: Graph) -> frozenset[str]:
    """Variables that generated source has for inputs, for results of chains and for sizes."""
    found = {variable(graph, name) for name in graph.spec.chains}
    for name, value in graph.spec.inputs.items():
        found |= {name, *getattr(value, "names", [])}
        if name in graph.inputs:
            found |= set(graph.inputs[name].type.substitute(graph.values).symbols())
    return frozenset(found)


def lower_chain(graph: Graph, checked: CheckedChain) -> LoweredChain:
    """Write the statements of a chain and find out which sizes it can tell from its own input."""
    chain = checked.chain
    first = names(chain.source)[0]
    from_input = first in graph.inputs
    if chain.inline:
        code = _code(graph, checked, source_variable(graph, chain.name), _target(graph, checked))
    else:
        sizes = taken_names(graph) - {*graph.spec.inputs, *(variable(graph, n) for n in graph.spec.chains)}
        free = (name for name in ("x", "stream", "x_") if name not in {*checked.inputs, *sizes})
        code = _code(graph, checked, next(free), None)
    code.steps(checked.nodes)
    wanted = code.sizes | {name for r in checked.requirements for name in r.size.symbols()}
    seen = set(checked.before.type.substitute(graph.values).symbols()) if from_input else set()
    told = [name for name in graph.spec.inputs if (wanted | seen) & set(sizes_of(graph, name))]
    guards = Guards(graph.values)
    for name in told:
        guards.told(sizes_of(graph, name), name)
    if chain.per_image is not None:
        guards.told(_per_image(graph), chain.per_image)
    elif not chain.inline:
        guards.tensor(code.target, Edge(one(checked.before)))
        own = [name for name in guards.sources if guards.origins.get(name, code.target) == code.target]
        guards.origins |= dict.fromkeys(own, first)
        guards.checks.clear()  # the main class has checked what it is given, and chains give what is right
    grid = graph.spec.inputs.get(chain.per_image or "")
    columns = grid.names if isinstance(grid, GridInput) else []
    passed = columns or sorted(wanted - guards.sources.keys() - _per_image(graph))
    if not chain.inline:
        guards.told(passed)
        for requirement in checked.requirements:
            guards.requirement(requirement)
    side = [name for name in (*graph.spec.inputs, *graph.spec.chains) if name in {*code.inputs, *told}]
    return LoweredChain(checked, code, guards, side, passed)


def one(edge: Edge) -> TensorType:
    """The type of one tensor of an edge."""
    return replace(edge.type, each=None) if edge.each is not None else edge.type


def _target(graph: Graph, checked: CheckedChain) -> str:
    """Inline steps may overwrite the variable they start from when nothing else reads it."""
    chain = checked.chain
    source = chain.source
    if chain.name != ROOT:
        return variable(graph, chain.name)
    readers = [c for c in graph.spec.chains.values() if c is not chain and source in names(c.source)]
    if isinstance(source, str) and not readers and source not in checked.inputs:
        return variable(graph, source)
    return next(name for name in ("x", "tokens", "stream", "x_in", "x_") if name not in taken_names(graph))


def _code(graph: Graph, checked: CheckedChain, source: str, target: str | None) -> Code:
    code = Code(graph.values, held_by(graph, checked), source, target, taken_names(graph))
    code.grids = {n: v.names for n, v in graph.spec.inputs.items() if isinstance(v, GridInput)}
    return code


def held_by(graph: Graph, checked: CheckedChain) -> dict[str, bool]:
    """The containers of the class that a chain stands in, which inline chains share."""
    together = [c for c in graph.chains if c.chain.inline] if checked.chain.inline else [checked]
    return containers([member for one_ in together for member in one_.members()])


def sizes_of(graph: Graph, name: str) -> list[str]:
    """The sizes that an input binds as numbers; none for a tensor."""
    value = graph.spec.inputs[name]
    return value.names if isinstance(value, SizesInput) else []


def _per_image(graph: Graph) -> set[str]:
    return {
        name for value in graph.spec.inputs.values() if isinstance(value, GridInput) for name in value.names
    }


def ordered(graph: Graph) -> list[CheckedChain]:
    """Chains after the chains they read; top-level steps last."""
    done: list[CheckedChain] = []
    left = list(graph.chains)
    while left:
        waiting = {checked.chain.name for checked in left}
        ready = [c for c in left if not waiting & {*names(c.chain.source), *c.inputs}]
        done += ready
        left = [checked for checked in left if checked not in ready]
    return done
