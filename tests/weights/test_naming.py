"""Layouts against the names that transformers has in memory, writes to files, and converts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

import vla_compose
from tests.primitives.kit import read
from tests.weights.models import SMALL, adapter_weights, small_model
from vla_compose.check.infer import infer
from vla_compose.check.slots import slots
from vla_compose.spec.layouts import Layout
from vla_compose.spec.model import Spec
from vla_compose.weights.dims import dims_of
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.naming import PLAIN, layout_named, mapping, recognise

SPECS = vla_compose.list_specs()
WITHOUT_A_CLASS = {"qwen-vl", "qwen-vl-full"}
"""What transformers has no class for."""

RELEASED = {
    # convert_internvl_weights_to_hf.py of transformers 4
    "internvl": "mlp1.0.weight mlp1.0.bias mlp1.1.weight mlp1.1.bias mlp1.3.weight mlp1.3.bias",
    # convert_llava_weights_to_hf.py and convert_llava_next_weights_to_hf.py of transformers 4
    "llava": "model.mm_projector.0.weight model.mm_projector.0.bias "
    "model.mm_projector.2.weight model.mm_projector.2.bias",
    "llava-next": "model.image_newline model.mm_projector.0.weight model.mm_projector.0.bias "
    "model.mm_projector.2.weight model.mm_projector.2.bias",
    # visual.py of the Qwen-VL repository; its modeling_qwen.py calls it `transformer.visual`
    "qwen-vl": " ".join(
        f"transformer.visual.attn_pool.{name}"
        for name in "pos_embed query kv_proj.weight attn.in_proj_weight attn.in_proj_bias "
        "attn.out_proj.weight attn.out_proj.bias ln_q.weight ln_q.bias ln_kv.weight ln_kv.bias".split()
    ),
}
RELEASED["qwen-vl-full"] = (
    f"transformer.visual.proj {RELEASED['qwen-vl']} "
    "transformer.visual.ln_post.weight transformer.visual.ln_post.bias"
)


@cache
def saved(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, object]]:
    """Adapter weights in memory, every tensor of the file that `save_pretrained` writes, its config.json."""
    import json
    import tempfile

    model = small_model(name)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
        return model.state_dict(), load_file(Path(folder) / "model.safetensors"), config


def built(spec: Spec, dims: dict[str, Any]) -> nn.Module:
    return vla_compose.build(spec, **dims)


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def test_every_shipped_spec_has_layouts_and_a_small_model() -> None:
    assert set(SMALL) == set(SPECS) - WITHOUT_A_CLASS
    for name in SPECS:
        layouts = vla_compose.load(name).layouts
        assert list(layouts) == [n for n in ("transformers-5", "transformers-4", "original") if n in layouts]
        assert ("transformers-5" in layouts) is (name not in WITHOUT_A_CLASS)
        # Two layouts of the same names are one.
        graph = vla_compose.compose(name)
        maps = [tuple(mapping(graph, layout).values()) for layout in layouts.values()]
        assert len(set(maps)) == len(maps)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_names_in_files_of_transformers(name: str) -> None:
    """The layout is found, the map is total and one-to-one, and brings every parameter bit for bit."""
    memory, stored, config = saved(name)
    spec = vla_compose.load(name)
    layout = recognise(spec, stored)
    dims = dims_of(spec, layout, shapes(stored), config)
    assert dims == SMALL[name].dims
    names = mapping(infer(spec, dims), layout)
    ours = built(spec, dims)
    assert list(names) == list(ours.state_dict())
    assert len(set(names.values())) == len(names)
    assert set(names.values()) <= stored.keys()
    ours.load_state_dict({here: stored[there] for here, there in names.items()})

    in_memory = mapping(infer(spec, dims), layout_named(spec, "transformers-5"))
    for here, value in ours.state_dict().items():
        assert torch.equal(value, memory[in_memory[here]]), here


@pytest.mark.parametrize("name", sorted(SMALL))
def test_names_in_memory(name: str) -> None:
    """`transformers-5` is the model's state dict; whole below the adapter's module, and nothing else."""
    memory, _, config = saved(name)
    spec = vla_compose.load(name)
    assert recognise(spec, memory).name == "transformers-5"
    layout = layout_named(spec, "transformers-5")
    names = mapping(infer(spec, SMALL[name].dims), layout)
    assert set(names.values()) <= memory.keys()
    assert dims_of(spec, layout, shapes(memory), config) == SMALL[name].dims
    model = small_model(name)
    assert set(names.values()) <= adapter_weights(name, model).keys()
    for module in {there.rpartition(".")[0] for there in names.values()}:
        # What has a parameter of the adapter has no other.
        own = dict(model.get_submodule(module).named_parameters(recurse=False))
        assert {f"{module}.{parameter}" for parameter in own} <= set(names.values())


@pytest.mark.parametrize("name", sorted(SMALL))
def test_conversion_mapping_agrees(name: str) -> None:
    """What transformers renames on loading leads from each layout of its files to the names in memory."""
    memory, stored, _ = saved(name)
    spec = vla_compose.load(name)
    graph = infer(spec, SMALL[name].dims)
    before, after = mapping(graph, recognise(spec, stored)), mapping(graph, spec.layouts["transformers-5"])
    conversions = get_model_conversion_mapping(small_model(name))
    renamings = [one for one in conversions if isinstance(one, WeightRenaming)]
    converters = [one for one in conversions if isinstance(one, WeightConverter)]
    for ours, there in before.items():
        renamed, converted = rename_source_key(there, renamings, converters, "model", memory)
        assert (renamed, converted) == (after[ours], None)


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_names_in_releases(name: str) -> None:
    spec = vla_compose.load(name)
    names = mapping(vla_compose.compose(spec), spec.layouts["original"])
    assert list(names.values()) == RELEASED[name].split()
    assert recognise(spec, RELEASED[name].split()).name == "original"


@pytest.mark.parametrize("name", SPECS)
def test_each_layout_is_told_from_the_others(name: str) -> None:
    spec = vla_compose.load(name)
    graph = vla_compose.compose(spec)
    for layout in (*spec.layouts.values(), PLAIN):
        found = recognise(spec, mapping(graph, layout).values())
        assert found.prefix == layout.prefix
        assert found.names == layout.names


@pytest.mark.parametrize("name", sorted(SMALL))
def test_settings_are_in_the_configuration_of_the_class(name: str) -> None:
    """Every path of `transformers-5` leads to the value that the model was made with."""
    _, _, config = saved(name)
    layout = vla_compose.load(name).layouts["transformers-5"]
    assert layout.config
    for dim, setting in layout.config.items():
        numbers = []
        for path in setting.split(" // "):
            value: object = config
            for part in path.split("."):
                assert isinstance(value, dict)
                value = value[part]
            numbers.append(value)
        assert all(isinstance(number, int) for number in numbers)
        value = numbers[0] if len(numbers) == 1 else numbers[0] // numbers[1]  # type: ignore[operator]
        assert value == SMALL[name].dims[dim], dim
    assert type(AutoConfig.for_model(config["model_type"])) is type(SMALL[name].config())


# --- words --------------------------------------------------------------------------------------------------

TEXT = """\
spec_version: 1
name: t
dims: {c: 8, d: 12, depth: 2}
inputs: {x: b n c}
steps:
  - linear: {name: a.p, out: d}
  - linear: {name: extra, out: same, when: c == d}
  - repeat: {name: layers, count: depth, steps: [norm: {name: ln}]}
layouts:
  transformers-5: {prefix: model.p., names: {a: left, a.p.bias: shift, layers: blocks}}
  original: {prefix: p.}
"""
SPEC = read(TEXT)


def test_longest_path_wins() -> None:
    layout = SPEC.layouts["transformers-5"]
    assert layout.there("a.p.weight") == "model.p.left.p.weight"
    assert layout.there("a.p.bias") == "model.p.shift"
    assert layout.there("layers.10.ln.weight") == "model.p.blocks.10.ln.weight"
    assert layout.there("layers_10") == "model.p.layers_10"


def test_a_map_is_in_our_order() -> None:
    names = mapping(infer(SPEC, {"depth": 1}), SPEC.layouts["transformers-5"])
    assert list(names) == [name for name, _ in infer(SPEC, {"depth": 1}).entries()]
    assert names["layers.0.ln.bias"] == "model.p.blocks.0.ln.bias"


def test_steps_with_a_condition_and_lengths_of_lists_do_not_count() -> None:
    layout = SPEC.layouts["original"]
    short, long = infer(SPEC, {"depth": 1}), infer(SPEC, {"c": 12, "depth": 7})
    for graph in (short, long):
        assert recognise(SPEC, mapping(graph, layout).values()) is layout


def test_no_layout_fits() -> None:
    names = [*mapping(infer(SPEC), SPEC.layouts["original"]).values(), "other.weight"]
    names.remove("p.a.p.weight")
    with pytest.raises(CheckpointError) as error:
        recognise(SPEC, [*names, "p.a.q.weight"])
    assert error.value.summary == (
        "the names fit no layout of `t`; name another spec or checkpoint, or add a layout"
    )
    assert error.value.details[1] == "original: `p.a.p.weight` is missing, the nearest is `p.a.q.weight`"
    assert [line.partition(":")[0] for line in error.value.details] == [
        "transformers-5",
        "original",
        "vla-compose",
    ]
    with pytest.raises(CheckpointError, match=r"such as `model\.p\.left\.p\.weight`\n"):
        recognise(SPEC, [])


def test_every_name_that_a_layout_lacks_is_listed() -> None:
    names = list(mapping(infer(SPEC, {"depth": 1}), SPEC.layouts["original"]).values())
    with pytest.raises(CheckpointError) as error:
        recognise(SPEC, names[:1])
    lines = [line for line in error.value.details if line.startswith("original: ")]
    lacking = [line.split("`")[1] for line in lines if "is missing" in line]
    assert len(lacking) > 1
    assert sorted(lacking) == sorted(names[1:])


def test_several_layouts_fit() -> None:
    graph = infer(SPEC)
    names = [name for layout in SPEC.layouts.values() for name in mapping(graph, layout).values()]
    with pytest.raises(
        CheckpointError, match=r"`transformers-5`, `original`; give one: `layout='transfor.*` \(`--layout"
    ):
        recognise(SPEC, names)


def test_named_layouts() -> None:
    assert layout_named(SPEC, "original") is SPEC.layouts["original"]
    plain = layout_named(SPEC, "vla-compose")
    assert (plain.name, plain.prefix, plain.names) == (PLAIN.name, PLAIN.prefix, PLAIN.names)
    assert plain.config == {dim: f"dims.{dim}" for dim in SPEC.dims}
    with pytest.raises(
        CheckpointError,
        match=r"^`t` has no layout `orginal`; write one of: transformers-5, original, vla-compose$",
    ):
        layout_named(SPEC, "orginal")


def test_a_map_that_is_not_one_to_one_is_refused() -> None:
    twice = Layout("twice", "", {"a.p.weight": "w", "a.p.bias": "w"}, {})
    with pytest.raises(CheckpointError, match=r"calls both `a\.p\.weight` and `a\.p\.bias` `w`"):
        mapping(infer(SPEC), twice)


@pytest.mark.parametrize("name", SPECS)
def test_slots_are_the_entries(name: str) -> None:
    """Every slot has, with the values of dims put in, the shape of the entry that it stands for."""
    spec = vla_compose.load(name)
    for variant in (None, *spec.variants):
        graph = vla_compose.compose(spec, variant=variant)
        entries = dict(graph.entries())
        found = slots(graph)
        assert len({slot.name for slot in found}) == len(found)
        count = 0
        for slot in found:
            lengths = [length.substitute(graph.values).constant for length in slot.lengths]
            assert (
                tuple(size.substitute(graph.values).constant for size in slot.shape) == entries[slot.first()]
            )
            count += lengths[0] if lengths else 1  # type: ignore[operator]
        assert count == len(entries)
