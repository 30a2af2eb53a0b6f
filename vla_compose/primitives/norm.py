"""`norm`: normalise the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Member, Node, Primitive, module
from vla_compose.primitives.fields import Eps, Flag, Name
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code

Kind = Literal["layer", "rms", "rms_fp32", "rms_gemma", "rms_pow"]
CLASSES = {"rms": "RMSNorm", "rms_fp32": "RMSNormFp32", "rms_gemma": "RMSNormGemma", "rms_pow": "RMSNormPow"}


class Norm(Primitive):
    """Normalise the channels of every token.

    The type does not change. `kind` names the exact formula, because RMS norms differ in bits:

    | kind | formula on `n = x.float() * rsqrt(mean(x.float()**2) + eps)` | used by |
    |---|---|---|
    | `layer` | `torch.nn.LayerNorm` | Qwen2-VL, Qwen3-VL, InternVL |
    | `rms` | `weight * n.to(x.dtype)`: cast down, then multiply | Llama, Qwen2.5-VL, HunyuanOCR |
    | `rms_fp32` | `(weight.float() * n).to(x.dtype)`: multiply, then cast down | Nemotron-H |
    | `rms_gemma` | `(n * (1 + weight.float())).to(x.dtype)`, weight starts at 0 | Gemma 3 |
    | `rms_pow` | as `rms_fp32`, with `pow(mean + eps, -0.5)` for the root | Gemma 3n, Gemma 4 |

    With `affine: false` there is no weight, and no entry in the state dict.

    Example: `- norm: {name: ln_q, kind: layer, eps: 1e-6}`
    """

    kind: ClassVar[str] = "norm"
    drawn: ClassVar[Drawn] = "norm"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"

    name: Name = Field(description="state-dict name")
    kind_: Kind = Field("layer", alias="kind", description="which formula")
    eps: Eps = Field(1e-6, description="added to the variance", examples=[1e-6, 1e-5])
    affine: Flag = Field(True, description="learn a weight (and for `layer` a bias)")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map:
            scope.fail(
                "VC205", f"`norm` works on tokens, but gets the map `{x}`", help="put `- to_tokens` before it"
            )
        scope.value(x.width)
        return x

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        return [norm_member(self, x.width, scope)]

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.attr(self.name)}({code.x})")


def norm_member(norm: Norm, width: Dim, scope: Scope) -> Member:
    """The submodule that a `norm` makes for `width` channels."""
    count = scope.value(width)
    weight = {"weight": (width,)} if norm.affine else {}
    if norm.kind_ == "layer":
        bias = {"bias": (width,)} if norm.affine else {}
        affine = "" if norm.affine else ", elementwise_affine=False"
        return module(norm.name, f"nn.LayerNorm({count}, eps={norm.eps!r}{affine})", weight | bias, scope)
    if not norm.affine:
        piece, made = (
            ("rms_pow_bare", "RMSNormPowBare") if norm.kind_ == "rms_pow" else ("rms_bare", "RMSNormBare")
        )
        return module(norm.name, f"{made}(eps={norm.eps!r})", {}, scope, runtime=(piece,), made_of=made)
    made = CLASSES[norm.kind_]
    call = f"{made}({count}, eps={norm.eps!r})"
    return module(norm.name, call, weight, scope, runtime=(norm.kind_,), made_of=made)
