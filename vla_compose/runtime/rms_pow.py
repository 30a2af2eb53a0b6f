"""RMS norm whose root is `pow(-0.5)`, weight in float32, cast down last."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNormPow(nn.Module):
    """RMS norm over the last axis whose root is `pow(-0.5)`, weight in float32, cast down last."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.pow(x.pow(2).mean(-1, keepdim=True) + self.eps, -0.5)
        return (x * self.weight.float()).to(dtype)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"
