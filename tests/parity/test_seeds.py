"""The seed systems against their originals."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

import vla_compose
from tests.parity.harness import DTYPES, Case, Reference, assert_parity, assert_same, each_case, randomise
from tests.parity.references import CLOSE, EXACT, SEEDS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reference", "case"), each_case(EXACT))
def test_equal_bits(reference: Reference, case: Case, dtype: torch.dtype) -> None:
    assert_parity(reference, case, dtype)


@pytest.mark.parametrize(("reference", "case"), each_case(CLOSE))
def test_equal_numbers(reference: Reference, case: Case) -> None:
    assert_parity(reference, case, torch.float64)


@pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)
def test_other_seeds(reference: Reference) -> None:
    dtype = torch.float64 if reference.tolerance else torch.bfloat16
    for seed in range(1, 6):
        assert_parity(reference, reference.cases[1], dtype, seed=seed)


def test_every_seed_spec_has_four_geometries() -> None:
    assert all(len(reference.cases) >= 4 for reference in SEEDS)
    assert {reference.spec for reference in SEEDS} <= set(vla_compose.list_specs())


@pytest.mark.parametrize("dtype", DTYPES)
def test_qwen3_in_the_real_vision_model(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    config = Qwen3VLVisionConfig(
        depth=4, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=4, out_hidden_size=28,
        num_position_embeddings=64, deepstack_visual_indexes=[0, 2, 1],
    )  # fmt: skip
    tower = randomise(Qwen3VLVisionModel(config)).to(dtype).eval()
    ours = vla_compose.build("qwen3-vl", vision=32, text=28).to(dtype).eval()
    names = ("merger.", "deepstack_merger_list.")
    weights = {name: value for name, value in tower.state_dict().items() if name.startswith(names)}
    ours.load_state_dict(weights)

    seen: dict[str, torch.Tensor] = {}

    def see(name: str) -> None:
        tower.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.update({name: args[0]}))

    for name in ("merger", *(f"deepstack_merger_list.{at}" for at in range(3))):
        see(name)
    grids = torch.tensor([[1, 4, 6], [2, 8, 4]])
    result = tower(torch.randn(int(grids.prod(-1).sum()), 3 * 2 * 4 * 4, dtype=dtype), grid_thw=grids)
    tokens, deepstack = ours(seen["merger"], [seen[f"deepstack_merger_list.{at}"] for at in range(3)])
    assert_same(tokens, result.pooler_output, "tokens")
    # The model lists features in the order of layers: 0, 1, 2 are read by mergers 0, 2, 1.
    for at, merger in enumerate((0, 2, 1)):
        assert_same(deepstack[merger], result.deepstack_features[at], f"layer {at}")


NAMES = {
    "qwen2-vl": "ln_q.weight ln_q.bias mlp.0.weight mlp.0.bias mlp.2.weight mlp.2.bias",
    "qwen2.5-vl": "ln_q.weight mlp.0.weight mlp.0.bias mlp.2.weight mlp.2.bias",
    "hunyuan-ocr": "image_newline image_begin image_end image_sep "
    "proj.0.weight proj.0.bias proj.2.weight proj.2.bias "
    "mlp.weight mlp.bias before_rms.weight after_rms.weight",
    "qwen-vl": "pos_embed query kv_proj.weight attn.in_proj_weight attn.in_proj_bias attn.out_proj.weight "
    "attn.out_proj.bias ln_q.weight ln_q.bias ln_kv.weight ln_kv.bias",
}
NAMES["qwen-vl-full"] = " ".join(
    ["proj", *(f"attn_pool.{name}" for name in NAMES["qwen-vl"].split()), "ln_post.weight", "ln_post.bias"]
)
MERGER = "norm.weight norm.bias linear_fc1.weight linear_fc1.bias linear_fc2.weight linear_fc2.bias".split()
MERGERS = ["merger", *(f"deepstack_merger_list.{at}" for at in range(3))]
NAMES["qwen3-vl"] = " ".join(f"{merger}.{name}" for merger in MERGERS for name in MERGER)


@pytest.mark.parametrize("spec", sorted(NAMES))
def test_names_and_their_order_at_released_sizes(spec: str) -> None:
    for variant in (None, *vla_compose.load(spec).variants):
        module = vla_compose.build(spec, variant=variant, device="meta")
        assert list(module.state_dict()) == NAMES[spec].split()
        frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
        assert frozen == {name for name in NAMES[spec].split() if name.endswith("pos_embed")}


def test_no_key_projection_between_equal_widths() -> None:
    module = vla_compose.build("qwen-vl", vision=32, text=32, queries=4, heads=2)
    assert "kv_proj" not in dict(module.named_children())
    assert not any(name.startswith("kv_proj") for name in module.state_dict())


def test_positions_are_a_parameter_that_is_not_trained() -> None:
    module = vla_compose.build("qwen-vl", vision=24, text=32, queries=16, heads=4)
    assert isinstance(module.pos_embed, nn.Parameter)
    assert not module.pos_embed.requires_grad


def test_mask_of_booleans_hides_where_true() -> None:
    torch.manual_seed(0)
    module = randomise(vla_compose.build("qwen-vl", vision=24, text=32, queries=16, heads=4))
    x = torch.randn(1, 16, 24)
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[:, 3] = True
    changed = x.clone()
    changed[:, 3] += 1
    torch.testing.assert_close(module(x, attn_mask=mask), module(changed, attn_mask=mask))
    assert not torch.allclose(module(x), module(changed))


def test_unused_token_gets_no_gradient() -> None:
    module = vla_compose.build("hunyuan-ocr", vision=16, text=24)
    module(torch.randn(1, 24, 16), (4, 6)).sum().backward()
    assert module.image_sep.grad is None
    assert module.image_newline.grad is not None
