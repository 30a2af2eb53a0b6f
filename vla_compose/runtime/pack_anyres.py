"""Tiles of images at any resolution, put together again."""

from __future__ import annotations

import torch
from torch import Tensor


def best_grid(height: int, width: int, grids: list[tuple[int, int]]) -> tuple[int, int]:
    """The grid, in pixels, that keeps most of the image; of equal ones, the one that wastes least."""
    best, most, least = grids[0], -1, 0
    for rows, columns in grids:
        scale = min(columns / width, rows / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = rows * columns - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (rows, columns), kept, wasted
    return best


def unpad(x: Tensor, height: int, width: int) -> Tensor:
    """Cut [channels, rows, columns] back to the shape of an image that was padded to fit."""
    rows, columns = x.shape[1], x.shape[2]
    if width / height > columns / rows:
        padding = (rows - int(round(height * (columns / width), 7))) // 2
        return x[:, padding : rows - padding, :]
    padding = (columns - int(round(width * (rows / height), 7))) // 2
    return x[:, :, padding : columns - padding]


def pack_anyres(
    x: Tensor,
    sizes: list[list[int]],
    grids: list[tuple[int, int]],
    tile: int,
    grid: tuple[int, int],
    newline: Tensor,
) -> list[Tensor]:
    """Lay the tiles of each image out as one map, without padding, with `newline` at the end of every row.

    `x` is [tiles, grid[0] * grid[1], channels] for all images, each with a view of the whole first.
    """
    fits = [best_grid(height, width, grids) for height, width in sizes]
    counts = [1 + (height // tile) * (width // tile) for height, width in fits]
    if x.shape[0] != sum(counts):
        raise ValueError(
            f"images of sizes {sizes} have {counts} tiles (anyres_pack), but there are {x.shape[0]}"
        )
    packed: list[Tensor] = []
    for tiles, (height, width), (rows, columns) in zip(torch.split(x, counts), sizes, fits, strict=True):
        whole, tiles = tiles[0], tiles[1:]
        tiles = tiles.view(rows // tile, columns // tile, grid[0], grid[1], -1)
        tiles = tiles.permute(4, 0, 2, 1, 3).contiguous().flatten(1, 2).flatten(2, 3)
        tiles = unpad(tiles, height, width)
        column = newline[:, None, None].expand(-1, tiles.shape[1], 1)
        tiles = torch.cat((tiles, column.to(tiles.device, tiles.dtype)), dim=-1)
        packed.append(torch.cat((whole, tiles.flatten(1, 2).transpose(0, 1)), dim=0))
    return packed
