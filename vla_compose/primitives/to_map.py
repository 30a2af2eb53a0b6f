"""`to_map`: tokens to a feature map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.primitives.drop import drop_fixed
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class ToMap(Primitive):
    """Lay tokens out as a feature map for convolutions.

    - `b (h w) c -> b c h w`: tokens in raster order become a map of `h` rows and `w` columns.
    - `(n m m) c -> n c m m`: tokens in block order become one small map a merge cell.
    - `(h w) c -> 1 c h w`: the tokens of one image, as a chain with `per_image` sees them.

    Channels keep lying side by side in memory, as in the originals; this decides bits of convolutions.

    Example: `- to_map`
    """

    kind: ClassVar[str] = "to_map"
    drawn: ClassVar[Drawn] = "order"

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        group = x.tokens.group if len(x.axes) > 1 else None
        if x.is_map or len(x.axes) not in (2, 3):
            scope.fail("VC205", f"`to_map` takes tokens, but gets `{x}`", help="leave it out")
        known = (2, 3) if len(x.axes) == 2 else (2,)
        if (
            group is None
            or group.packed
            or (group.window and len(group.factors) < 3)
            or len(group.factors) not in known
        ):
            example = "(n merge merge)" if len(x.axes) == 2 else "b (h w)"
            help = f"type the input by its grid, such as `{example} {x.axes[-1]}`"
            if group is None and any(len(segment.factors) > 1 for segment in x.tokens.segments):
                help = drop_fixed(x, scope)
            elif x.tokens.packed:
                help = "put the steps into a chain with `per_image`"
            message = f"`to_map` needs to know rows and columns, but the tokens are `{x.tokens}`"
            scope.fail("VC202", message, help=help)
        scope.known(*group.factors[-2:])
        *lead, height, width = group.factors
        batch = (
            x.axes[:1]
            if len(x.axes) == 3
            else (Axis((replace(group, factors=tuple(lead) or (Dim.of(1),)),)),)
        )
        return TensorType((*batch, x.axes[-1], Axis.of(height), Axis.of(width)), channel=-3)

    def lower(self, node: Node, code: Code) -> None:
        x, channels = code.x, code.size(node.before.width)
        height, width = (code.size(axis.size) for axis in node.after.axes[-2:])
        if len(node.before.axes) == 3:
            code.set(f"{x}.permute(0, 2, 1).reshape({x}.shape[0], {channels}, {height}, {width})")
        else:
            code.set(f"{x}.reshape(-1, {height}, {width}, {channels}).permute(0, 3, 1, 2)")
