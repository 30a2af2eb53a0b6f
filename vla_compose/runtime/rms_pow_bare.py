"""RMS norm without a weight, whose root is `pow(-0.5)`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNormPowBare(nn.Module):
    """RMS norm over the last axis without a weight, whose root is `pow(-0.5)`: in float32, cast back last."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.pow(x.pow(2).mean(-1, keepdim=True) + self.eps, -0.5)
        return x.to(dtype)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"
