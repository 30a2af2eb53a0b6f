"""Small real models of transformers, whole with vision tower and language model, one for each spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel, set_seed

from tests.parity.pilot_wrappers import PINPOINTS

VISION, TEXT = 32, 48
TILE = 16
TILE_PATCH = 4


@dataclass(frozen=True)
class Small:
    """A small model, and the adapter in it.

    Attributes:
        config: makes the configuration.
        dims: the dims of the spec that it has.
        module: the path of the adapter's module in memory.
    """

    config: Callable[[], Any]
    dims: dict[str, int]
    module: str


def small_model(name: str, *, seed: int = 0) -> PreTrainedModel:
    """A small model that holds the adapter of a shipped spec, its weights all random."""
    set_seed(seed)
    model = AutoModelForImageTextToText.from_config(SMALL[name].config())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model.eval()


def adapter_weights(name: str, model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Parameters of the model below the adapter's module, by their names in memory."""
    prefix = f"{SMALL[name].module}."
    return {key: value for key, value in model.state_dict().items() if key.startswith(prefix)}


def configured(
    model_type: str, vision: dict[str, Any], text: dict[str, Any], **more: Any
) -> Callable[[], Any]:
    def make() -> Any:
        return AutoConfig.for_model(model_type, vision_config=vision, text_config=TEXT_CONFIG | text, **more)

    return make


TEXT_CONFIG: dict[str, Any] = {
    "hidden_size": TEXT,
    "intermediate_size": 40,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 96,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 4, 4]}}
TOKENS = {"image_token_id": 90, "video_token_id": 91, "vision_start_token_id": 92, "vision_end_token_id": 93}
QWEN_TOWER = {"depth": 1, "num_heads": 2, "patch_size": 4, "spatial_merge_size": 2}
TILES = {"hidden_size": VISION, "intermediate_size": 40, "num_attention_heads": 2, "num_hidden_layers": 2}
TILES |= {"image_size": TILE, "patch_size": TILE_PATCH}

SMALL: dict[str, Small] = {
    "qwen2-vl": Small(
        configured("qwen2_vl", QWEN_TOWER | {"embed_dim": VISION, "hidden_size": TEXT}, MROPE, **TOKENS),
        {"vision": VISION, "text": TEXT, "merge": 2},
        "model.visual.merger",
    ),
    "qwen2.5-vl": Small(
        configured(
            "qwen2_5_vl",
            QWEN_TOWER
            | {"hidden_size": VISION, "out_hidden_size": TEXT, "intermediate_size": 40}
            | {"window_size": 16, "fullatt_block_indexes": [0]},
            MROPE,
            **TOKENS,
        ),
        {"vision": VISION, "text": TEXT, "merge": 2},
        "model.visual.merger",
    ),
    "qwen3-vl": Small(
        configured(
            "qwen3_vl",
            QWEN_TOWER
            | {"hidden_size": VISION, "out_hidden_size": TEXT, "intermediate_size": 40, "depth": 3}
            | {"num_position_embeddings": 64, "deepstack_visual_indexes": [0, 2]},
            MROPE | {"head_dim": 24, "num_hidden_layers": 3},
            **TOKENS,
        ),
        {"vision": VISION, "text": TEXT, "merge": 2, "deepstack": 2},
        "model.visual",
    ),
    "hunyuan-ocr": Small(
        configured(
            "hunyuan_vl",
            TILES
            | {"num_key_value_heads": 2, "out_hidden_size": TEXT, "text_hidden_size": TEXT}
            | {"spatial_merge_size": 2, "image_size": 64, "max_image_size": 64, "min_image_size": 16},
            MROPE | {"head_dim": 24},
            image_token_id=90,
            im_start_id=92,
            im_end_id=93,
            im_newline_id=94,
        ),
        {"vision": VISION, "text": TEXT, "merge": 2},
        "model.vision_tower.patch_merger",
    ),
    "internvl": Small(
        configured(
            "internvl",
            TILES | {"image_size": [TILE, TILE], "patch_size": [TILE_PATCH, TILE_PATCH]},
            {"model_type": "qwen2"},
            image_token_id=90,
            downsample_ratio=0.5,
        ),
        {"vision": VISION, "text": TEXT, "merge": 2},
        "model.multi_modal_projector",
    ),
    "glm4v": Small(
        configured(
            "glm4v",
            {"depth": 1, "hidden_size": VISION, "num_heads": 2, "out_hidden_size": TEXT}
            | {"intermediate_size": 56, "patch_size": 4, "spatial_merge_size": 2, "image_size": 32},
            MROPE,
            image_token_id=90,
            video_token_id=91,
            image_start_token_id=92,
            image_end_token_id=93,
            video_start_token_id=94,
            video_end_token_id=95,
        ),
        {"vision": VISION, "text": TEXT, "intermediate": 56, "merge": 2},
        "model.visual",
    ),
    "idefics2": Small(
        configured(
            "idefics2",
            TILES,
            {"model_type": "mistral"},
            perceiver_config={"resampler_n_latents": 4, "resampler_depth": 2, "resampler_n_heads": 4}
            | {"hidden_size": TEXT, "num_key_value_heads": 2, "resampler_head_dim": 8},
            image_token_id=90,
        ),
        {"vision": VISION, "text": TEXT, "hidden": 40, "queries": 4, "depth": 2}
        | {"heads": 4, "kv_heads": 2, "head_dim": 8},
        "model.connector",
    ),
    "idefics3": Small(
        configured("idefics3", TILES, {"model_type": "llama"}, scale_factor=2, image_token_id=90),
        {"vision": VISION, "text": TEXT, "merge": 2},
        "model.connector",
    ),
    "ernie4-5-vl-moe": Small(
        configured(
            "ernie4_5_vl_moe",
            {"depth": 1, "hidden_size": VISION, "num_heads": 2, "intermediate_size": 40, "patch_size": 4}
            | {"spatial_merge_size": 2, "temporal_merge_size": 2},
            {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 4, 4]}}
            | {"moe_intermediate_size": [8, 8], "moe_num_experts": 4, "moe_k": 2}
            | {"num_hidden_layers": 2, "mlp_layer_types": ["dense", "sparse"]},
            image_token_id=90,
            image_start_token_id=92,
            image_end_token_id=93,
            video_token_id=91,
            video_start_token_id=94,
            video_end_token_id=95,
        ),
        {"vision": VISION, "text": TEXT, "merge": 2, "frames": 2},
        "model.resampler_model",
    ),
    "llava": Small(
        configured(
            "llava",
            TILES | {"model_type": "clip_vision_model", "projection_dim": VISION},
            {"model_type": "llama"},
            image_token_index=90,
        ),
        {"vision": VISION, "text": TEXT},
        "model.multi_modal_projector",
    ),
    "llava-next": Small(
        configured(
            "llava_next",
            TILES | {"model_type": "clip_vision_model", "projection_dim": VISION},
            {"model_type": "llama"},
            image_token_index=90,
            image_grid_pinpoints=[[height * TILE, width * TILE] for height, width in PINPOINTS],
        ),
        {"vision": VISION, "text": TEXT, "side": TILE // TILE_PATCH, "tile": TILE},
        "model",
    ),
    "granite-docling": Small(
        configured(
            "granite_docling",
            TILES
            | {"out_hidden_size": TEXT, "scale_factor": 4, "deepstack_visual_indexes": [0, 1]}
            | {"image_size": 32},
            {},
            image_token_id=90,
        ),
        {"vision": VISION, "text": TEXT, "side": 8, "scale": 4, "deepstack": 2},
        "model.vision_model.connector",
    ),
}
"""Every shipped spec whose model transformers has, by the name of the spec."""
