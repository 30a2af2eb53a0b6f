"""The one type that several edges have together: a choice by a flag, or a combination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType, same_order


class Choices:
    """Choices by flags: where two types differ in a size only, a new run-time size stands for both.

    The same two sizes chosen by the same flag are the same new size, wherever the choice is made.

    Args:
        values: the dims.
        taken: names that a new size must not have.
    """

    def __init__(self, values: Mapping[str, int], taken: set[str]) -> None:
        self.values = values
        self.notes: list[str] = []
        self._taken = taken
        self._named: dict[tuple[str, Dim, Dim], Dim] = {}

    def join(self, then: TensorType, otherwise: TensorType, flag: str) -> TensorType | None:
        """The type of both, or `None` when axes, order or channels differ; `notes` tell new sizes."""
        if len(then.axes) != len(otherwise.axes) or then.channel != otherwise.channel:
            return None
        if then.width.substitute(self.values) != otherwise.width.substitute(self.values):
            return None
        if (then.each is None) != (otherwise.each is None):
            return None
        axes = [self._axis(left, right, flag) for left, right in zip(then.axes, otherwise.axes, strict=True)]
        found = tuple(axis for axis in axes if axis is not None)
        if len(found) != len(axes):
            return None
        each = None
        if then.each is not None and otherwise.each is not None:
            each = self._factor(then.each, otherwise.each, flag)
        return replace(then, axes=found, each=each)

    def _axis(self, left: Axis, right: Axis, flag: str) -> Axis | None:
        if len(left.segments) != len(right.segments):
            return None
        groups: list[Group] = []
        for one, other in zip(left.segments, right.segments, strict=True):
            if len(one.factors) != len(other.factors) or (one.packed, one.window) != (
                other.packed,
                other.window,
            ):
                return None
            factors = zip(one.factors, other.factors, strict=True)
            groups.append(replace(one, factors=tuple(self._factor(a, b, flag) for a, b in factors)))
        return Axis(tuple(groups))

    def _factor(self, left: Dim, right: Dim, flag: str) -> Dim:
        one, other = left.substitute(self.values), right.substitute(self.values)
        if one == other:
            return left
        if (flag, one, other) not in self._named:
            name, number = f"{flag}_size", 2
            while name in self._taken:
                name, number = f"{flag}_size_{number}", number + 1
            self._taken.add(name)
            self._named[flag, one, other] = Dim.of(name)
            self.notes.append(f"{name} is {one} if {flag}, else {other}")
        return self._named[flag, one, other]


def combine(how: str, parts: list[TensorType], values: Mapping[str, int]) -> tuple[TensorType | None, str]:
    """Several edges as one: `channels` side by side, `tokens` after one another, or `add`.

    Returns:
        The type, or `None` and what does not fit.
    """
    first = parts[0]
    if first.each is not None and len(parts) == 1:
        return _layers(how, first, values)
    if any(part.each is not None for part in parts):
        return None, "one of them is a list"
    if how == "tokens" and (first.is_map or len(first.axes) < 2):
        return None, f"`{first}` has no tokens"
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


def _layers(how: str, x: TensorType, values: Mapping[str, int]) -> tuple[TensorType | None, str]:
    """A list of tensors joined by channels: layer after layer."""
    group = x.axes[x.channel].group
    if how != "channels" or group is None or x.each is None:
        return None, "a list is joined by channels"
    if x.each.substitute(values).constant is None:
        return None, "how many tensors the list holds is not known before run time"
    axes = list(x.axes)
    axes[x.channel] = Axis((Group((x.each, *group.factors)),))
    return replace(x, axes=tuple(axes), each=None), ""


def _resolved(axis: Axis, values: Mapping[str, int]) -> Axis:
    return TensorType((axis,)).substitute(values).axes[0]
