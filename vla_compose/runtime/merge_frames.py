"""Two frames side by side in the channels."""

from __future__ import annotations

import torch
from torch import Tensor


def merge_frames(x: Tensor, frames: list[tuple[int, int]]) -> Tensor:
    """Lay even and odd frames of packed images and videos side by side; an image beside itself.

    `frames` holds, for every image, how many frames it has and how many rows a frame has.
    """
    even: list[Tensor] = []
    odd: list[Tensor] = []
    start = 0
    for count, rows in frames:
        if count > 1 and count % 2:
            raise ValueError(f"a video must have an even number of frames (temporal_merge), but has {count}")
        for at in range(0, count, 2):
            even.append(torch.arange(start + at * rows, start + (at + 1) * rows))
            beside = at + 1 if count > 1 else at
            odd.append(torch.arange(start + beside * rows, start + (beside + 1) * rows))
        start = start + count * rows
    first, second = torch.cat(even).to(x.device), torch.cat(odd).to(x.device)
    return torch.cat([torch.index_select(x, 0, first), torch.index_select(x, 0, second)], dim=-1)
