"""RMS norm whose root is `pow(-0.5)`, weight in float32, cast down last."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNormPow(nn.Module):
    """RMS norm over the last axis whose root is `pow(-0.5)`, weight in float32, cast down last."""

    def __init__(self, width: int, eps: float, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.pow(x.pow(2).mean(-1, keepdim=True) + self.eps, -0.5)
        return x.to(dtype) if self.weight is None else (x * self.weight.float()).to(dtype)

    def extra_repr(self) -> str:
        width = "no weight" if self.weight is None else f"{self.weight.shape[0]}"
        return f"{width}, eps={self.eps}"
