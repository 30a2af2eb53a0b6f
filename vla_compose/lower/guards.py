"""Run-time checks of what `forward` is given, and where its sizes come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vla_compose.check.binding import solve
from vla_compose.check.graph import Edge, Requirement
from vla_compose.lower.code import columns, spaced
from vla_compose.lower.layout import INDENT, condition
from vla_compose.primitives.base import Holds
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, TensorType

SHAPE = "_shape"
# What `is_compiling` tells, without its way over `torch.jit`: that took a third of what the checks cost.
EAGER = "if not (is_dynamo_compiling() or is_exporting()):"


_HOLDS: dict[Holds, str] = {"floats": "floats ", "integers": "integers or booleans ", "anything": ""}
_FITS: dict[Holds, str] = {
    "floats": " and {0}.is_floating_point()",
    "integers": " and not {0}.is_floating_point()",
    "anything": "",
}


@dataclass(slots=True)
class Check:
    """One `if … raise`: what may be wrong, and the message.

    Args:
        wrong: conditions, any of which is a mistake.
        message: with `{…}` for what is put in.
        shaped: the tensor whose shape is looked at once, as `_shape`; empty when it is no tensor or not so.
        optional: condition that there is something to check.
        fits: what the elements of `shaped` must be besides.
        loop: header of the loop over a list that the check stands in.
    """

    wrong: list[str]
    message: str
    shaped: str = ""
    optional: str = ""
    fits: str = ""
    loop: str = ""

    def lines(self) -> list[str]:
        """The statements, one level deep."""
        depth = 2 if self.loop else 1
        pad = INDENT * depth
        found = [INDENT + self.loop] if self.loop else []
        wrong = self.wrong
        if self.shaped:
            tensor = f"isinstance({self.shaped}, Tensor){self.fits.format(self.shaped)}"
            found.append(f"{pad}{SHAPE} = {self.shaped}.shape if {tensor} else ()")
            wrong = [_through_shape(part, self.shaped) for part in wrong]
        found += condition(wrong, depth, self.optional)
        return [*found, f"{pad}{INDENT}raise ValueError({'f' * ('{' in self.message)}{quoted(self.message)})"]


@dataclass(slots=True)
class Guards:
    """What is checked when `forward` runs, and the source of every size that is known."""

    values: Mapping[str, int]
    sources: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    grids: dict[str, list[str]] = field(default_factory=dict)

    def told(self, symbols: Iterable[str]) -> None:
        """Sizes that `forward` is given as numbers."""
        self.sources.update({symbol: symbol for symbol in symbols})

    def tensor(self, variable: str, edge: Edge, *, holds: Holds = "floats", own: bool = True) -> None:
        """Check a tensor against its type; sizes that its shape gives become known.

        Args:
            variable: source of the tensor, and how messages name it.
            edge: its type.
            holds: what its elements must be.
            own: check it fully; otherwise that it is a tensor, and sizes that another input has fixed.
        """
        type_ = edge.type.substitute(self.values)
        wrong = [f"{variable}.dim() != {len(type_.axes)}"] if own else [f"not isinstance({variable}, Tensor)"]
        for at in sorted(range(len(type_.axes)), key=lambda at: type_.axes[at].size.constant is None):
            size, length = type_.axes[at].size, f"{variable}.shape[{at}]"
            if type_.axes[at].packed:
                wrong += self._packed(type_.axes[at], length) if own else []
                continue
            if size.constant is not None:
                wrong += [f"{length} != {size}"] if own else []
            elif size.symbols() <= self.sources.keys():
                wrong.append(f"{length} != {self.source(size)}")
            else:
                wrong += self._bind(variable, at, edge, length, own)
        note = " (one name, one size)" if _repeats(type_) else ""
        message = f"`{variable}` must be {_HOLDS[holds]}`{type_}`{note}, but {{given({variable})}}"
        told = [name for name in self.sources if self.sources[name] == name and name in type_.symbols()]
        message += " with " + ", ".join(f"{name} = {{{name}}}" for name in told) if told else ""
        rows = next((part.partition(" != ")[2] for part in wrong if " != sum(" in part), "")
        message += f", and the grid counts {{{rows}}} rows" if rows else ""
        optional = f"{variable} is not None" if edge.optional else ""
        self.checks.append(Check(wrong, message, variable if own else "", optional, _FITS[holds]))

    def _packed(self, axis: Axis, length: str) -> list[str]:
        """The rows of all images add up to the length."""
        group = axis.group
        symbols = group.size.symbols() if group is not None else frozenset()
        grid = next((g for g, names in self.grids.items() if symbols <= set(names)), None)
        if group is None or grid is None:
            return []
        return [f"{length} != sum([{spaced(group.size)} for {columns(self.grids[grid])} in {grid}])"]

    def _bind(self, variable: str, at: int, edge: Edge, length: str, own: bool) -> list[str]:
        binding = solve(variable, at, edge.type.axes[at], self.values, set(self.sources))
        if binding is None:
            return []
        inner = f"({length} - {binding.offset})" if binding.offset else length
        value = binding.source(length)
        if not edge.optional:
            self.sources[binding.symbol] = value
        if own and binding.power == 2:
            whole = f"{value} ** 2" if binding.factor == 1 else f"{value} ** 2 * {binding.factor}"
            return [f"{whole} != {inner}"]
        return [f"{inner} % {binding.factor}"] if own and binding.factor > 1 else []

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
        sizes = Guards(self.values, self.sources)
        sizes.tensor(f"{variable}[0]", one, own=False)
        at, tensor = (name + "_" * (name in taken) for name in ("at", "tensor"))
        each = Guards(self.values, self.sources, grids=self.grids)
        each.tensor(tensor, one)
        (check,) = each.checks
        check.message = check.message.replace(f"`{tensor}`", f"`{variable}[{{{at}}}]`", 1)
        check.loop = f"for {at}, {tensor} in enumerate({variable}):"
        self.checks.append(check)

    def requirement(self, requirement: Requirement) -> None:
        """Check a contract on a size; one on data is enforced by its step."""
        if requirement.text:
            return
        value = self.source(requirement.size)
        if requirement.multiple_of > 1:
            text = f"{_wrap(value)} % {requirement.multiple_of}"
            wanted = f"a multiple of {requirement.multiple_of}"
        else:
            text, wanted = f"{value} < {requirement.at_least}", f"at least {requirement.at_least}"
        message = f"`{spaced(requirement.size)}` must be {wanted} ({requirement.why}), but is {{{value}}}"
        self.checks.append(Check([text], message))

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
