"""Check a spec: infer the type of every edge, for one set of dims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vla_compose.check.binding import bindable
from vla_compose.check.clashes import clashes
from vla_compose.check.defaults import check_defaults
from vla_compose.check.graph import CheckedChain, Edge, Graph, count, members
from vla_compose.check.images import all_images, one_image
from vla_compose.check.join import Choices, combine
from vla_compose.check.layouts import check_layouts
from vla_compose.check.names import check_names
from vla_compose.check.outputs import check_output, check_used
from vla_compose.check.scope import MOST_ENTRIES, MOST_PARAMETERS, Scope, StepFault
from vla_compose.diagnostics import SpecError
from vla_compose.primitives.base import Member, Node, Path, parameter
from vla_compose.spec.faults import Faults, nearest
from vla_compose.spec.inputs import TensorInput
from vla_compose.spec.model import Chain, Combine, Origin, Output, Spec, names
from vla_compose.types.dim import Dim, DimError

_DIM_MAX = 2**31


def infer(
    spec: Spec,
    overrides: Mapping[str, int | Dim] | None = None,
    faults: Faults | None = None,
    *,
    variant: str | None = None,
) -> Graph:
    """The checked graph of a spec.

    Args:
        spec: a spec whose fields are valid.
        overrides: dims that replace those of the spec.
        faults: where to report; a new list by default.
        variant: the variant whose dims `overrides` are, to report what is wrong with them there.

    Raises:
        SpecError: with every mistake found.
    """
    faults = faults if faults is not None else Faults(spec.document)
    values = dim_values(spec, overrides or {}, faults, variant)
    if faults.found:
        raise SpecError(faults.found)
    inputs = _inputs(spec, values, faults)
    edges: dict[str, Edge] = dict(inputs)
    chains: list[CheckedChain] = []
    sizes = {name for edge in inputs.values() for name in edge.type.symbols()}
    choices = Choices(values, {*values, *sizes})
    for chain in _in_order(spec):
        before = _origin(chain.source, edges, choices, (*chain.path, "from"), faults)
        if before is None:
            scope = Scope(faults, spec, values, edges, bindable(spec, inputs, values), (chain.path, ""), "")
            for step in chain.steps:
                check_names(step, scope)
            continue
        checked = _chain(chain, before, spec, values, inputs, edges, faults)
        if checked is not None:
            edges[chain.name] = checked.after
            chains.append(checked)
    outputs: list[tuple[Output, Edge]] = []
    for output in spec.outputs:
        edge = _origin(output.source, edges, choices, output.path, faults)
        if edge is not None:
            outputs.append((output, edge))
            check_output(output, edge, values, faults)
    order = list(spec.chains)
    chains.sort(key=lambda checked: order.index(checked.chain.name))
    graph = Graph(spec, values, inputs, tuple(chains), tuple(outputs), tuple(choices.notes))
    if not faults.found:
        _limits(graph, faults)
        clashes(graph, faults)
        check_used(graph, faults)
        check_defaults(graph, faults)
        check_layouts(graph, faults)
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


def dim_values(
    spec: Spec, overrides: Mapping[str, int | Dim], faults: Faults, variant: str | None = None
) -> dict[str, int]:
    """Every dim as an integer: what was given, then what follows from it."""

    def place(name: str) -> Path:
        return ("dims", name) if variant is None or name not in overrides else ("variants", variant, name)

    given = {**spec.dims, **{name: Dim.of(value) for name, value in overrides.items() if name in spec.dims}}
    values: dict[str, int] = {}
    waiting = dict(given)
    while waiting:
        ready = [name for name, dim in waiting.items() if dim.symbols() <= values.keys()]
        if not ready:
            break
        for name in ready:
            try:
                value = waiting.pop(name).substitute(values).constant
            except DimError as error:
                faults.add(
                    "VC204", f"dim `{name}` has no value: {error}", place(name), help=f"change `{name}`"
                )
                return values
            if value is None or not 1 <= value <= _DIM_MAX:
                message = f"dim `{name}` is {value}, but must be between 1 and 2^31"
                faults.add("VC204", message, place(name), help=f"give `{name}` a positive number")
                return values
            values[name] = value
    for name, dim in waiting.items():
        unknown = sorted(dim.symbols() - given.keys())
        if unknown:
            near = nearest(unknown[0], [n for n in given if n != name])
            help = f"write `{near}`" if near else f"add `{unknown[0]}` to `dims`"
            faults.add("VC305", f"`{unknown[0]}` is no dim", place(name), help=help)
    if waiting and not faults.found:
        names = ", ".join(f"`{name}`" for name in waiting)
        faults.add(
            "VC304",
            f"the dims {names} depend on each other",
            place(next(iter(waiting))),
            help="give one a number",
        )
    return values


def _inputs(spec: Spec, values: Mapping[str, int], faults: Faults) -> dict[str, Edge]:
    inputs: dict[str, Edge] = {}
    for name, value in spec.inputs.items():
        if not isinstance(value, TensorInput):
            continue
        type_ = replace(spec.pattern(value.type), each=value.each)
        try:
            sizes = [factor.substitute(values).constant for factor in type_.factors()]
            type_.check_sizes(values)
            if value.each is not None:
                each = value.each.substitute(values).constant
                if each is None or not 1 <= each <= 10_000:
                    message = f"`each: {value.each}` is not a number of tensors between 1 and 10000"
                    help = "name a dim: `each: deepstack`"
                    faults.add("VC204", message, ("inputs", name, "each"), help=help)
                    continue
        except DimError as error:
            faults.add(
                "VC204", f"input `{name}` has no type: {error}", ("inputs", name), help="change the pattern"
            )
            continue
        if any(size is not None and size < 1 for size in sizes):
            faults.add(
                "VC204", f"input `{name}` has a size below 1", ("inputs", name), help="change the pattern"
            )
            continue
        starts = any(name in names(chain.source) for chain in spec.chains.values())
        if starts and type_.width.substitute(values).constant is None:
            near = nearest(str(type_.axes[type_.channel]), spec.dims)
            help = f"write `{near}`" if near else f"add `{next(iter(type_.width.symbols()))}` to `dims`"
            message = f"the channels of `{name}` are `{type_.axes[type_.channel]}`, which is no dim"
            faults.add("VC305", message, ("inputs", name), help=help)
            continue
        inputs[name] = Edge(type_, value.optional)
    return inputs


def _in_order(spec: Spec) -> list[Chain]:
    """Sources before the chains that read them; else as declared."""
    done: list[Chain] = []
    left = list(spec.chains.values())
    while left:
        waiting = {chain.name for chain in left}
        ready = next((chain for chain in left if not waiting & set(names(chain.source))), None)
        if ready is None:
            break
        done.append(ready)
        left.remove(ready)
    return done


def _chain(
    chain: Chain,
    before: Edge,
    spec: Spec,
    values: Mapping[str, int],
    inputs: Mapping[str, Edge],
    edges: Mapping[str, Edge],
    faults: Faults,
) -> CheckedChain | None:
    first = names(chain.source)[0]
    label = f"input `{first}`" if first in inputs else f"chain `{chain.source}`"
    origin: Path = ("inputs", first) if first in inputs else (*spec.chains[first].path, "steps")
    start = (origin, f"{before.type.width.substitute(values)} channels here, set by {label}")
    scope = Scope(
        faults, spec, values, edges, bindable(spec, inputs, values), start, f"{spec.name}.{chain.name}"
    )
    scope.path = chain.path
    each = before.each
    if chain.each and (each is None or each.substitute(values).constant is None):
        what = (
            "is one tensor" if each is None else f"has `{each}` tensors, which is not known before run time"
        )
        message = f"chain `{chain.name}` makes a module for each tensor of a list, but {label} {what}"
        help = "leave out `each`, or give the input `each: N`"
        faults.add("VC205", message, (*chain.path, "each"), help=help)
        return None
    if each is not None and not chain.each:
        message = f"{label} is a list of {each} tensors, but chain `{chain.name or 'steps'}` takes one"
        place = chain.path or (("from",) if ("from",) in spec.document.values else ("steps",))
        faults.add("VC205", message, place, key=True, help="add `each: true` to the chain")
        return None
    nodes: list[Node] = []
    try:
        inside = replace(before.type, each=None)
        if chain.per_image is not None:
            inside = one_image(inside, scope, chain)
        after = scope.run(chain.steps, inside, nodes)
        if chain.each and after.each is not None:
            scope.path = chain.path
            message = (
                f"chain `{chain.name}` runs for each tensor of a list, but gives a list `{after}` itself"
            )
            scope.fail("VC205", message, "each", help="make lists in a chain without `each`")
        if chain.per_image is not None:
            after = all_images(after, scope)
        unused = []
        for name, width in chain.unused.items():
            scope.path = (*chain.path, "unused", name)
            size = scope.value(width)
            init = ("nn.init.normal_({self}, std=%r)" % (size**-0.5),)
            unused.append(parameter(name, (width,), init, scope))
        scope.register(unused)
        _order(chain, scope, [*members(nodes), *unused], faults)
    except StepFault:
        return None
    return CheckedChain(
        chain,
        replace(
            before, type=replace(before.type, each=each.substitute(values) if each is not None else None)
        ),
        Edge(replace(after, each=each) if chain.each else after),
        tuple(nodes),
        tuple(scope.used),
        tuple(scope.requirements),
        tuple(unused),
    )


def _order(chain: Chain, scope: Scope, registered: list[Member], faults: Faults) -> None:
    paths = [*(member.path for member in registered), *scope.skipped]
    tops = {path.split(".")[0] for path in paths}
    for at, name in enumerate(chain.order):
        if not any(path == name or path.startswith(f"{name}.") for path in paths):
            near = nearest(name, tops)
            help = f"write `{near}`" if near else f"use names of: {', '.join(sorted(tops))}"
            faults.add(
                "VC303",
                f"`order` names `{name}`, which no step registers",
                (*chain.path, "order", at),
                help=help,
            )


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
