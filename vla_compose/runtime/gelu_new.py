"""The tanh approximation of GELU, written out."""

from __future__ import annotations

import torch
from torch import Tensor


def gelu_new(x: Tensor) -> Tensor:
    """GELU by its tanh formula in Python operations; other bits than `F.gelu(approximate="tanh")`."""
    return 0.5 * x * (1.0 + torch.tanh((2.0 / torch.pi) ** 0.5 * (x + 0.044715 * torch.pow(x, 3.0))))
