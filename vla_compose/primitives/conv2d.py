"""`conv2d`: a 2-D convolution of a feature map."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vla_compose.primitives.base import Drawn, Member, Node, Primitive, module, rows
from vla_compose.primitives.fields import Flag, Init, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Conv2d(Primitive):
    """Convolve a feature map `b c h w` with `torch.nn.Conv2d`.

    Each side becomes `(side + 2 * padding - kernel) // stride + 1`; rows and columns that do not fill a
    stride are dropped, as torch drops them. `same` stands for the incoming number of channels.

    Example: `- conv2d: {name: proj.0, out: 2 * same, kernel: merge, stride: merge}`
    """

    kind: ClassVar[str] = "conv2d"
    drawn: ClassVar[Drawn] = "convolution"

    name: Name = Field(description="state-dict name")
    out: Size = Field(description="channels after the step")
    kernel: Size = Field(description="side of the square kernel")
    stride: Size = Field(Dim.of(1), description="step between two places of the kernel")
    padding: Size = Field(Dim.of(0), description="zeros added on every side")
    bias: Flag = Field(True, description="add a learned bias")
    init: Init | None = Field(None, description="initial values, where they are not torch's own")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if not x.is_map:
            scope.fail(
                "VC205",
                f"`conv2d` works on a map, but gets the tokens `{x}`",
                help=_as_map(x),
            )
        scope.value(x.width)
        kernel, stride, padding = self._numbers(scope)
        sides = []
        for axis in x.axes[-2:]:
            scope.require(axis.size, at_least=max(1, kernel - 2 * padding), why=f"kernel of `{self.name}`")
            if kernel == stride and not padding:
                side = axis.size.substitute(scope.values) // kernel
                symbolic = axis.size // self.kernel
                sides.append(Axis.of(symbolic if side.constant is None else side))
            else:
                sides.append(
                    Axis.of((axis.size.substitute(scope.values) + (2 * padding - kernel)) // stride + 1)
                )
        wide = x.with_width(scope.width(self.out, x, "out"))
        return TensorType((*wide.axes[:-2], *sides), wide.channel)

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        kernel, stride, padding = self._numbers(scope)
        call = f"nn.Conv2d({scope.value(x.width)}, {scope.value(y.width)}, kernel_size={kernel}"
        call += f", stride={stride}" if stride != 1 else ""
        call += f", padding={padding}" if padding else ""
        call += ")" if self.bias else ", bias=False)"
        sizes: dict[str, tuple[Dim, ...]] = {"weight": (y.width, x.width, self.kernel, self.kernel)}
        if self.bias:
            sizes["bias"] = (y.width,)
        return [module(self.name, call, sizes, scope, init=init_lines(self.init, self.bias, scope))]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        return rows(y) * x.width * y.width * self.kernel * self.kernel * 2

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.attr(self.name)}({code.x})")

    def _numbers(self, scope: Scope) -> tuple[int, int, int]:
        kernel, stride = scope.value(self.kernel, "kernel"), scope.value(self.stride, "stride")
        return kernel, stride, scope.value(self.padding, "padding", least=0)


def _as_map(x: TensorType) -> str:
    """What makes a map of it: a step, or the type of an input that has its channels last."""
    if len(x.axes) != 4:
        return "put `- to_map` before it"
    batch, height, width, channels = x.axes
    return f"type it with channels first, as they must come: `{batch} {channels} {height} {width}`"
