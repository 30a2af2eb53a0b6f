"""Fresh weights follow the distributions of the originals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import Idefics2Config
from transformers.models.idefics2.modeling_idefics2 import Idefics2Connector

import vla_compose
from tests.parity.harness import Reference
from tests.parity.references import QWEN2, QWEN2_5, QWEN2_MERGE_3, QWEN3

TEXT, VISION, QUERIES = 256, 192, 256


@pytest.fixture(scope="module")
def qwen_vl() -> dict[str, Tensor]:
    torch.manual_seed(0)
    module = vla_compose.build("qwen-vl-full", vision=VISION, text=TEXT, queries=QUERIES, heads=4)
    return {name.removeprefix("attn_pool."): value for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def hunyuan() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(vla_compose.build("hunyuan-ocr", vision=256, text=4096).state_dict())


def assert_normal(values: Tensor, std: float) -> None:
    error = 4 / (2 * values.numel()) ** 0.5
    assert values.std().item() == pytest.approx(std, rel=error)
    assert abs(values.mean().item()) < 4 * std / values.numel() ** 0.5
    within = (
        (values.abs() < std).double().mean().item()
    )  # 0.683 for a normal, 0.577 for a uniform distribution
    assert within == pytest.approx(0.6827, abs=2 / values.numel() ** 0.5)


def assert_uniform(values: Tensor, bound: float) -> None:
    assert values.abs().max().item() <= bound * (1 + 1e-6)
    assert values.abs().max().item() > 0.98 * bound
    assert values.std().item() == pytest.approx(bound / 3**0.5, rel=4 / (2 * values.numel()) ** 0.5)


@pytest.mark.parametrize("name", ["query", "kv_proj.weight", "attn.out_proj.weight"])
def test_qwen_vl_truncated_normal(qwen_vl: dict[str, Tensor], name: str) -> None:
    assert_normal(qwen_vl[name], 0.02)


@pytest.mark.parametrize(
    "name", ["attn.in_proj_bias", "attn.out_proj.bias", "ln_q.bias", "ln_kv.bias", "ln_post.bias"]
)
def test_qwen_vl_zeros(qwen_vl: dict[str, Tensor], name: str) -> None:
    assert not qwen_vl[name].any()


@pytest.mark.parametrize("name", ["ln_q.weight", "ln_kv.weight", "ln_post.weight"])
def test_qwen_vl_ones(qwen_vl: dict[str, Tensor], name: str) -> None:
    assert (qwen_vl[name] == 1).all()


def test_qwen_vl_attention_is_xavier_uniform(qwen_vl: dict[str, Tensor]) -> None:
    assert_uniform(qwen_vl["attn.in_proj_weight"], (6 / (TEXT + 3 * TEXT)) ** 0.5)


def test_qwen_vl_projection_is_normal(qwen_vl: dict[str, Tensor]) -> None:
    assert_normal(qwen_vl["proj"], TEXT**-0.5)


def sincos(width: int, side: int) -> np.ndarray:
    """The table in float64, by MAE's recipe: half of the channels for the column, half for the row."""
    rate = 10000 ** -(np.arange(width // 4) / (width / 4))
    column, row = np.meshgrid(np.arange(side), np.arange(side))

    def waves(place: np.ndarray) -> np.ndarray:
        angles = np.outer(place.ravel(), rate)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    return np.concatenate([waves(column), waves(row)], axis=1)


@pytest.mark.parametrize(("width", "side"), [(32, 3), (64, 4), (256, 16)])
def test_qwen_vl_positions(width: int, side: int) -> None:
    module: Any = vla_compose.build("qwen-vl", vision=24, text=width, queries=side * side, heads=4)
    assert module.pos_embed.dtype == torch.float32
    np.testing.assert_allclose(module.pos_embed.numpy(), sincos(width, side), rtol=0, atol=1e-6)


def bicubic(wanted: int, side: int) -> np.ndarray:
    """Weights of Keys' cubic kernel (a = -0.75) from `side` to `wanted` places; edges are repeated."""
    weights = np.zeros((wanted, side))
    for at in range(wanted):
        centre = (at + 0.5) * side / wanted - 0.5
        for near in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            d = abs(centre - near)
            near_by = 1.25 * d**3 - 2.25 * d**2 + 1
            further = -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
            weights[at, min(max(near, 0), side - 1)] += near_by if d <= 1 else further
    return weights


@pytest.mark.parametrize(("side", "wanted"), [(4, 7), (4, 2), (3, 6), (4, 5)])
def test_qwen_vl_resized_positions(side: int, wanted: int) -> None:
    from vla_compose.runtime.resize_positions import resize_positions

    table = np.random.default_rng(0).normal(size=(side * side, 8)).astype(np.float32)
    along = bicubic(wanted, side)
    expected = np.einsum("ia,jb,abc->ijc", along, along, table.reshape(side, side, 8)).reshape(-1, 8)
    found = resize_positions(torch.from_numpy(table), (wanted, wanted))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["image_newline", "image_begin", "image_end", "image_sep"])
def test_hunyuan_tokens_are_normal(hunyuan: dict[str, Tensor], name: str) -> None:
    assert_normal(hunyuan[name], 4096**-0.5)


def test_hunyuan_newline_follows_the_text_width() -> None:
    module: Any = vla_compose.build("hunyuan-ocr", vision=1024, text=64)
    assert_normal(module.image_newline.detach(), 64**-0.5)


def test_hunyuan_otherwise_torch_defaults(hunyuan: dict[str, Tensor]) -> None:
    assert_uniform(hunyuan["proj.0.weight"], (256 * 4) ** -0.5)
    assert_uniform(hunyuan["proj.2.weight"], 512**-0.5)
    assert_uniform(hunyuan["mlp.weight"], 1024**-0.5)
    assert (hunyuan["before_rms.weight"] == 1).all()
    assert (hunyuan["after_rms.weight"] == 1).all()


@pytest.mark.parametrize(
    "reference", [QWEN2, QWEN2_MERGE_3, QWEN2_5, QWEN3], ids=lambda reference: reference.name
)
def test_same_draw_as_the_original(reference: Reference) -> None:
    torch.manual_seed(3)
    expected = reference.original().state_dict()
    torch.manual_seed(3)
    found = reference.build().state_dict()
    assert all(torch.equal(found[reference.ours(name)], value) for name, value in expected.items())


@pytest.fixture(scope="module")
def idefics2() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    text = {"hidden_size": TEXT, "intermediate_size": 300}
    perceiver = {"hidden_size": TEXT, "resampler_n_latents": 8, "resampler_depth": 1}
    config = Idefics2Config(
        vision_config={"hidden_size": VISION},
        text_config={"model_type": "mistral", **text},
        perceiver_config=perceiver,
    )
    torch.manual_seed(0)
    original = Idefics2Connector(config).state_dict()
    heads: dict[str, Any] = {"heads": 16, "kv_heads": 4, "head_dim": 96}
    module = vla_compose.build("idefics2", vision=VISION, text=TEXT, hidden=300, queries=8, depth=1, **heads)
    return dict(original), dict(module.state_dict())


def test_idefics2_is_drawn_as_its_connector(idefics2: tuple[dict[str, Tensor], dict[str, Tensor]]) -> None:
    original, found = idefics2
    assert original.keys() == found.keys()
    for name, expected in original.items():
        error = 6 / (2 * expected.numel()) ** 0.5  # of the difference of two such estimates
        assert found[name].std().item() == pytest.approx(expected.std().item(), rel=error, abs=1e-12), name
        assert found[name].mean().item() == pytest.approx(expected.mean().item(), abs=0.01), name
        assert (found[name].abs().max() > 3 * found[name].std()) == (
            expected.abs().max() > 3 * expected.std()
        )
