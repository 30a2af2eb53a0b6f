"""`gated_mlp`: two linear maps, one gating the other, and a third."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.activation import Function, activation_call
from vla_compose.primitives.base import Member, Node, Primitive, rows
from vla_compose.primitives.fields import Flag, Init, Name, Size
from vla_compose.primitives.linear import linear_member
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class GatedMlp(Primitive):
    """The gated MLP of recent language models: `down(activation(gate(x)) * up(x))`, without biases.

    Its three maps are `gate_proj`, `up_proj` and `down_proj`, below `name` where one is given.
    `same` stands for the incoming number of channels.

    Example: `- gated_mlp: {name: mlp, hidden: 4 * same, out: same, activation: silu}`
    """

    kind: ClassVar[str] = "gated_mlp"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "tokens"

    name: Name | None = Field(None, description="state-dict name that the three maps stand below")
    names_: Annotated[list[Name], Field(min_length=3, max_length=3)] = Field(
        ["gate_proj", "up_proj", "down_proj"],
        alias="names",
        description="names of the gate, the value and the result",
    )
    hidden: Size = Field(description="channels between")
    out: Size = Field(description="channels after the step")
    activation: Function = Field("silu", description="the function on the gate")
    bias: Flag = Field(False, description="add learned biases")
    init: Init | None = Field(None, description="initial values, where they are not torch's own")

    def names(self) -> list[str]:
        return [f"{self.name}.{name}" if self.name else name for name in self.names_]

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map:
            scope.fail(
                "VC205",
                f"`gated_mlp` works on tokens, but gets the map `{x}`",
                help="put `- to_tokens` before it",
            )
        scope.value(x.width)
        scope.width(self.hidden, x, "hidden")
        return x.with_width(scope.width(self.out, x, "out"))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        inside, hidden, outside = x.width, scope.width(self.hidden, x, "hidden"), y.width
        sizes = ((inside, hidden), (inside, hidden), (hidden, outside))
        return [
            linear_member(name, left, right, self.bias, self.init, scope)
            for name, (left, right) in zip(self.names(), sizes, strict=True)
        ]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        hidden = scope.width(self.hidden, x, "hidden")
        return rows(x) * hidden * (x.width * 2 + y.width) * 2

    def lower(self, node: Node, code: Code) -> None:
        gate, up, down = (code.attr(name) for name in self.names())
        gated = activation_call(self.activation, f"{gate}({code.x})", code)
        code.set(f"{down}({gated} * {up}({code.x}))")
