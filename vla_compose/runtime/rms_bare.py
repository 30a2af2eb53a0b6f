"""RMS norm without a weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNormBare(nn.Module):
    """RMS norm over the last axis without a weight: in float32, cast back last."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x.to(dtype)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"
