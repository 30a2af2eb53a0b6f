"""One chain, lowered: its statements, and what its `forward` must be given."""

from __future__ import annotations

from dataclasses import dataclass

from vla_compose.check.graph import CheckedChain, Edge, Graph
from vla_compose.lower.code import Code
from vla_compose.lower.guards import Guards
from vla_compose.lower.members import containers
from vla_compose.spec.model import ROOT, SizesInput

BUILTINS = frozenset({"int", "len", "list", "zip", "super", "self", "torch", "nn", "F", "Tensor"})


@dataclass(slots=True)
class LoweredChain:
    """A chain with its statements.

    `side` are inputs beside the stream, `passed` are sizes that only the caller can compute.
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


def lower_chain(graph: Graph, checked: CheckedChain) -> LoweredChain:
    """Write the statements of a chain and find out which sizes it can tell from its own input."""
    root = checked.chain.name == ROOT
    x = checked.chain.source if root else ("stream" if "x" in checked.inputs else "x")
    runtime = {name for edge in graph.inputs.values() for name in edge.type.substitute(graph.values).symbols()}
    code = Code(graph.values, containers(checked.members()), x, {*BUILTINS, *graph.spec.inputs, *graph.spec.chains, *runtime})
    code.steps(checked.nodes)
    wanted = code.sizes | {name for r in checked.requirements for name in r.size.symbols()}
    from_input = checked.chain.source in graph.inputs
    seen = set(checked.before.type.substitute(graph.values).symbols()) if from_input else set()
    told = [name for name in graph.spec.inputs if (wanted | seen) & set(sizes_of(graph, name))]
    guards = Guards(graph.values)
    for name in told:
        guards.told(sizes_of(graph, name))
    if not root:
        guards.tensor(x, Edge(checked.before.type))
        if not from_input:
            guards.wrong.clear()
    passed = sorted(wanted - guards.sources.keys())
    if not root:
        guards.told(passed)
        for requirement in checked.requirements:
            guards.requirement(requirement)
    side = [name for name in graph.spec.inputs if name in {*code.inputs, *told}]
    return LoweredChain(checked, code, guards, side, passed)


def sizes_of(graph: Graph, name: str) -> list[str]:
    """The symbols that an input binds; none for a tensor."""
    value = graph.spec.inputs[name]
    return value.sizes.split() if isinstance(value, SizesInput) else []


def ordered(graph: Graph) -> list[CheckedChain]:
    """Chains after the chains they read; top-level steps last."""
    done: list[CheckedChain] = []
    left = list(graph.chains)
    while left:
        names = {checked.chain.name for checked in left}
        ready = [checked for checked in left if checked.chain.source not in names or checked.chain.source == ROOT]
        done += ready
        left = [checked for checked in left if checked not in ready]
    return sorted(done, key=lambda checked: checked.chain.name == ROOT)
