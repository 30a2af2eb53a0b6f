"""The photograph through the vision towers of `transformers`: small sizes, random weights, no download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

# The processors that work on Pillow images. Their defaults, on torchvision, cut the same patches.
from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPVisionModel
from transformers.models.hunyuan_vl.configuration_hunyuan_vl import HunYuanVLVisionConfig
from transformers.models.hunyuan_vl.image_processing_pil_hunyuan_vl import HunYuanVLImageProcessorPil
from transformers.models.hunyuan_vl.modeling_hunyuan_vl import HunYuanVLVisionTransformer
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

from demo.originals import ORIGINALS, Dims, Qwen3Mergers, randomise

PHOTO = Path(__file__).with_name("photo.jpg")
SEED = 2024
VISION, TEXT, HEADS = 320, 512, 5


@dataclass
class Tower:
    """A vision tower with the photograph's pixels and its own adapter.

    `slots` are the attributes that hold the adapter; none where the tower knows no adapter and only gives
    its features. `dims` are what the spec is built with.
    """

    model: nn.Module
    pixels: dict[str, Tensor]
    dims: Dims
    slots: tuple[str, ...]
    original: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.model.eval()

    def run(self, adapter: nn.Module) -> list[Tensor]:
        """What the tower gives to the language model when `adapter` stands in its slots."""
        if not self.slots:
            return [adapter(self._features())]
        with self._holding(adapter):
            found = self._forward()
        return [found.pooler_output, *(getattr(found, "deepstack_features", None) or [])]

    def inputs(self) -> tuple[Any, ...]:
        """What the tower hands to its adapter."""
        if not self.slots:
            return (self._features(),)
        seen: list[tuple[Any, ...]] = []
        modules: list[nn.Module] = []
        for slot in self.slots:
            module = getattr(self.model, slot)
            modules += module if isinstance(module, nn.ModuleList) else [module]

        def see(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen.append((modules.index(module), *args, *kwargs.values()))

        hooks = [module.register_forward_pre_hook(see, with_kwargs=True) for module in modules]
        self._forward()
        for hook in hooks:
            hook.remove()
        first, *others = (call[1:] for call in sorted(seen, key=lambda call: int(call[0])))
        return (*first, [tensor for (tensor,) in others]) if others else first

    def to(self, dtype: torch.dtype) -> None:
        """Change the dtype of weights and pixels."""
        self.model.to(dtype)
        self.original.to(dtype)
        self.pixels = {key: x.to(dtype) if x.is_floating_point() else x for key, x in self.pixels.items()}

    @contextmanager
    def _holding(self, adapter: nn.Module) -> Iterator[None]:
        own = {slot: getattr(self.model, slot) for slot in self.slots}
        for slot in self.slots:
            setattr(self.model, slot, getattr(adapter, slot) if len(self.slots) > 1 else adapter)
        yield
        for slot, module in own.items():
            setattr(self.model, slot, module)

    def _forward(self) -> Any:
        pixels = dict(self.pixels)
        if "image_grid_thw" in pixels:
            return self.model(pixels["pixel_values"], pixels["image_grid_thw"])
        return self.model(**pixels)

    def _features(self) -> Tensor:
        return self._forward().last_hidden_state[:, 1:]  # without the class token


def _processed(processor: Any) -> dict[str, Tensor]:
    with Image.open(PHOTO) as photo:
        return dict(processor(photo.convert("RGB"), return_tensors="pt"))


def _clip() -> Tower:
    # Qwen-VL's tower is not in transformers. CLIP's, at Qwen-VL's 448 pixels, gives features of that form.
    config = CLIPVisionConfig(
        hidden_size=VISION, intermediate_size=4 * VISION, num_hidden_layers=4, num_attention_heads=HEADS,
        image_size=448, patch_size=14,
    )  # fmt: skip
    side = {"height": 448, "width": 448}
    processor = CLIPImageProcessorPil(size={"shortest_edge": 448}, crop_size=side)
    dims = {"vision": VISION, "text": TEXT, "queries": 256, "heads": TEXT // 128}
    return Tower(CLIPVisionModel(config), _processed(processor), dims, ())


def _qwen2() -> Tower:
    config = Qwen2VLVisionConfig(depth=4, embed_dim=VISION, hidden_size=TEXT, num_heads=HEADS)
    model = Qwen2VisionTransformerPretrainedModel(config)
    return Tower(model, _processed(Qwen2VLImageProcessorPil()), {"vision": VISION, "text": TEXT}, ("merger",))


def _qwen25() -> Tower:
    config = Qwen2_5_VLVisionConfig(
        depth=4, hidden_size=VISION, intermediate_size=3 * VISION, out_hidden_size=TEXT, num_heads=HEADS,
        fullatt_block_indexes=[1, 3],
    )  # fmt: skip
    model = Qwen2_5_VisionTransformerPretrainedModel(config)
    return Tower(model, _processed(Qwen2VLImageProcessorPil()), {"vision": VISION, "text": TEXT}, ("merger",))


def _qwen3() -> Tower:
    config = Qwen3VLVisionConfig(
        depth=4, hidden_size=VISION, intermediate_size=3 * VISION, out_hidden_size=TEXT, num_heads=HEADS,
        num_position_embeddings=256, deepstack_visual_indexes=[0, 1, 2],
    )  # fmt: skip
    pixels = _processed(Qwen2VLImageProcessorPil(patch_size=16))
    dims = {"vision": VISION, "text": TEXT, "deepstack": 3}
    return Tower(Qwen3VLVisionModel(config), pixels, dims, ("merger", "deepstack_merger_list"))


def _hunyuan() -> Tower:
    config = HunYuanVLVisionConfig(
        num_hidden_layers=4, hidden_size=VISION, intermediate_size=3 * VISION, num_attention_heads=HEADS,
        text_hidden_size=TEXT, out_hidden_size=TEXT, max_image_size=512,
    )  # fmt: skip
    pixels = _processed(HunYuanVLImageProcessorPil())
    dims = {"vision": VISION, "text": TEXT}
    return Tower(HunYuanVLVisionTransformer(config), pixels, dims, ("patch_merger",))


TOWERS: dict[str, Callable[[], Tower]] = {
    "qwen-vl": _clip,
    "qwen-vl-full": _clip,
    "qwen2-vl": _qwen2,
    "qwen2.5-vl": _qwen25,
    "qwen3-vl": _qwen3,
    "hunyuan-ocr": _hunyuan,
}


def prepare(name: str) -> Tower:
    """The tower of an adapter, with weights that depend on nothing but the seed."""
    torch.manual_seed(SEED)
    tower = TOWERS[name]()
    if not tower.slots:
        tower.original = ORIGINALS[name].make(**tower.dims)
    elif len(tower.slots) == 1:
        tower.original = getattr(tower.model, tower.slots[0])
    else:
        tower.original = Qwen3Mergers(*(getattr(tower.model, slot) for slot in tower.slots))
    randomise(tower.original, SEED)
    tower.original.eval()
    return tower
