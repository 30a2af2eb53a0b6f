"""Fixed 2-D positions of sines and cosines."""

from __future__ import annotations

import torch
from torch import Tensor


def sincos_2d(width: int, side: int) -> Tensor:
    """Positions of a `side x side` grid, as [side * side, width], in float32.

    The first half of the channels tells the column, the second half the row.
    """
    frequency = 1.0 / 10000 ** (torch.arange(width // 4, dtype=torch.float32) / (width / 4.0))
    angles = torch.arange(side, dtype=torch.float32)[:, None] * frequency[None, :]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns = waves[None, :, :].expand(side, side, -1)
    rows = waves[:, None, :].expand(side, side, -1)
    return torch.cat([columns, rows], dim=-1).reshape(side * side, width)
