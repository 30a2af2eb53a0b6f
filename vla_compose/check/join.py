"""The one type that two alternative edges share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType


def join(
    then: TensorType, otherwise: TensorType, flag: str, values: Mapping[str, int]
) -> tuple[TensorType | None, list[str]]:
    """Where two types differ in a size only, a new run-time size stands for both.

    Returns:
        The type, or `None` when axes, order or channels differ; and what each new size means.
    """
    named: dict[tuple[Dim, Dim], Dim] = {}
    notes: list[str] = []

    def factor(left: Dim, right: Dim) -> Dim:
        one, other = left.substitute(values), right.substitute(values)
        if one == other:
            return left
        if (one, other) not in named:
            name = f"{flag}_size" if not named else f"{flag}_size_{len(named) + 1}"
            named[one, other] = Dim.of(name)
            notes.append(f"{name} is {one} if {flag}, else {other}")
        return named[one, other]

    def group(left: Group, right: Group) -> Group | None:
        if len(left.factors) != len(right.factors) or left.packed != right.packed:
            return None
        return Group(tuple(factor(a, b) for a, b in zip(left.factors, right.factors, strict=True)), left.packed)

    axes: list[Axis] = []
    same = len(then.axes) == len(otherwise.axes) and then.channel == otherwise.channel
    for left, right in zip(then.axes, otherwise.axes, strict=False):
        if not same or len(left.segments) != len(right.segments):
            return None, []
        groups = [group(a, b) for a, b in zip(left.segments, right.segments, strict=True)]
        found = tuple(g for g in groups if g is not None)
        if len(found) != len(groups):
            return None, []
        axes.append(Axis(found))
    if not same or then.width.substitute(values) != otherwise.width.substitute(values):
        return None, []
    each = factor(then.each, otherwise.each) if then.each is not None and otherwise.each is not None else None
    if (then.each is None) != (otherwise.each is None):
        return None, []
    return replace(then, axes=tuple(axes), each=each), notes
