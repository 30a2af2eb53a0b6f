"""`positions`: add fixed positions to a square grid of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Member, Node, Primitive
from vla_compose.primitives.fields import Name
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Positions(Primitive):
    """Add a table of sines and cosines to tokens on a square grid of known side: `b (s s) c`.

    The table is computed in float64 when the module is made. It is a buffer, and no part of the state dict.
    The first half of the channels tells the column, the second half the row.

    Example: `- positions: {name: pos_embed}`
    """

    kind: ClassVar[str] = "positions"
    drawn: ClassVar[Drawn] = "tokens"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"

    name: Name = Field(description="name of the buffer")
    kind_: Literal["sincos_2d"] = Field("sincos_2d", alias="kind", description="which table")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        group = None if x.is_map or len(x.axes) != 3 else x.tokens.group
        if group is None or len(group.factors) != 2 or not scope.equal(*group.factors):
            message = f"`positions` needs tokens on a square grid, but gets `{x}`"
            scope.fail("VC202", message, help="type the input by its grid, such as `b (side side) vision`")
        scope.value(group.factors[0])
        if scope.value(x.width) % 4:
            message = f"sincos_2d needs channels in fours, not {scope.value(x.width)}"
            scope.fail("VC203", message, help="change the width", why=True)
        return x

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        group = x.tokens.group
        assert group is not None
        table = f"fixed_positions({scope.value(x.width)}, {scope.value(group.factors[0])})"
        return [Member(self.name, f"nn.Buffer({table}, persistent=False)", (), runtime=("fixed_positions",))]

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.x} + {code.attr(self.name)}.to({code.x}.dtype)")
