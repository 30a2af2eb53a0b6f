"""`activation`: a pointwise function."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Node, Primitive
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code

Function = Literal["gelu", "gelu_tanh", "gelu_new", "quick_gelu", "silu", "relu", "relu2"]
CALLS: dict[str, str] = {
    "gelu": "F.gelu({x})",
    "gelu_tanh": 'F.gelu({x}, approximate="tanh")',
    "gelu_new": "gelu_new({x})",
    "quick_gelu": "quick_gelu({x})",
    "silu": "F.silu({x})",
    "relu": "F.relu({x})",
    "relu2": "torch.square(F.relu({x}))",
}
RUNTIME = ("gelu_new", "quick_gelu")


class Activation(Primitive):
    """Apply a function to every number. The type does not change and nothing is learned.

    | kind | function |
    |---|---|
    | `gelu` | the exact GELU, `0.5 x (1 + erf(x / √2))` |
    | `gelu_tanh` | `torch.nn.functional.gelu(approximate="tanh")` |
    | `gelu_new` | the tanh formula written out in Python; other bits than `gelu_tanh` |
    | `quick_gelu` | `x * sigmoid(1.702 x)` |
    | `silu` | `x * sigmoid(x)` |
    | `relu`, `relu2` | `max(x, 0)` and its square |

    Example: `- activation: gelu`
    """

    kind: ClassVar[str] = "activation"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"
    shorthand: ClassVar[str | None] = "kind"

    kind_: Function = Field(alias="kind", description="which function")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        return x

    def lower(self, node: Node, code: Code) -> None:
        code.set(activation_call(self.kind_, code.x, code))


def activation_call(kind: str, x: str, code: Code) -> str:
    """The call of an activation on the expression `x`."""
    if kind in RUNTIME:
        code.runtime(kind)
    return CALLS[kind].format(x=x)


MODULES: dict[str, str] = {
    "gelu": "nn.GELU()",
    "gelu_tanh": 'nn.GELU(approximate="tanh")',
    "silu": "nn.SiLU()",
    "relu": "nn.ReLU()",
}
"""The activations that torch has as modules, for `nn.Sequential`."""
