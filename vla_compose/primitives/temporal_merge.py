"""`temporal_merge`: fold two frames into the channels of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.primitives.fields import Size
from vla_compose.types.dim import Dim, product
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class TemporalMerge(Primitive):
    """Lay each frame beside the next in the channels: `packed(t h w) c -> packed((t+1)//2 h w) (2 c)`.

    Works on the packed frames of several images and videos; their grid input says how many frames each has.
    An image (one frame) is laid beside itself. A video must have an even number of frames, which is checked
    when the module runs.

    Example: `- temporal_merge: {size: 2}`
    """

    kind: ClassVar[str] = "temporal_merge"
    drawn: ClassVar[Drawn] = "merge"

    size: Size = Field(Dim.of(2), description="frames laid together; only 2 is known")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if scope.value(self.size, "size") != 2:
            scope.fail("VC104", "only two frames can be merged", "size", help="write `size: 2`")
        group = None if x.is_map or len(x.axes) != 2 else x.tokens.group
        if group is None or not group.packed or len(group.factors) < 2:
            message = f"`temporal_merge` needs packed frames, but gets `{x}`"
            scope.fail(
                "VC202", message, help="type the input as `packed(t h w) c` with an input `{grid: t h w}`"
            )
        frames, *frame = group.factors
        symbols = {name for factor in group.factors for name in factor.substitute(scope.values).symbols()}
        scope.grid(symbols)
        scope.contract(f"for every image, {frames} is 1 or even", "temporal_merge")
        channels = x.axes[-1].group
        inner = channels.factors if channels is not None else (x.width,)
        tokens = Axis((Group(((frames + 1) // 2, *frame), packed=True),))
        return x.with_tokens(tokens).with_width(self.size, *inner)

    def lower(self, node: Node, code: Code) -> None:
        group = node.before.tokens.group
        assert group is not None
        frames, *frame = (factor.substitute(code.values) for factor in group.factors)
        symbols = {name for factor in (frames, *frame) for name in factor.symbols()}
        names, rows = code.grid(symbols)
        code.runtime("merge_frames")
        sizes = f"[({code.per_image(frames)}, {code.per_image(product(frame))}) for {names} in {rows}]"
        frames_of = code.let("frames", sizes)
        code.set(f"merge_frames({code.x}, {frames_of})")
