"""Check a spec: infer the type of every edge, for one set of dims."""

from __future__ import annotations

from collections.abc import Mapping

from vla_compose.check.chain import check_chain
from vla_compose.check.clashes import clashes
from vla_compose.check.defaults import check_defaults
from vla_compose.check.dims import dim_values
from vla_compose.check.graph import CheckedChain, Edge, Graph, count
from vla_compose.check.inputs import input_edges
from vla_compose.check.join import Choices, combine
from vla_compose.check.layouts import check_layouts
from vla_compose.check.outputs import check_output, check_used
from vla_compose.check.scope import MOST_ENTRIES, MOST_PARAMETERS
from vla_compose.diagnostics import SpecError
from vla_compose.primitives.base import Path
from vla_compose.spec.faults import Faults
from vla_compose.spec.model import Chain, Combine, Origin, Output, Spec, names
from vla_compose.types.dim import Dim, DimError


def infer(
    spec: Spec,
    overrides: Mapping[str, int | Dim] | None = None,
    faults: Faults | None = None,
    *,
    variant: str | None = None,
) -> Graph:
    """The checked graph of a spec.

    Args:
        spec: a spec.
        overrides: dims that replace those of the spec.
        faults: what was found wrong with its fields, to which is added; nothing by default.
        variant: the variant whose dims `overrides` are, to report what is wrong with them there.

    Raises:
        SpecError: with every mistake found.
    """
    faults = faults if faults is not None else Faults(spec.document)
    values = dim_values(spec, overrides or {}, faults, variant)
    inputs = input_edges(spec, values, faults)
    edges: dict[str, Edge] = dict(inputs)
    chains: list[CheckedChain] = []
    sizes = {name for edge in inputs.values() for name in edge.type.symbols()}
    choices = Choices(values, {*values, *sizes})
    for chain in _in_order(spec):
        before = _origin(chain.source, edges, choices, (*chain.path, "from"), faults)
        checked, after = check_chain(chain, before, spec, values, inputs, edges, faults)
        if checked is not None:
            chains.append(checked)
        if after is not None:
            edges[chain.name] = after
        else:
            faults.doubts.add(chain.name)
    outputs: list[tuple[Output, Edge]] = []
    for output in spec.outputs:
        edge = _origin(output.source, edges, choices, output.path, faults)
        if edge is not None:
            outputs.append((output, edge))
            check_output(output, edge, values, faults)
    order = list(spec.chains)
    chains.sort(key=lambda checked: order.index(checked.chain.name))
    graph = Graph(spec, values, inputs, tuple(chains), tuple(outputs), tuple(choices.notes))
    clashes(graph, faults)
    check_layouts(graph, faults)
    for last in (check_defaults, _limits, *([check_used] if variant is None else [])):
        if faults.clean:
            last(graph, faults)
    if faults.found:
        raise SpecError(faults.found)
    return graph


def _origin(
    origin: Origin,
    edges: Mapping[str, Edge],
    choices: Choices,
    path: Path,
    faults: Faults,
) -> Edge | None:
    """What a chain or an output starts from; `None` when that was wrong already."""
    if any(name not in edges for name in names(origin)):
        return None
    try:
        return _joined(origin, edges, choices, path, faults)
    except DimError as error:
        message = f"{', '.join(f'`{name}`' for name in names(origin))}: {error}"
        faults.add("VC204", message, path, help="make the sizes smaller")
        return None


def _joined(
    origin: Origin, edges: Mapping[str, Edge], choices: Choices, path: Path, faults: Faults
) -> Edge | None:
    if isinstance(origin, str):
        return edges[origin]
    if isinstance(origin, Combine):
        combined, why = combine(origin.how, [edges[name].type for name in origin.parts], choices.values)
        if combined is None:
            message = f"cannot combine {', '.join(f'`{name}`' for name in origin.parts)}: {why}"
            faults.add(
                "VC202" if "order" in why else "VC201",
                message,
                path,
                help="change one of them to fit the others",
            )
            return None
        combined.check_sizes(choices.values)
        return Edge(combined)
    then, otherwise = edges[origin.then].type, edges[origin.otherwise].type
    joined = choices.join(then, otherwise, origin.flag)
    if joined is None:
        message = (
            f"the choice by `{origin.flag}` gives `{then}` or `{otherwise}`, which cannot go on as one type"
        )
        faults.add("VC202", message, path, help="give both chains the same axes, order and channels")
        return None
    return Edge(joined)


def _in_order(spec: Spec) -> list[Chain]:
    """Sources before the chains that read them; else as declared. Cycles come last."""
    done: list[Chain] = []
    left = list(spec.chains.values())
    while left:
        waiting = {chain.name for chain in left}
        ready = next((chain for chain in left if not waiting & set(names(chain.source))), None)
        if ready is None:
            return done + left
        done.append(ready)
        left.remove(ready)
    return done


def _limits(graph: Graph, faults: Faults) -> None:
    """The adapter as a whole is not too large; the chain that takes most of it is to blame."""
    entries = {
        checked.chain.name: [shape for member in checked.members() for _, shape in member.entries()]
        for checked in graph.chains
    }
    if not entries:
        return
    copies = {checked.chain.name: checked.copies for checked in graph.chains}
    for what, most, sizes in (
        (
            "parameters",
            MOST_PARAMETERS,
            {n: sum(map(count, found)) * copies[n] for n, found in entries.items()},
        ),
        ("state-dict entries", MOST_ENTRIES, {n: len(found) * copies[n] for n, found in entries.items()}),
    ):
        total = sum(sizes.values())
        if total > most:
            chain = graph.spec.chains[max(sizes, key=lambda name: sizes[name])]
            message = f"the adapter has {total:,} {what}, more than the limit of {most:,}"
            faults.add("VC209", message, (*chain.path, "steps"), key=True, help="make the dims smaller")
            return
