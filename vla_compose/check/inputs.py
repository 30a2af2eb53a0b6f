"""The types of the inputs of a spec, for one set of dims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vla_compose.check.graph import Edge
from vla_compose.spec.faults import Faults
from vla_compose.spec.inputs import TensorInput
from vla_compose.spec.model import Spec, names
from vla_compose.spec.words import nearest
from vla_compose.types.dim import DimError
from vla_compose.types.tensor import TensorType


def input_edges(spec: Spec, values: Mapping[str, int], faults: Faults) -> dict[str, Edge]:
    """The tensor inputs that have a type; the others, and the sizes that they would give, are in doubt."""
    found: dict[str, Edge] = {}
    for name, value in spec.inputs.items():
        if not isinstance(value, TensorInput):
            continue
        type_ = replace(spec.pattern(value.type), each=value.each)
        if _typed(name, type_, spec, values, faults):
            found[name] = Edge(type_, value.optional)
        else:
            faults.doubts |= {name, *type_.symbols()}
    return found


def _typed(name: str, x: TensorType, spec: Spec, values: Mapping[str, int], faults: Faults) -> bool:
    """Whether the sizes of an input can be computed with; reports why not."""
    path = ("inputs", name)
    symbols = {*x.symbols(), *(x.each.symbols() if x.each is not None else ())}
    if symbols & (spec.dims.keys() - values.keys()):
        return False  # what is wrong with that dim was reported
    try:
        sizes = [factor.substitute(values).constant for factor in x.factors()]
        x.check_sizes(values)
        each = x.each.substitute(values).constant if x.each is not None else 1
    except DimError as error:
        faults.add("VC204", f"input `{name}` has no type: {error}", path, help="change the pattern")
        return False
    if each is None and x.each is not None:
        if any(faults.doubtful(symbol, spec.dims) for symbol in x.each.symbols()):
            return False
        unknown = min(x.each.symbols() - values.keys())
        near = nearest(unknown, spec.dims)
        help = f"write `{near}`" if near else f"add `{unknown}` to `dims`"
        faults.add("VC305", f"`{unknown}` is no dim", (*path, "each"), help=help)
        faults.undeclared.add(unknown)
        return False
    if each is None or not 1 <= each <= 10_000:
        message = f"`each` is {each}, but must be between 1 and 10000 tensors"
        faults.add("VC204", message, (*path, "each"), help="give `each` a number between 1 and 10000")
        return False
    if any(size is not None and size < 1 for size in sizes):
        faults.add("VC204", f"input `{name}` has a size below 1", path, help="change the pattern")
        return False
    starts = any(name in names(chain.source) for chain in spec.chains.values())
    if starts and x.width.substitute(values).constant is None:
        if not any(faults.doubtful(symbol, spec.dims) for symbol in x.width.symbols()):
            near = nearest(str(x.axes[x.channel]), spec.dims)
            help = f"write `{near}`" if near else f"add `{next(iter(x.width.symbols()))}` to `dims`"
            message = f"the channels of `{name}` are `{x.axes[x.channel]}`, which is no dim"
            faults.add("VC305", message, path, help=help)
            faults.undeclared |= x.width.symbols()
        return False
    return True
