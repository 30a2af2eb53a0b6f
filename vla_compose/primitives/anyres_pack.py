"""`anyres_pack`: put the tiles of each image together again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from vla_compose.primitives.base import Drawn, Holds, Member, Node, Primitive, parameter
from vla_compose.primitives.fields import Init, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code

Tiles = Annotated[list[Annotated[int, Field(strict=True, ge=1, le=64)]], Field(min_length=2, max_length=2)]


class AnyresPack(Primitive):
    """Put the tiles of each image together: `tiles (side side) c -> images x [anyres c]`.

    Every image comes as one small view of the whole, and tiles that cut the image at full size on the grid of
    `grids` (rows, columns) that fits it best. The tiles are laid out as one map, the padding that made the
    image fit the grid is cut off, and `newline` is put at the end of every row; the small view comes first.
    How many tokens an image gives depends on its size, from the grid input `sizes` (height, width in pixels).

    Example:
    `- anyres_pack: {newline: image_newline, sizes: image_sizes, tile: tile, grids: [[1, 2], [2, 1], [2, 2]]}`
    """

    kind: ClassVar[str] = "anyres_pack"
    drawn: ClassVar[Drawn] = "tokens"

    newline: Name = Field(description="state-dict name of the token at the end of every row")
    sizes: Name = Field(description="grid input `{grid: height width}`: the pixels of every image")
    tile: Size = Field(description="side of a tile in pixels")
    grids: Annotated[list[Tiles], Field(min_length=1, max_length=256)] = Field(
        description="grids of tiles to choose from, as rows and columns", examples=[[[1, 2], [2, 1], [2, 2]]]
    )
    init: Init | None = Field(None, description="initial values (default: normal with channels^-0.5)")

    def names(self) -> list[str]:
        return [self.newline]

    def reads(self) -> Mapping[str, Holds]:
        return {self.sizes: "integers"}

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        group = None if x.is_map or len(x.axes) != 3 else x.tokens.group
        if group is None or len(group.factors) != 2:
            message = f"`anyres_pack` needs tiles with rows and columns, but gets `{x}`"
            scope.fail("VC202", message, help="type the input as `tiles (side side) vision`")
        scope.known(*group.factors)
        scope.value(self.tile, "tile")
        scope.value(x.width)
        scope.grid_named(self.sizes, ("height", "width"), "sizes")
        area = x.tokens.count()
        scope.contract(
            f"for each image, anyres is {area} + rows * (columns + 1) of its tiles without padding"
            f", from `{self.sizes}`",
            "anyres_pack",
        )
        return TensorType((Axis.of(scope.fresh("anyres")), x.axes[-1]), each=Dim.of(scope.fresh("images")))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        width = scope.value(x.width)
        default = (f"nn.init.normal_({{self}}, std={width**-0.5!r})",)
        init = init_lines(self.init, False, scope, "") or default
        return [parameter(self.newline, (x.width,), init, scope)]

    def learned(self) -> dict[str, str]:
        return {"row_end": self.newline}

    def of_pixels(self, x: TensorType, y: TensorType, values: Mapping[str, int]) -> dict[str, Any]:
        group, tiles, tokens = x.tokens.group, x.axes[0].size.symbol, y.axes[0].size.symbol
        assert group is not None
        sides = [factor.substitute(values).constant for factor in group.factors]
        facts = {"sides": sides, "tile": self.tile.substitute(values).constant, "grids": self.grids}
        counted = {tokens: "tokens", tiles: "tiles"}
        return {name: {"anyres": what, **facts} for name, what in counted.items() if name is not None}

    def lower(self, node: Node, code: Code) -> None:
        group = node.before.tokens.group
        assert group is not None
        height, width = (code.size(factor) for factor in group.factors)
        rows = code.grid_rows(self.sizes)
        tile = code.number(self.tile)
        grids = code.let("grids", f"[{', '.join(f'({r * tile}, {c * tile})' for r, c in self.grids)}]")
        code.runtime("pack_anyres")
        newline = code.attr(self.newline)
        code.set(f"pack_anyres({code.x}, {rows}, {grids}, {tile}, ({height}, {width}), {newline})")
