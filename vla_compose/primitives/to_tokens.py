"""`to_tokens`: a feature map to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class ToTokens(Primitive):
    """Read a feature map row by row: `b c h w -> b (h w) c`.

    A map of one row and one column gives one token each: `n c 1 1 -> n c`.
    The result is a view whose channels do not lie side by side, as in the originals; this decides which
    kernel a following biased `linear` takes.

    Example: `- to_tokens`
    """

    kind: ClassVar[str] = "to_tokens"
    drawn: ClassVar[Drawn] = "order"

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if not x.is_map:
            scope.fail("VC205", f"`to_tokens` takes a map, but gets `{x}`", help="leave it out")
        batch, channels, *sides = x.axes
        if all(side.size.substitute(scope.values) == 1 for side in sides):
            return TensorType((batch, channels))
        return TensorType((batch, Axis((Group(tuple(side.size for side in sides)),)), channels))

    def lower(self, node: Node, code: Code) -> None:
        x = code.x
        if len(node.after.axes) == 2:
            code.set(f"{x}.reshape(-1, {code.size(node.before.width)})")
        else:
            code.set(f"{x}.reshape({x}.shape[0], {code.size(node.before.width)}, -1).permute(0, 2, 1)")
