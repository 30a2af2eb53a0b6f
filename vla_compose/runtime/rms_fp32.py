"""RMS norm that multiplies with the weight in float32 and casts down last."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNormFp32(nn.Module):
    """RMS norm over the last axis that multiplies with the weight in float32 and casts down last."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight.float() * x).to(dtype)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"
