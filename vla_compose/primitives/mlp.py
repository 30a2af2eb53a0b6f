"""`mlp`: linear, activation, linear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from vla_compose.primitives.activation import MODULES, Function, activation_call
from vla_compose.primitives.base import Member, Node, Primitive, module, numbers, rows
from vla_compose.primitives.fields import Flag, Init, Name, Size, fault
from vla_compose.primitives.linear import init_lines, linear_call, linear_member
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Mlp(Primitive):
    """Two linear maps with an activation between: `out(activation(hidden(x)))`.

    Name it in one of two ways. `name: mlp` makes an `nn.Sequential`, whose weights are `mlp.0` and `mlp.2`.
    `names: [linear_1, linear_2]` makes two `nn.Linear` of those names.
    `same` stands for the incoming number of channels.

    Example: `- mlp: {name: mlp, hidden: same, out: text, activation: gelu}`
    """

    kind: ClassVar[str] = "mlp"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "tokens"

    name: Name | None = Field(None, description="state-dict name of an `nn.Sequential`")
    names_: Annotated[list[Name], Field(min_length=2, max_length=2)] | None = Field(
        None,
        alias="names",
        description="state-dict names of the two linear maps",
        examples=[["linear_1", "linear_2"]],
    )
    hidden: Size = Field(description="channels between the two maps")
    out: Size = Field(description="channels after the step")
    activation: Function = Field(description="the function between the two maps")
    bias: Flag = Field(True, description="add learned biases")
    init: Init | None = Field(None, description="initial values, where they are not torch's own")

    @model_validator(mode="after")
    def _one_way_of_naming(self) -> Mlp:
        if (self.name is None) == (self.names_ is None):
            help = "add `name: mlp`" if self.name is None else "leave out `names`"
            raise fault("value", "it needs `name` or `names`, and not both", help=help)
        if self.name is not None and self.activation not in MODULES:
            message = f"`{self.activation}` is no torch module, which `name` needs"
            raise fault("value", message, help="write `names: [fc1, fc2]` in place of `name`")
        return self

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map:
            scope.fail(
                "VC205", f"`mlp` works on tokens, but gets the map `{x}`", help="put `- to_tokens` before it"
            )
        scope.value(x.width)
        scope.width(self.hidden, x, "hidden")
        return x.with_width(scope.width(self.out, x, "out"))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        inside, hidden, outside = x.width, scope.width(self.hidden, x, "hidden"), y.width
        if self.names_ is not None:
            return [
                linear_member(self.names_[0], inside, hidden, self.bias, self.init, scope),
                linear_member(self.names_[1], hidden, outside, self.bias, self.init, scope),
            ]
        sizes: dict[str, tuple[Dim, ...]] = {}
        for at, (left, right) in {"0": (inside, hidden), "2": (hidden, outside)}.items():
            sizes[f"{at}.weight"] = (right, left)
            if self.bias:
                sizes[f"{at}.bias"] = (right,)
        first, second, third = numbers((inside, hidden, outside), scope)
        calls = [
            linear_call(first, second, self.bias),
            MODULES[self.activation],
            linear_call(second, third, self.bias),
        ]
        init = tuple(
            line.replace("{self}", f"{{self}}[{at}]")
            for at in (0, 2)
            for line in init_lines(self.init, self.bias, scope)
        )
        return [module(self.name or "", f"nn.Sequential({', '.join(calls)})", sizes, scope, init=init)]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        hidden = scope.width(self.hidden, x, "hidden")
        return rows(x) * hidden * (x.width + y.width) * 2

    def lower(self, node: Node, code: Code) -> None:
        if self.names_ is None:
            code.set(f"{code.attr(self.name or '')}({code.x})")
            return
        code.set(f"{code.attr(self.names_[0])}({code.x})")
        code.set(activation_call(self.activation, code.x, code))
        code.set(f"{code.attr(self.names_[1])}({code.x})")
