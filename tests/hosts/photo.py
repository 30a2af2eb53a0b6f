"""The photograph of the demo and a line of text, as small models of each family take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

# The processors that work on Pillow images; the default ones need torchvision.
from transformers.models.hunyuan_vl.image_processing_pil_hunyuan_vl import HunYuanVLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

PHOTO = Path(__file__).parents[2] / "demo" / "photo.jpg"
IMAGE, START, END = 90, 92, 93
PATCH = 4


def inputs_for(name: str, model: Any, *, fine: bool = False) -> dict[str, Any]:
    """Pixels, and a prompt with as many places as the model itself makes tokens of them."""
    pixels = _pixels(name, fine)
    with torch.no_grad():
        features = model.model.get_image_features(**pixels).pooler_output
    tokens = features if isinstance(features, Tensor) else torch.cat([f.flatten(0, -2) for f in features])
    count = tokens.numel() // tokens.shape[-1]
    ids = torch.tensor([[1, 5, START, *[IMAGE] * count, END, 7, 8, 9]])
    found = {**pixels, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "image_grid_thw" in pixels:
        found["mm_token_type_ids"] = (ids == IMAGE).long()
    return found


def _pixels(name: str, fine: bool) -> dict[str, Any]:
    if name in ("qwen2-vl", "qwen2.5-vl", "qwen3-vl", "glm4v", "ernie4-5-vl-moe"):
        frames = 1 if name.startswith("ernie") else 2
        processor = Qwen2VLImageProcessorPil(
            patch_size=PATCH,
            temporal_patch_size=frames,
            size={"shortest_edge": 32 * 32, "longest_edge": 40 * 64},
        )
        return dict(processor(_photo(), return_tensors="pt"))
    if name == "hunyuan-ocr":
        processor = HunYuanVLImageProcessorPil(
            patch_size=PATCH, size={"shortest_edge": 16 * 16, "longest_edge": 48 * 64}
        )
        return dict(processor(_photo(), return_tensors="pt"))
    if name == "llava-next":
        # The whole photograph, then its halves: two tiles side by side.
        whole, wide = _tensor(16, 16), _tensor(32, 16)
        return {
            "pixel_values": torch.stack([whole, *wide.split(16, dim=2)])[None],
            "image_sizes": torch.tensor([[14, 32]]),
        }
    if name in ("idefics2", "idefics3"):
        return {"pixel_values": torch.stack([_tensor(16, 16), _tensor(32, 16)[:, :, 16:]])[None]}
    if name == "granite-docling":
        pixels = {"pixel_values": _tensor(32, 32)[None, None], "pixel_attention_mask": torch.tensor([[True]])}
        return pixels | ({"tile_fine_mask": torch.tensor([True])} if fine else {})
    return {"pixel_values": _tensor(16, 16)[None]}


def _photo() -> Image.Image:
    with Image.open(PHOTO) as photo:
        return photo.convert("RGB")


def _tensor(width: int, height: int) -> Tensor:
    """The photograph at a small size, [3, height, width] around 0."""
    small = _photo().resize((width, height))
    values = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(height, width, 3)
    return values.permute(2, 0, 1).float() / 127.5 - 1
