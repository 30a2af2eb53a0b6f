"""Check one chain: the type after every step, what it registers, and what it gives."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from vla_compose.check.binding import bindable
from vla_compose.check.graph import CheckedChain, Edge, members
from vla_compose.check.images import all_images, one_image
from vla_compose.check.names import check_names
from vla_compose.check.scope import Scope, StepFault
from vla_compose.check.slots import stated
from vla_compose.primitives.base import Member, Node, Path, parameter
from vla_compose.spec.faults import Faults
from vla_compose.spec.model import Chain, Spec, names
from vla_compose.spec.words import nearest
from vla_compose.types.tensor import TensorType


def check_chain(
    chain: Chain,
    before: Edge | None,
    spec: Spec,
    values: Mapping[str, int],
    inputs: Mapping[str, Edge],
    edges: Mapping[str, Edge],
    faults: Faults,
) -> tuple[CheckedChain | None, Edge | None]:
    """Report every mistake of a chain.

    Args:
        before: what arrives; `None` when that is unknown.
        edges: the types of the inputs and of the chains before it.

    Returns:
        The chain, or `None` when it has a mistake, and what it gives, or `None` when that is unknown.
    """
    start = _start(chain, before, spec, values, inputs)
    bound = bindable(spec, inputs, values)
    scope = Scope(faults, spec, values, edges, bound, start, f"{spec.name}.{chain.name}")
    scope.path = chain.path
    nodes: list[Node] = []
    sound = before is not None and _lists_fit(chain, before, scope, _label(chain, inputs))
    certain, after = True, None
    try:
        if before is None or not sound:
            for step in chain.steps:
                check_names(step, scope)
        else:
            after = _run(chain, replace(before.type, each=None), scope, nodes)
    except StepFault as fault:
        sound, certain, after = False, fault.local, fault.after
    try:
        after = None if after is None else _given(chain, after, scope)
        unused = _unused(chain, scope)
    except StepFault:
        sound, unused = False, []
    registered = [*(member.path for member in (*members(nodes), *unused)), *scope.skipped]
    if certain and not scope.clashed:  # else one of the steps may be another than was meant
        _order(chain, registered if sound else stated(chain), faults)
    if before is None or after is None:
        return None, None
    edge = Edge(replace(after, each=before.each) if chain.each else after)
    if not sound:
        return None, edge
    each = before.each.substitute(values) if before.each is not None else None
    return CheckedChain(
        chain,
        replace(before, type=replace(before.type, each=each)),
        edge,
        tuple(nodes),
        tuple(scope.used),
        tuple(scope.requirements),
        tuple(unused),
    ), edge


def _start(
    chain: Chain, before: Edge | None, spec: Spec, values: Mapping[str, int], inputs: Mapping[str, Edge]
) -> tuple[Path, str]:
    """Where the number of channels that arrive was set, and that number in words."""
    if before is None:
        return chain.path, ""
    first = names(chain.source)[0]
    origin: Path = ("inputs", first) if first in inputs else (*spec.chains[first].path, "steps")
    return origin, f"{before.type.width.substitute(values)} channels here, set by {_label(chain, inputs)}"


def _label(chain: Chain, inputs: Container[str]) -> str:
    """What a chain starts from, in words."""
    first = names(chain.source)[0]
    return f"input `{first}`" if first in inputs else f"chain `{chain.source}`"


def _lists_fit(chain: Chain, before: Edge, scope: Scope, label: str) -> bool:
    """Whether a chain for each tensor gets a list of known length, and any other chain one tensor."""
    each = before.each
    if chain.each and (each is None or each.substitute(scope.values).constant is None):
        what = (
            "is one tensor" if each is None else f"has `{each}` tensors, which is not known before run time"
        )
        message = f"chain `{chain.name}` makes a module for each tensor of a list, but {label} {what}"
        help = "leave out `each`, or give the input `each: N`"
        scope.faults.add("VC205", message, (*chain.path, "each"), help=help)
        return False
    if each is not None and not chain.each:
        what = f"chain `{chain.name}` takes" if chain.name else "`steps` take"
        message = f"{label} is a list of {each} tensors, but {what} one"
        written = ("from",) in scope.spec.document.values
        place = chain.path or (("from",) if written else ("steps",))
        first = names(chain.source)[0]
        help = (
            "add `each: true` to the chain" if chain.name else f"join the list: `from: {{concat: [{first}]}}`"
        )
        scope.faults.add("VC205", message, place, key=True, help=help)
        return False
    return True


def _run(chain: Chain, inside: TensorType, scope: Scope, nodes: list[Node]) -> TensorType:
    if chain.per_image is not None:
        inside = one_image(inside, scope, chain)
    return scope.run(chain.steps, inside, nodes)


def _given(chain: Chain, after: TensorType, scope: Scope) -> TensorType:
    """What the whole chain gives, where its steps give `after` for one tensor or one image."""
    scope.path = chain.path
    if chain.each and after.each is not None:
        message = f"chain `{chain.name}` runs for each tensor of a list, but gives a list `{after}` itself"
        scope.fail("VC205", message, "each", help="make lists in a chain without `each`")
    return all_images(after, scope) if chain.per_image is not None else after


def _unused(chain: Chain, scope: Scope) -> list[Member]:
    """Parameters that no step reads."""
    found = []
    for name, width in chain.unused.items():
        scope.path = (*chain.path, "unused")
        size = scope.value(width, name)
        scope.path = (*scope.path, name)
        init = ("nn.init.normal_({self}, std=%r)" % (size**-0.5),)
        found.append(parameter(name, (width,), init, scope))
    scope.register(found)
    return found


def _order(chain: Chain, paths: list[str] | None, faults: Faults) -> None:
    """Names of `order` lead to something that the chain registers; `None` when that is not known."""
    if paths is None:
        return
    tops = {path.split(".")[0] for path in paths}
    for at, name in enumerate(chain.order):
        if name in chain.order[:at]:
            message = f"`order` names `{name}` twice"
            faults.add("VC301", message, (*chain.path, "order", at), help=f"leave out this `{name}`")
        elif not any(path == name or path.startswith(f"{name}.") for path in paths):
            near = nearest(name, tops)
            help = f"write `{near}`" if near else f"use names of: {', '.join(sorted(tops))}"
            message = f"`order` names `{name}`, which no step registers"
            faults.add("VC303", message, (*chain.path, "order", at), help=help)
            faults.doubts.add(name)
