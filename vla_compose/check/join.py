"""The one type that two alternative edges share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType, same_order


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
        return Group(
            tuple(factor(a, b) for a, b in zip(left.factors, right.factors, strict=True)), left.packed
        )

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


def combine(how: str, parts: list[TensorType], values: Mapping[str, int]) -> tuple[TensorType | None, str]:
    """Several edges as one: `channels` side by side, `tokens` after one another, or `add`.

    Returns:
        The type, or `None` and what does not fit.
    """
    first = parts[0]
    if first.each is not None and len(parts) == 1:
        return _layers(how, first)
    if any(part.each is not None for part in parts):
        return None, "one of them is a list"
    joined = {"channels": len(first.axes) + first.channel, "tokens": len(first.axes) - 2, "add": -1}[how]
    for part in parts[1:]:
        if len(part.axes) != len(first.axes) or part.channel != first.channel:
            return None, f"`{first}` and `{part}` have other axes"
        for at, (left, right) in enumerate(zip(first.axes, part.axes, strict=True)):
            one, other = _resolved(left, values), _resolved(right, values)
            if at == joined:
                continue
            if one.size != other.size:
                return None, f"`{left}` is not `{right}`"
            if not same_order(one, other):
                return None, f"`{left}` and `{right}` have the same size but another order"
    if how == "add":
        return first, ""
    axis = Axis(tuple(segment for part in parts for segment in part.axes[joined].segments))
    return replace(first, axes=(*first.axes[:joined], axis, *first.axes[joined + 1 :])), ""


def _layers(how: str, x: TensorType) -> tuple[TensorType | None, str]:
    """A list of tensors joined by channels: layer after layer."""
    group = x.axes[x.channel].group
    if how != "channels" or group is None or x.each is None:
        return None, "a list is joined by channels"
    axes = list(x.axes)
    axes[x.channel] = Axis((Group((x.each, *group.factors)),))
    return replace(x, axes=tuple(axes), each=None), ""


def _resolved(axis: Axis, values: Mapping[str, int]) -> Axis:
    return TensorType((axis,)).substitute(values).axes[0]
