"""Sizes, token counts and costs as short formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vla_compose.types.dim import Dim, DimError
from vla_compose.types.tensor import Axis, TensorType

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(type_: TensorType, values: Mapping[str, int]) -> str:
    """The sizes of a tensor with the numbers of dims put in: `b 2+(h//2)*(w//2+1) 1024`."""
    known = type_.substitute(values)
    text = " ".join(_axis(axis).replace(" ", "") for axis in known.axes)
    return text if known.each is None else f"{known.each} x [{text}]"


def tokens(type_: TensorType, values: Mapping[str, int]) -> str:
    """How many tokens a tensor holds for each entry of a batch: `2 + (h//2)*(w//2+1)`."""
    axes = type_.substitute(values).axes
    if type_.is_map:
        return _axis(Axis.of(*(axis.size for axis in axes[-2:])))
    if len(axes) < 2:
        return "1"
    return axes[-2].count() if axes[-2].packed else _axis(axes[-2])


def _axis(axis: Axis) -> str:
    """The count that keeps the structure, or the polynomial where that is shorter: `4*n` for `n*2*2`."""
    if axis.packed:
        return f"packed({axis.size})"
    counted, plain = axis.count(), str(axis.size)
    return plain if len(plain) <= len(counted.replace(" ", "")) else counted


def cost(parts: Iterable[Dim]) -> str:
    """A sum of sizes, with separators in large numbers: `68,157,440*n`."""
    total = Dim.of(0)
    try:
        for part in parts:
            total = total + part
    except DimError as error:
        return f"no formula: {error}"
    text = re.sub(r"(?<=[\w)])([+-])(?![^(]*\))", r" \1 ", str(total))
    return re.sub(r"\b\d{4,}\b", lambda number: f"{int(number.group()):,}", text)


def memory(count: int) -> str:
    """A number of bytes in the largest unit that leaves at least 1: `65.0 MiB`."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} B"
