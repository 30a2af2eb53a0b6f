"""Features of images of many sizes, as vision towers give them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

Grid = tuple[int, int, int]
"""Frames, rows and columns of merge cells of an image or a video."""

IMAGES: dict[str, tuple[Grid, ...]] = {
    "one_token": ((1, 1, 1),),
    "wide": ((1, 3, 7),),
    "tall": ((1, 9, 2),),
    "three_images": ((1, 1, 2), (1, 5, 3), (1, 4, 4)),
}
VIDEOS: dict[str, tuple[Grid, ...]] = {"video": ((4, 2, 3),), "image_and_video": ((1, 3, 2), (2, 2, 2))}


def packed(cell: int, width: int, grids: dict[str, tuple[Grid, ...]]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Patches of images one after another, and their grids in patches; `cell` is the side of a merge cell."""
    for name, sizes in grids.items():
        grid = torch.tensor([(frames, rows * cell, columns * cell) for frames, rows, columns in sizes])
        yield name, torch.randn(int(grid.prod(-1).sum()), width), grid


def squares(
    cell: int, width: int, *, before: int = 0, cells: tuple[int, ...] = (1, 3, 6)
) -> Iterator[tuple[str, Tensor]]:
    """Batches of square images, with this many tokens before the patches."""
    for side, batch in zip(cells, (1, 3, 2), strict=False):
        rows = side * cell
        yield f"{batch}x_{rows}x{rows}", torch.randn(batch, before + rows * rows, width)
