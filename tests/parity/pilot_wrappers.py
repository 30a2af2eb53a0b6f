"""The originals of the pilot specs: models of transformers with a tiny vision tower and no language model.

Each `*_model` makes a model that sees pixels. The function without that suffix takes its tower away: what is
left in the state dict is the adapter, in the original's order. It is called through the model's own method,
on features that are put where the tower's output was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.ernie4_5_vl_moe.configuration_ernie4_5_vl_moe import Ernie4_5_VLMoeConfig
from transformers.models.ernie4_5_vl_moe.modeling_ernie4_5_vl_moe import Ernie4_5_VLMoeModel
from transformers.models.glm4v.configuration_glm4v import Glm4vConfig
from transformers.models.glm4v.modeling_glm4v import Glm4vModel
from transformers.models.granite_docling.configuration_granite_docling import GraniteDoclingVisionConfig
from transformers.models.granite_docling.modeling_granite_docling import GraniteDoclingVisionModel
from transformers.models.idefics2.configuration_idefics2 import Idefics2Config
from transformers.models.idefics2.modeling_idefics2 import Idefics2Model
from transformers.models.idefics3.configuration_idefics3 import Idefics3Config
from transformers.models.idefics3.modeling_idefics3 import Idefics3Model
from transformers.models.internvl.configuration_internvl import InternVLConfig
from transformers.models.internvl.modeling_internvl import InternVLModel
from transformers.models.llava.configuration_llava import LlavaConfig
from transformers.models.llava.modeling_llava import LlavaModel
from transformers.models.llava_next.configuration_llava_next import LlavaNextConfig
from transformers.models.llava_next.modeling_llava_next import LlavaNextModel

PINPOINTS = [[1, 2], [2, 1], [2, 2], [3, 1], [1, 3]]
"""LLaVA-NeXT's `image_grid_pinpoints`, in tiles."""


class Tower(nn.Module):
    """Stands where a vision tower was: its output is `features`, whatever it is given."""

    def __init__(self, spatial_merge_size: int = 1) -> None:
        super().__init__()
        self.spatial_merge_size = spatial_merge_size
        self.features = torch.empty(0)

    def forward(self, *_: Any, **__: Any) -> BaseModelOutputWithPooling:
        # As the last state and as the last but one; the other can not be taken for it.
        states = (self.features, torch.zeros_like(self.features))
        return BaseModelOutputWithPooling(last_hidden_state=self.features, hidden_states=states)


class First(nn.Module):
    """The first of its arguments."""

    def forward(self, x: Any, *_: Any) -> Any:
        return x


class Adapter(nn.Module):
    """A model, and how to call it with our inputs. Its state-dict names start with `model.`."""

    def __init__(self, model: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self.call = call

    def forward(self, *inputs: Any) -> Any:
        return self.call(self.model, *inputs)


def text_config(width: int, **options: Any) -> dict[str, Any]:
    """A language model as small as it can be; it is thrown away."""
    tiny = {"num_hidden_layers": 0, "num_attention_heads": 1, "num_key_value_heads": 1, "vocab_size": 4}
    return {"hidden_size": width, "intermediate_size": 4, "pad_token_id": 0} | tiny | options


def without(model: nn.Module, *names: str) -> Any:
    """The model without these members."""
    for name in names:
        delattr(model, name)
    return model


# --- internvl -----------------------------------------------------------------------------------------------


def internvl_model(vision: int, text: int, merge: int = 2, side: int = 4) -> Any:
    tower = {"hidden_size": vision, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = InternVLConfig(
        vision_config=tower | {"patch_size": 2, "image_size": 2 * side},
        text_config=text_config(text, model_type="qwen2"),
        downsample_ratio=1 / merge,
    )
    return without(InternVLModel(config), "language_model")


def internvl_features(model: Any, x: Tensor) -> Tensor:
    model.vision_tower.features = x
    return model.get_image_features(torch.empty(0)).pooler_output


def internvl(**dims: int) -> nn.Module:
    model = internvl_model(**dims)
    model.vision_tower = Tower()
    return Adapter(model, internvl_features)


# --- glm4v --------------------------------------------------------------------------------------------------


def glm4v_model(vision: int, text: int, intermediate: int, merge: int = 2) -> Any:
    tower = {"depth": 1, "hidden_size": vision, "num_heads": 2, "out_hidden_size": text, "image_size": 16}
    config = Glm4vConfig(
        vision_config=tower
        | {"intermediate_size": intermediate, "patch_size": 2, "spatial_merge_size": merge},
        text_config=text_config(text),
    )
    return without(Glm4vModel(config), "language_model")


def glm4v_features(model: Any, x: Tensor, grids: Tensor, *, video: bool = False) -> Tensor:
    """What `visual` and the method above it make of the blocks' output."""
    features = (
        model.get_video_features(x, video_grid_thw=grids)
        if video
        else model.get_image_features(x, image_grid_thw=grids)
    )
    return torch.cat(features.pooler_output)


def glm4v(**dims: int) -> nn.Module:
    model = glm4v_model(**dims)
    for name in ("patch_embed", "post_conv_layernorm", "embeddings", "rotary_pos_emb"):
        setattr(model.visual, name, First())
    model.visual.blocks = nn.ModuleList()
    return Adapter(model, glm4v_features)


# --- idefics2 -----------------------------------------------------------------------------------------------


def idefics2_model(
    vision: int, text: int, hidden: int, queries: int, depth: int, heads: int, kv_heads: int, head_dim: int
) -> Any:
    tower = {"hidden_size": vision, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    resampler = {"resampler_n_latents": queries, "resampler_depth": depth, "resampler_n_heads": heads}
    config = Idefics2Config(
        vision_config=tower | {"image_size": 8, "patch_size": 1},
        perceiver_config=resampler
        | {"hidden_size": text, "num_key_value_heads": kv_heads, "resampler_head_dim": head_dim},
        text_config=text_config(text, model_type="mistral", intermediate_size=hidden),
    )
    model = without(Idefics2Model(config), "text_model")
    assert model.connector.perceiver_resampler.config._attn_implementation == "sdpa"
    return model


def idefics2_features(model: Any, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Without a mask the model makes one of ones, as its `get_image_features` does."""
    return model.connector(x, torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask)


def idefics2(**dims: int) -> nn.Module:
    return Adapter(without(idefics2_model(**dims), "vision_model"), idefics2_features)


# --- ernie4-5-vl-moe ----------------------------------------------------------------------------------------


def ernie_model(vision: int, text: int, merge: int = 2, frames: int = 2) -> Any:
    tower = {"depth": 1, "hidden_size": vision, "num_heads": 2, "intermediate_size": 8, "patch_size": 2}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 2, 2]}
    config = Ernie4_5_VLMoeConfig(
        vision_config=tower | {"spatial_merge_size": merge, "temporal_merge_size": frames},
        text_config=text_config(text, head_dim=12, rope_parameters=rope),
    )
    return without(Ernie4_5_VLMoeModel(config), "language_model")


def ernie_features(model: Any, x: Tensor, grids: Tensor) -> Tensor:
    """Through the method for images or that for videos; for both in one call, the resampler they share."""
    model.vision_tower.features = x
    if grids[:, 0].eq(1).all():
        return torch.cat(model.get_image_features(torch.empty(0), image_grid_thw=grids).pooler_output)
    if grids[:, 0].gt(1).all():
        return torch.cat(model.get_video_features(torch.empty(0), video_grid_thw=grids).pooler_output)
    return model.resampler_model(x, grids)


def ernie(**dims: int) -> nn.Module:
    model = ernie_model(**dims)
    model.vision_tower = Tower(model.config.vision_config.spatial_merge_size)
    return Adapter(model, ernie_features)


# --- llava-next ---------------------------------------------------------------------------------------------


def llava_next_model(vision: int, text: int, side: int, tile: int) -> Any:
    tower = {"model_type": "clip_vision_model", "hidden_size": vision, "intermediate_size": 8}
    config = LlavaNextConfig(
        vision_config=tower
        | {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": tile, "patch_size": tile // side},
        text_config=text_config(text, model_type="llama"),
        image_grid_pinpoints=[[tile * height, tile * width] for height, width in PINPOINTS],
    )
    return without(LlavaNextModel(config), "language_model")


def llava_next_features(model: Any, x: Tensor, sizes: Tensor) -> list[Tensor]:
    model.vision_tower.features = x
    return model.get_image_features(torch.empty(len(x), 3, 1, 1), sizes).pooler_output


def llava_next(**dims: int) -> nn.Module:
    model = llava_next_model(**dims)
    model.vision_tower = Tower()
    return Adapter(model, llava_next_features)


# --- granite-docling ----------------------------------------------------------------------------------------


def granite_docling_model(vision: int, text: int, side: int, scale: int = 4, deepstack: int = 3) -> Any:
    config = GraniteDoclingVisionConfig(
        hidden_size=vision, intermediate_size=8, num_hidden_layers=deepstack, num_attention_heads=2,
        patch_size=2, image_size=2 * side, out_hidden_size=text, scale_factor=scale, use_fine_route=True,
        deepstack_visual_indexes=list(range(deepstack)),
    )  # fmt: skip
    return GraniteDoclingVisionModel(config)


def granite_docling_features(model: Any, x: Tensor, deepstack: list[Tensor], fine: bool = False) -> Any:
    model.encode = lambda _: (x, deepstack)
    output = model(torch.empty(0), fine=fine)
    return output.pooler_output, output.deepstack_features


def granite_docling(**dims: int) -> nn.Module:
    model = without(granite_docling_model(**dims), "embeddings", "encoder", "post_layernorm")
    return Adapter(model, granite_docling_features)


# --- llava --------------------------------------------------------------------------------------------------


def llava_model(vision: int, text: int) -> Any:
    tower = {"model_type": "clip_vision_model", "hidden_size": vision, "intermediate_size": 8}
    config = LlavaConfig(
        vision_config=tower
        | {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 12, "patch_size": 2},
        text_config=text_config(text, model_type="llama"),
    )
    return without(LlavaModel(config), "language_model")


def llava_features(model: Any, x: Tensor) -> Tensor:
    model.vision_tower.features = x
    return torch.stack(list(model.get_image_features(torch.empty(0)).pooler_output))


def llava(**dims: int) -> nn.Module:
    model = llava_model(**dims)
    model.vision_tower = Tower()
    return Adapter(model, llava_features)


# --- idefics3 -----------------------------------------------------------------------------------------------


def idefics3_model(vision: int, text: int, merge: int = 2) -> Any:
    tower = {"hidden_size": vision, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Idefics3Config(
        vision_config=tower | {"image_size": 8, "patch_size": 2},
        text_config=text_config(text, model_type="llama"),
        scale_factor=merge,
    )
    return without(Idefics3Model(config), "text_model")


def idefics3(**dims: int) -> nn.Module:
    return Adapter(without(idefics3_model(**dims), "vision_model"), lambda model, x: model.connector(x))
