"""The list of families, each against transformers itself."""

import pytest
import torch
import transformers
from torch import nn

import vla_compose
from tests.hosts.photo import inputs_for
from tests.weights.models import (
    MROPE,
    QWEN_TOWER,
    SMALL,
    TEXT,
    TEXT_CONFIG,
    TILES,
    TOKENS,
    VISION,
    small_model,
)
from vla_compose.hosts.attach import attach, copy_weights
from vla_compose.hosts.naming import home
from vla_compose.hosts.registry import HOSTS, find_host, known


def compose(name):
    return vla_compose.compose(name, variant=None, **SMALL[name].dims)


def build(name):
    return vla_compose.build(name, variant=None, device=None, dtype=None, **SMALL[name].dims)


each_host = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.spec)


def test_one_family_a_spec():
    specs = [host.spec for host in HOSTS]
    assert len(set(specs)) == len(specs) == len({type(host).__module__ for host in HOSTS})
    assert set(specs) <= set(vla_compose.list_specs())
    assert known() == sorted({name for host in HOSTS for name in host.models})


@each_host
def test_models_exist(host):
    assert all(issubclass(getattr(transformers, name), nn.Module) for name in host.models)


@each_host
def test_paths_are_those_of_the_layout(host):
    """Everything that the spec names lies below the members, and the members hold nothing else."""
    host_, path, model = find_host(small_model(host.spec))
    assert host_ is host
    assert path == "model"
    graph = compose(host.spec)
    layout = home(graph.spec)
    names = {layout.there(ours).removeprefix("model.") for ours, _ in graph.entries()}
    inside = tuple(f"{member}." for member in host.members)
    assert names == {name for name in model.state_dict() if name in host.members or name.startswith(inside)}


@each_host
def test_cases_are_of_several_sizes(host):
    graph = vla_compose.compose(host.spec)
    cases = dict(host.cases({name: min(value, 64) for name, value in graph.values.items()}))
    assert len(cases) >= 3
    assert len({inputs["x"].shape for inputs in cases.values()}) >= 2
    assert all(inputs.keys() <= graph.inputs.keys() | graph.spec.inputs.keys() for inputs in cases.values())


RELATIVES: dict[str, tuple] = {
    "smolvlm": ("idefics3", TILES, {"model_type": "llama"}, {"scale_factor": 2, "image_token_id": 90}),
    "qwen3_vl_moe": (
        "qwen3-vl",
        QWEN_TOWER
        | {"hidden_size": VISION, "out_hidden_size": TEXT, "intermediate_size": 40, "depth": 3}
        | {"num_position_embeddings": 64, "deepstack_visual_indexes": [0, 2]},
        MROPE
        | {"head_dim": 24, "num_hidden_layers": 3, "num_experts": 4, "moe_intermediate_size": 8}
        | {"num_experts_per_tok": 2},
        TOKENS,
    ),
}


@pytest.mark.parametrize("kind", RELATIVES)
def test_models_that_are_built_alike(kind):
    name, vision, text, more = RELATIVES[kind]
    config = transformers.AutoConfig.for_model(
        kind, vision_config=vision, text_config=TEXT_CONFIG | text, **more
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForImageTextToText.from_config(config).eval()
    inputs = inputs_for(name, model)
    adapter = build(name)
    copy_weights(model, adapter)
    keys = list(model.state_dict())
    with torch.no_grad():
        expected = model(**inputs).logits
        with attach(model, adapter):
            assert torch.equal(model(**inputs).logits, expected)
            assert list(model.state_dict()) == keys
            nn.init.normal_(next(adapter.parameters()))
            assert not torch.equal(model(**inputs).logits, expected)
        assert torch.equal(model(**inputs).logits, expected)
