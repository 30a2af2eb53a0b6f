"""`linear`: an affine map of the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Member, Node, Primitive, module, rows
from vla_compose.primitives.fields import Flag, Init, Name, Size, Std
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Linear(Primitive):
    """Map the channels of every token with one weight matrix: `y = x Wᵀ + b`.

    `out` is the new number of channels; `same` stands for the incoming number, so `2 * same` doubles it.
    `in` is never needed: the width flows in. State it to have it checked.

    Example: `- linear: {name: linear_fc2, out: text}`
    """

    kind: ClassVar[str] = "linear"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "tokens"

    name: Name = Field(description="state-dict name")
    out: Size = Field(description="channels after the step")
    in_: Size | None = Field(None, alias="in", description="asserted number of incoming channels")
    bias: Flag = Field(True, description="add a learned bias")
    init: Init | None = Field(None, description="initial values, where they are not torch's own")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map:
            scope.fail(
                "VC205",
                f"`linear` works on tokens, but gets the map `{x}`",
                help="put `- to_tokens` before it",
            )
        got = scope.value(x.width)
        if self.in_ is not None and scope.value(self.in_, "in") != got:
            stated = scope.value(self.in_, "in")
            message = f"`{self.name}` is told to take {stated} channels, but gets {got}"
            help = "leave out `in`"
            if stated > got and stated % got == 0 and round((stated // got) ** 0.5) ** 2 == stated // got:
                size = round((stated // got) ** 0.5)
                step = f"- spatial_merge: {{size: {size}}}"
                help = f"put `{step}` before this step ({size * size} * {got} = {stated})"
            scope.report("VC201", message, "in", help=help, why=True, found=str(got), expected=str(stated))
        return x.with_width(scope.width(self.out, x, "out"))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        return [linear_member(self.name, x.width, y.width, self.bias, self.init, scope)]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        return rows(x) * x.width * y.width * 2

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.attr(self.name)}({code.x})")


def linear_call(inside: int, outside: int, bias: bool) -> str:
    """The constructor call."""
    return f"nn.Linear({inside}, {outside}{'' if bias else ', bias=False'})"


def linear_member(
    name: str, inside: Dim, outside: Dim, bias: bool, init: Init | None, scope: Scope
) -> Member:
    """The submodule of one linear map, with its initial values."""
    sizes = {"weight": (outside, inside)} | ({"bias": (outside,)} if bias else {})
    call = linear_call(scope.value(inside), scope.value(outside), bias)
    return module(name, call, sizes, scope, init=init_lines(init, bias, scope))


def init_lines(init: Init | None, bias: bool, scope: Scope, weight: str = ".weight") -> tuple[str, ...]:
    """Statements that draw initial values, with `{self}` for the member."""
    if init is None:
        return ()
    lines = []
    if init.normal is not None:
        lines.append(f"nn.init.normal_({{self}}{weight}, std={std_value(init.normal, scope)!r})")
    if init.trunc_normal is not None:
        lines.append(f"nn.init.trunc_normal_({{self}}{weight}, std={std_value(init.trunc_normal, scope)!r})")
    if init.constant is not None:
        lines.append(f"nn.init.constant_({{self}}{weight}, {init.constant!r})")
    if bias and init.bias == "zeros":
        lines.append("nn.init.zeros_({self}.bias)")
    return tuple(lines)


def std_value(std: Std, scope: Scope) -> float:
    """The number that a standard deviation stands for."""
    return (
        std.value
        if std.root is None and std.value is not None
        else scope.value(std.root or Dim.of(1), "init") ** -0.5
    )
