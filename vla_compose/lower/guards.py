"""Run-time checks of what `forward` is given, and where its sizes come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vla_compose.check.binding import solve
from vla_compose.check.graph import Edge, Requirement
from vla_compose.lower.code import columns, spaced
from vla_compose.lower.layout import INDENT, WIDTH, condition
from vla_compose.primitives.base import Holds
from vla_compose.types.dim import Dim, product
from vla_compose.types.tensor import Axis, TensorType

SHAPE = "_shape"
# What `is_compiling` tells, without its way over `torch.jit`: that took a third of what the checks cost.
EAGER = "if not (is_dynamo_compiling() or is_exporting()):"


_HOLDS: dict[Holds, str] = {
    "floats": "floats",
    "integers": "integers",
    "mask": "booleans or integers",
    "scores": "booleans or floats",
}
_UNFIT: dict[Holds, str] = {
    "floats": "not {0}.is_floating_point()",
    "integers": "{0}.is_floating_point() or {0}.dtype == torch.bool",
    "mask": "{0}.is_floating_point()",
    "scores": "not ({0}.is_floating_point() or {0}.dtype == torch.bool)",
}


@dataclass(slots=True)
class Check:
    """One `if … raise`: what may be wrong, and the message.

    Args:
        wrong: conditions, any of which is a mistake.
        message: with `{…}` for what is put in.
        shaped: the tensor whose shape is looked at once, as `_shape`; empty when it is no tensor.
        optional: condition that there is something to check.
        loop: header of the loop over a list that the check stands in.
    """

    wrong: list[str]
    message: str
    shaped: str = ""
    optional: str = ""
    loop: str = ""

    def lines(self) -> list[str]:
        """The statements, one level deep."""
        depth = 2 if self.loop else 1
        pad = INDENT * depth
        found = [INDENT + self.loop] if self.loop else []
        wrong = self.wrong
        if self.shaped:
            found.append(f"{pad}{SHAPE} = {self.shaped}.shape if isinstance({self.shaped}, Tensor) else ()")
            wrong = [_through_shape(part, self.shaped) for part in wrong]
        found += condition(wrong, depth, self.optional)
        one = f"{pad}{INDENT}raise ValueError({_literal(self.message)})"
        if len(one) <= WIDTH - 2 * len(INDENT):
            return [*found, one]
        split = re.split("(?= with |, but )", self.message)
        parts = [f"{pad}{INDENT * 2}{_literal(part)}" for part in split]
        return [*found, f"{pad}{INDENT}raise ValueError(", *parts, f"{pad}{INDENT})"]


@dataclass(slots=True)
class Guards:
    """What is checked when `forward` runs, and the source of every size that is known.

    `origins` names the input that a size belongs to. `lengths` are those of axes whose sizes no input tells
    apart, such as `h*w`: where they occur again they must be the same.
    """

    values: Mapping[str, int]
    sources: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    grids: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    lengths: dict[tuple[Dim, bool], tuple[str, str]] = field(default_factory=dict)

    def told(self, symbols: Iterable[str], origin: str = "") -> None:
        """Sizes that `forward` is given as numbers, and what holds them."""
        self.sources.update({symbol: symbol for symbol in symbols})
        self.origins.update({symbol: origin for symbol in symbols if origin})

    def tensor(self, variable: str, edge: Edge, *, holds: Holds = "floats", first: str = "") -> None:
        """Check a tensor against its type; sizes that its shape gives become known.

        Args:
            variable: source of the tensor, and how messages name it.
            edge: its type.
            holds: what its elements must be.
            first: source of the first tensor of its list; may be no tensor.
        """
        type_ = edge.type.substitute(self.values)
        known = self._known(type_, first)
        wrong = [f"{variable}.dim() != {len(type_.axes)}"]
        for at in sorted(range(len(type_.axes)), key=lambda at: type_.axes[at].size.constant is None):
            axis, length = type_.axes[at], f"{variable}.shape[{at}]"
            if axis.packed and self._grid(axis) is not None:
                wrong.append(f"{length} != {self._rows(axis)}")
            elif axis.packed:
                wrong += self._again(variable, axis, length, edge)
            elif axis.size.constant is not None:
                wrong.append(f"{length} != {axis.size}")
            elif axis.size.symbols() <= self.sources.keys():
                wrong.append(f"{length} != {self.source(axis.size)}")
            else:
                bound = self._bind(variable, at, edge, length)
                wrong += self._again(variable, axis, length, edge) if bound is None else bound
        wrong.append(_UNFIT[holds].format(variable))
        note = " (one name, one size)" if _repeats(type_) else ""
        note += f" with {', '.join(known)}" if known else ""
        message = f"`{variable}` must be {_HOLDS[holds]} `{type_}`{note}, but {{given({variable})}}"
        rows = next((part.partition(" != ")[2] for part in wrong if " != sum(" in part), "")
        message += f", and the grid counts {{{rows}}} rows" if rows else ""
        optional = f"{variable} is not None" if edge.optional else ""
        self.checks.append(Check(wrong, message, variable, optional))

    def _grid(self, axis: Axis) -> str | None:
        """The variable of the grid that counts the rows of all images."""
        if axis.group is None:
            return None
        symbols = axis.group.size.symbols()
        return next((grid for grid, names in self.grids.items() if symbols <= set(names)), None)

    def _rows(self, axis: Axis) -> str:
        grid = self._grid(axis)
        assert grid is not None
        return f"sum([{spaced(axis.size)} for {columns(self.grids[grid])} in {grid}])"

    def _bind(self, variable: str, at: int, edge: Edge, length: str) -> list[str] | None:
        binding = solve(variable, at, edge.type.axes[at], self.values, set(self.sources))
        if binding is None:
            return None
        inner = f"({length} - {binding.offset})" if binding.offset else length
        value = binding.source(length)
        if not edge.optional:
            self.sources[binding.symbol] = value
            self.origins[binding.symbol] = variable
        wrong = [f"{length} < {binding.offset}"] if binding.offset else []
        if binding.power == 2:
            whole = f"{value} ** 2" if binding.factor == 1 else f"{value} ** 2 * {binding.factor}"
            return [*wrong, f"{whole} != {inner}"]
        return [*wrong, *([f"{inner} % {binding.factor}"] if binding.factor > 1 else [])]

    def _again(self, variable: str, axis: Axis, length: str, edge: Edge) -> list[str]:
        """Compare a length whose sizes are not known with where it stood first; a fixed part may differ."""
        if axis.packed:  # what is fixed is so for each image
            size, fixed = axis.size, 0
            if size.constant is not None:
                return [f"{length} % {size}"] if size.constant > 1 else []
        else:
            fixed = axis.size.coefficient(Dim.of(1))
            size = axis.size - fixed
        inner = f"{length} - {fixed}" if fixed else length
        if (size, axis.packed) in self.lengths:
            return [f"{inner} != {self.lengths[size, axis.packed][1]}"]
        if not edge.optional:
            self.lengths[size, axis.packed] = variable, inner
        wrong = [f"{length} < {fixed}"] if fixed > 0 else []
        known = [f for f in axis.group.factors if f.symbols() <= self.sources.keys()] if axis.group else []
        if any(f.symbols() for f in known) and not axis.packed:
            part = self.source(product(known))
            wrong.append(f"{_wrap(inner) if fixed else inner} % max({part}, 1)")
        return wrong

    def settle(self) -> None:
        """Check lengths whose sizes only later inputs have told."""
        for (size, packed), (variable, length) in self.lengths.items():
            if not packed and size.symbols() <= self.sources.keys():
                value = self.source(size)
                what = f"`{variable}` must have {spaced(size)} = {{{value}}} tokens by the other inputs"
                self.checks.append(Check([f"{length} != {value}"], f"{what}, but has {{{length}}}"))

    def _known(self, type_: TensorType, first: str) -> list[str]:
        """What a message says of the sizes that a tensor must have, but for what `first` may not tell."""
        names = [name for factor in type_.factors() for name in sorted(factor.symbols())]
        found = {name: self.sources[name] for name in names if name in self.sources}
        for axis in type_.axes:
            size = axis.size - axis.size.coefficient(Dim.of(1))
            if (size, False) in self.lengths and not axis.packed:
                found[spaced(size)] = self.lengths[size, False][1]
        return [f"{name} = {{{value}}}" for name, value in found.items() if not first or first not in value]

    def tensors(self, variable: str, edge: Edge, taken: Iterable[str] = ()) -> None:
        """Check the length of a list of tensors, and each of its tensors.

        Args:
            variable: source of the list, and how messages name it.
            edge: its type.
            taken: names that the loop must leave alone.
        """
        length = edge.each.substitute(self.values) if edge.each is not None else None
        message = f"`{variable}` must be a list of {length} tensors, but "
        kind = f"not isinstance({variable}, (list, tuple, Tensor))"
        self.checks.append(Check([kind], f"{message}{{given({variable})}}"))
        self.checks.append(Check([f"len({variable}) != {length}"], f"{message}has {{len({variable})}}"))
        one = Edge(replace(edge.type, each=None))
        known = Guards(self.values, self.sources, [], self.grids, self.origins, self.lengths)
        known.tensor(f"{variable}[0]", one)
        at, tensor = (name + "_" * (name in taken) for name in ("at", "tensor"))
        each = Guards(self.values, self.sources, [], self.grids, self.origins, self.lengths)
        each.tensor(tensor, one, first=f"{variable}[0]")
        (check,) = each.checks
        # Sizes are computed from the first one, which must be long enough for that.
        (first,) = known.checks
        check.wrong[1:1] = [part.replace(f"{variable}[0]", tensor) for part in first.wrong if " < " in part]
        check.message = check.message.replace(f"`{tensor}`", f"`{variable}[{{{at}}}]`", 1)
        check.loop = f"for {at}, {tensor} in enumerate({variable}):"
        self.checks.append(check)

    def requirement(self, requirement: Requirement, only: str = "") -> None:
        """Check a contract on a size, `only` under a condition; one on data is enforced by its step."""
        if requirement.text:
            return
        value = self.source(requirement.size)
        if requirement.multiple_of > 1:
            text = f"{_wrap(value)} % {requirement.multiple_of}"
            wanted = f"a multiple of {requirement.multiple_of}"
        else:
            text, wanted = f"{value} < {requirement.at_least}", f"at least {requirement.at_least}"
        origins = dict.fromkeys(
            self.origins[n] for n in sorted(requirement.size.symbols()) if n in self.origins
        )
        whose = " of " + " and ".join(f"`{origin}`" for origin in origins) if origins else ""
        size = spaced(requirement.size)
        message = f"`{size}`{whose} must be {wanted} ({requirement.why}), but is {{{value}}}"
        self.checks.append(Check([text], message, optional=only))

    def source(self, size: Dim) -> str:
        """Source of a size whose symbols are all known."""
        return re.sub(r"[A-Za-z_]\w*", lambda name: _wrap(self.sources[name.group()]), spaced(size))

    def lines(self) -> list[str]:
        """The statements, to stand first in `forward`."""
        if not self.checks:
            return []
        return [EAGER, *(line for check in self.checks for line in check.lines())]


def _through_shape(part: str, variable: str) -> str:
    """One look at the shape in place of several: each costs as much as a small operation."""
    return re.sub(
        rf"\b{re.escape(variable)}\.shape\b", SHAPE, part.replace(f"{variable}.dim()", f"len({SHAPE})")
    )


def _literal(message: str) -> str:
    return "f" * ("{" in message) + quoted(message)


def quoted(text: str) -> str:
    """A string literal in double quotes; the text is made of names, sizes and our own words."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrap(source: str) -> str:
    if re.fullmatch(r"[\w.\[\]]+", source):
        return source
    inner = source.removeprefix("int")
    depth = [0]
    for character in inner:
        depth.append(depth[-1] + (character == "(") - (character == ")"))
    whole = inner.startswith("(") and 0 not in depth[1:-1]
    return source if whole else f"({source})"


def _repeats(type_: TensorType) -> bool:
    names = [name for factor in type_.factors() for name in factor.symbols()]
    return len(names) != len(set(names))
