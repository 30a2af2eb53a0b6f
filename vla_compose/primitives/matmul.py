"""`matmul`: a bare weight in [in, out] layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Member, Node, Primitive, parameter, rows
from vla_compose.primitives.fields import Init, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Matmul(Primitive):
    """Multiply the channels with a bare parameter of shape `[in, out]`: `y = x @ weight`.

    The transpose of what `linear` keeps, without a bias, and one state-dict entry of the step's own name.

    Example: `- matmul: {name: proj, out: text, init: {normal: text^-0.5}}`
    """

    kind: ClassVar[str] = "matmul"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "tokens"

    name: Name = Field(description="state-dict name of the parameter")
    out: Size = Field(description="channels after the step")
    init: Init | None = Field(None, description="initial values (default: zeros, as Gemma 3 has it)")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map:
            scope.fail(
                "VC205",
                f"`matmul` works on tokens, but gets the map `{x}`",
                help="put `- to_tokens` before it",
            )
        scope.value(x.width)
        return x.with_width(scope.width(self.out, x, "out"))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        init = init_lines(self.init, False, scope, weight="") or ("nn.init.zeros_({self})",)
        return [parameter(self.name, (x.width, y.width), init, scope)]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        return rows(x) * x.width * y.width * 2

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.x} @ {code.attr(self.name)}")
