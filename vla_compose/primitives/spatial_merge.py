"""`spatial_merge`: fold a square of tokens into the channels of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.primitives.drop import drop_fixed
from vla_compose.primitives.fields import Size
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class SpatialMerge(Primitive):
    """Fold each square of `size * size` neighbouring tokens into the channels of one token.

    The order of the tokens decides how, and is taken from the type:

    - block order, `(n m m) c -> n (m m c)`: the neighbours already follow each other, so it is a view.
    - raster order, `(h w) c -> (h//m w//m) (m m c)`: the neighbours are apart, so it is a permutation;
      `h` and `w` must be multiples of `m`, which is checked at run time where it is not known before.

    `channels: hwc` puts the tokens of the square one after another, row by row. `channels: chw` puts the
    values of one channel side by side, as `F.unfold` and convolution weights do. The two orders need
    different weights.

    Example: `- spatial_merge: {size: merge}`
    """

    kind: ClassVar[str] = "spatial_merge"
    drawn: ClassVar[Drawn] = "merge"

    size: Size = Field(description="side of the square")
    channels: Literal["hwc", "chw"] = Field("hwc", description="order of the folded channels")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        size = scope.value(self.size, "size")
        if x.is_map or len(x.axes) < 2:
            scope.fail(
                "VC205", f"`spatial_merge` takes tokens, but gets `{x}`", help="put `- to_tokens` before it"
            )
        group = x.tokens.group
        if group is None and any(len(segment.factors) > 1 for segment in x.tokens.segments):
            message = f"cannot merge {size}x{size} neighbours: `{x.tokens}` holds more than a grid"
            scope.fail("VC202", message, help=drop_fixed(x, scope))
        if group is None or len(group.factors) < 2:
            scope.fail(
                "VC202",
                f"cannot merge {size}x{size} neighbours: the order of the tokens `{x.tokens}` is not known",
                help="type the input by its order: `(n merge merge)` for blocks, `b (h w)` for raster",
            )
        *lead, height, width = group.factors
        channels = x.axes[-1].group
        inner = channels.factors if channels is not None else (x.width,)
        folded = (self.size, self.size, *inner) if self.channels == "hwc" else (*inner, self.size, self.size)
        if _is_block(self, x, scope):
            tokens = replace(group, factors=tuple(lead) or (x.tokens.size // (self.size * self.size),))
        else:
            fixed = [f for f in (height, width) if f.substitute(scope.values).constant is not None]
            if fixed and len(fixed) < 2:
                scope.fail(
                    "VC202",
                    f"cannot merge {size}x{size} tokens: in `{x.tokens}`, `{fixed[0]}` is no side of a grid",
                    help=f"type the tokens as blocks `(n {self.size} {self.size})` or as a grid `(h w)`",
                )
            if group.window:
                scope.fail(
                    "VC202",
                    f"cannot merge {size}x{size} neighbours of `{x.tokens}`: the tokens are in window order",
                    help="put `- unwindow: {index: window_index}` before this step",
                )
            if group.packed:
                scope.fail(
                    "VC202",
                    f"cannot merge {size}x{size} tokens of several images at once in the order `{x.tokens}`",
                    help="put the step into a chain with `per_image`, or type the input in block order",
                )
            scope.known(height, width, *(lead if len(lead) > 1 else ()))
            scope.require(height, multiple_of=size, why="spatial_merge")
            scope.require(width, multiple_of=size, why="spatial_merge")
            tokens = Group((*lead, height // self.size, width // self.size))
        return x.with_tokens(Axis((tokens,))).with_width(*folded)

    def lower(self, node: Node, code: Code) -> None:
        before, m = node.before, code.number(self.size)
        channels = code.number(before.width)
        wide = m * m * channels
        batch = [f"{code.x}.shape[{at}]" for at in range(len(before.axes) - 2)]
        offset = len(batch)
        group = before.tokens.group
        assert group is not None
        if _is_block(self, before, code):
            if self.channels == "hwc":
                code.set(f"{code.x}.reshape({', '.join([*batch, '-1', str(wide)])})")
            else:
                swap = ", ".join(str(axis) for axis in [*range(offset + 1), offset + 2, offset + 1])
                code.set(
                    f"{code.x}.reshape({', '.join([*batch, '-1', str(m * m), str(channels)])})"
                    f".permute({swap})"
                )
                code.set(f"{code.x}.reshape({', '.join([*batch, '-1', str(wide)])})")
            return
        *lead, height, width = group.factors
        parts = [*batch, *(code.size(factor) if len(lead) > 1 else "-1" for factor in lead)]
        at = len(parts)
        parts += [
            code.size(height // self.size),
            str(m),
            code.size(width // self.size),
            str(m),
            str(channels),
        ]
        inner = (
            [at, at + 2, at + 1, at + 3, at + 4]
            if self.channels == "hwc"
            else [at, at + 2, at + 4, at + 1, at + 3]
        )
        order = ", ".join(str(axis) for axis in [*range(at), *inner])
        code.set(f"{code.x}.reshape({', '.join(parts)}).permute({order})")
        # Without images there is nothing that `-1` could be found from.
        rows = "-1" if lead or not batch else code.size(node.after.tokens.size)
        code.set(f"{code.x}.reshape({', '.join([*batch, rows, str(wide)])})")


def _is_block(step: SpatialMerge, x: TensorType, known: Scope | Code) -> bool:
    """Whether the last two factors are the sides of a merge cell.

    Two dims of different names that happen to be equal are not: then each grid is one cell, and it is read
    as a raster, which gives the same tokens.
    """
    group = x.tokens.group
    assert group is not None

    def side(factor: Dim) -> bool:
        named = factor.constant is None and step.size.constant is None
        return factor == step.size if named else known.equal(factor, step.size)

    return all(side(factor) for factor in group.factors[-2:])
