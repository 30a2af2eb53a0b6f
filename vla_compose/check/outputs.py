"""What a spec says of its outputs, against what was inferred."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from vla_compose.check.binding import bindable
from vla_compose.check.graph import Edge, Graph
from vla_compose.primitives.base import Step
from vla_compose.spec.faults import Faults
from vla_compose.spec.inputs import TensorInput
from vla_compose.spec.model import Choice, Output, names
from vla_compose.types.dim import DimError
from vla_compose.types.tensor import Axis, TensorType, same_order


def check_output(output: Output, edge: Edge, values: Mapping[str, int], faults: Faults) -> None:
    """Compare a stated type with the inferred one; an order that must be undone has to be stated."""
    if output.type is None:
        window = next((axis for axis in edge.type.axes if axis.window), None)
        if window is not None:
            message = f"output `{output.name}` is `{edge.type}`: its tokens are still in window order"
            help = "add `- unwindow: {index: window_index}`, or state it: " + f"`{output.name}: {edge.type}`"
            faults.add("VC202", message, output.path, help=help)
        return
    try:
        stated = replace(output.type, each=edge.type.each).substitute(values)
        why = _difference(stated, edge.type.substitute(values))
    except DimError as error:
        message = f"output `{output.name}` has no type: {error}"
        faults.add("VC204", message, output.path, help="change the pattern")
        return
    if why:
        at = (*output.path, "type")
        faults.add(
            "VC208",
            f"output `{output.name}` is stated as `{output.type}`, but is `{edge.type}`: {why}",
            at if at in faults.document.values else output.path,
            help=f"write `{edge.type}`",
            found=str(edge.type),
            expected=str(output.type),
        )


def _difference(stated: TensorType, inferred: TensorType) -> str:
    if len(stated.axes) != len(inferred.axes):
        return f"it has {len(inferred.axes)} axes"
    for mine, theirs in zip(stated.axes, inferred.axes, strict=True):
        if mine.size != theirs.size:
            return f"`{mine}` is not `{theirs}`"
        if (_structured(mine) or theirs.window) and not same_order(mine, theirs):
            return f"`{mine}` and `{theirs}` have the same size but another order"
    return ""


def _structured(axis: Axis) -> bool:
    """Whether a pattern says more about an axis than how long it is."""
    return any(len(segment.factors) > 1 or segment.packed or segment.window for segment in axis.segments)


def check_used(graph: Graph, faults: Faults) -> None:
    """Every chain takes part in some output, and every input in some chain, type or choice."""
    spec = graph.spec
    waiting = [name for output in spec.outputs for name in names(output.source)]
    chains = spec.chains
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in chains and name not in used:
            used.add(name)
            waiting += [*names(chains[name].source), *_read(chains[name].steps)]
    unused = [chain for chain in chains.values() if chain.name not in used]
    fed = {name for chain in unused for name in (*names(chain.source), *_read(chain.steps))}
    for chain in unused:
        if chain.name not in fed:
            what = f"chain `{chain.name}`" if chain.name else "the main chain"
            path = chain.path or ("steps",)
            output = chain.name.rpartition(".")[2] or "tokens"
            help = f"add it to `outputs`: `{output}: {chain.name or 'n text'}`"
            faults.add("VC306", f"{what} is in no output, so it would never run", path, key=True, help=help)
    needed = _needed(graph)
    for name, value in spec.inputs.items():
        if not needed & {name, *getattr(value, "names", ())}:
            message = f"no step, type or choice reads the input `{name}`"
            help = f"leave out `{name}`, or name it where it is read"
            if isinstance(value, TensorInput) and _is_sizes(name, value, graph):
                help = f"write `{name}: {{sizes: {value.type}}}`, or leave it out"
            faults.add("VC307", message, ("inputs", name), key=True, help=help)


def _is_sizes(name: str, value: TensorInput, graph: Graph) -> bool:
    """Whether a tensor that nothing reads is written as sizes that no other input tells."""
    others = {other: edge for other, edge in graph.inputs.items() if other != name}
    known = bindable(graph.spec, others, graph.values)
    return re.fullmatch(r"[a-z_]+( [a-z_]+)+", value.type, re.A) is not None and known.isdisjoint(
        value.type.split()
    )


def _needed(graph: Graph) -> set[str]:
    """Inputs that something reads, and sizes that types are made of."""
    spec = graph.spec
    origins = [c.source for c in spec.chains.values()] + [output.source for output in spec.outputs]
    found = {name for origin in origins for name in names(origin)}
    found |= {origin.flag for origin in origins if isinstance(origin, Choice)}
    for chain in spec.chains.values():
        found |= {*_read(chain.steps), *([chain.per_image] if chain.per_image else [])}
    for edge in (*graph.inputs.values(), *(edge for _, edge in graph.outputs)):
        found.update(edge.type.symbols())
    return found


def _read(steps: Iterable[Step]) -> Iterator[str]:
    """What steps read beside the stream."""
    for step in steps:
        yield from step.body.reads()
        for field in step.body.nested:
            yield from _read(getattr(step.body, field))
