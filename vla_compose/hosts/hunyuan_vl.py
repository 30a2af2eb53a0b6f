"""HunYuan-VL, of which HunyuanOCR is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes


class HunYuanVL(Host):
    """The patch merger at the end of the vision tower, called image by image."""

    spec: ClassVar[str] = "hunyuan-ocr"
    models: ClassVar[tuple[str, ...]] = ("HunYuanVLModel",)
    seat: ClassVar[str] = "vision_tower.patch_merger"
    members: ClassVar[tuple[str, ...]] = ("vision_tower.patch_merger",)
    seam: ClassVar[str] = (
        "the patch merger itself, because the tower calls it with the patches of one image and their grid"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, self.seat, adapter)

    def call(self, model: Any, inputs: Inputs) -> Any:
        return model.vision_tower.patch_merger(inputs["x"], size=inputs["size"])

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        cell = dims["merge"]
        for batch, rows, columns in ((1, cell, cell), (1, 3 * cell, 7 * cell), (2, 9 * cell, 2 * cell)):
            yield f"{batch}x_{rows}x{columns}", _grid(batch, rows, columns, dims["vision"])
        rows, columns = 4 * cell + 1, 3 * cell + 1
        yield f"odd_{rows}x{columns}", _grid(1, rows, columns, dims["vision"])


def _grid(batch: int, rows: int, columns: int, width: int) -> Inputs:
    return {"x": torch.randn(batch, rows * columns, width), "size": (rows, columns)}
