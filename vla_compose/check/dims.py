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
    order = {name: at for at, name in enumerate(given)}
    readers = _readers(given)
    values: dict[str, int] = {}
    lost = set(faults.undeclared)
    ready = [name for name, dim in given.items() if not dim.symbols()]
    while ready:
        for name in ready:
            value = _value(name, given[name], values, place(name), faults)
            if value is None:
                lost.add(name)
            else:
                values[name] = value
        made = {name for one in ready for name in readers.get(one, ())}
        known = (name for name in made if given[name].symbols() <= values.keys())
        ready = sorted(known, key=order.__getitem__)
    for name, dim in given.items():
        unknown = sorted(dim.symbols() - given.keys())
        lost.update(unknown)
        if unknown and not faults.doubtful(unknown[0], given):
            near = nearest(unknown[0], (other for other in given if other != name))
            help = f"write `{near}`" if near else f"add `{unknown[0]}` to `dims`"
            faults.add("VC305", f"`{unknown[0]}` is no dim", place(name), help=help)
    _spread(lost, readers)
    waiting = [name for name in given if name not in values and name not in lost]
    if waiting:
        names = ", ".join(f"`{name}`" for name in waiting)
        message = f"the dims {names} depend on each other"
        faults.add("VC304", message, place(waiting[0]), help="give one a number")
    faults.doubts.update(lost, waiting)
    return values


def _readers(dims: Mapping[str, Dim]) -> dict[str, list[str]]:
    """The dims that are made of each symbol."""
    found: dict[str, list[str]] = {}
    for name, dim in dims.items():
        for symbol in dim.symbols():
            found.setdefault(symbol, []).append(name)
    return found


def _spread(lost: set[str], readers: Mapping[str, list[str]]) -> None:
    """Add what is made of something that is lost."""
    waiting = list(lost)
    while waiting:
        new = [name for name in readers.get(waiting.pop(), ()) if name not in lost]
        lost.update(new)
        waiting += new


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
        faults.add("VC204", message, place, help=f"give `{name}` a number between 1 and 2147483648")
    return None
