"""The values of dims: what a spec says, what is given for it, and what follows from that."""

from __future__ import annotations

from collections.abc import Mapping

from vla_compose.primitives.base import Path
from vla_compose.spec.faults import Faults
from vla_compose.spec.model import Spec
from vla_compose.spec.words import nearest
from vla_compose.types.dim import Dim, DimError

_DIM_MAX = 2**31


def dim_values(
    spec: Spec, overrides: Mapping[str, int | Dim], faults: Faults, variant: str | None = None
) -> dict[str, int]:
    """Every dim that has a value: what was given, then what follows from it."""

    def place(name: str) -> Path:
        return ("dims", name) if variant is None or name not in overrides else ("variants", variant, name)

    given = {**spec.dims, **{name: Dim.of(value) for name, value in overrides.items() if name in spec.dims}}
    values: dict[str, int] = {}
    lost = set(faults.undeclared)
    waiting = dict(given)
    while ready := [name for name, dim in waiting.items() if dim.symbols() <= values.keys()]:
        for name in ready:
            value = _value(name, waiting.pop(name), values, place(name), faults)
            if value is None:
                lost.add(name)
            else:
                values[name] = value
    for name, dim in waiting.items():
        unknown = sorted(dim.symbols() - given.keys())
        lost.update(unknown)
        if unknown and not faults.doubtful(unknown[0], given):
            near = nearest(unknown[0], [n for n in given if n != name])
            help = f"write `{near}`" if near else f"add `{unknown[0]}` to `dims`"
            faults.add("VC305", f"`{unknown[0]}` is no dim", place(name), help=help)
    while hit := [name for name, dim in waiting.items() if dim.symbols() & lost]:
        lost.update(hit)
        waiting = {name: dim for name, dim in waiting.items() if name not in hit}
    if waiting:
        names = ", ".join(f"`{name}`" for name in waiting)
        faults.add(
            "VC304",
            f"the dims {names} depend on each other",
            place(next(iter(waiting))),
            help="give one a number",
        )
    faults.doubts |= lost | waiting.keys()
    return values


def _value(name: str, dim: Dim, values: Mapping[str, int], place: Path, faults: Faults) -> int | None:
    """The value of a dim whose symbols have one; `None` after reporting that it has none."""
    try:
        value = dim.substitute(values).constant
    except DimError as error:
        faults.add("VC204", f"dim `{name}` has no value: {error}", place, help=f"change `{name}`")
        value = None
    else:
        if value is not None and 1 <= value <= _DIM_MAX:
            return value
        message = f"dim `{name}` is {value}, but must be between 1 and 2^31"
        faults.add("VC204", message, place, help=f"give `{name}` a positive number")
    return None
