"""Fixed 2-D positions for a buffer that is in no checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor


def fixed_positions(width: int, side: int) -> Tensor:
    """Sines and cosines of column, then row, of a `side x side` grid: [side * side, width] in float32.

    Computed in float64. A module made on the meta device gets real values all the same, because no checkpoint
    will bring them.
    """
    device = torch.get_default_device()
    device = torch.device("cpu") if device.type == "meta" else device
    frequency = 1.0 / 10000 ** (torch.arange(width // 4, dtype=torch.float64, device=device) / (width / 4.0))
    angles = torch.arange(side, dtype=torch.float64, device=device)[:, None] * frequency[None, :]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns = waves[None, :, :].expand(side, side, -1)
    rows = waves[:, None, :].expand(side, side, -1)
    return torch.cat([columns, rows], dim=-1).reshape(side * side, width).to(torch.float32)
