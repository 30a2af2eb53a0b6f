"""`flatten`: put the tokens of all items of a batch after one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Flatten(Primitive):
    """Join batch and tokens: `b n c -> (b n) c`.

    Example: `- flatten`
    """

    kind: ClassVar[str] = "flatten"
    drawn: ClassVar[Drawn] = "order"

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map or len(x.axes) != 3:
            scope.fail("VC205", f"`flatten` takes tokens `b n c`, but gets `{x}`", help="leave it out")
        group = x.tokens.group
        inner: tuple[Dim, ...] = group.factors if group is not None and not group.packed else (x.tokens.size,)
        window = group is not None and group.window
        return TensorType((Axis((Group((x.axes[0].size, *inner), window=window),)), x.axes[-1]))

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.x}.flatten(0, 1)")
