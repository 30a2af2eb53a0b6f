"""The calculator's data gives what the checked graph and `build --image-size` give."""

from __future__ import annotations

import json
import random
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

import vla_compose
from tools.adapter_pages import STARTS
from vla_compose.check.routes import routes
from vla_compose.cli.sizes import grid_of, grid_sizes
from vla_compose.diagnostics import BuildError
from vla_compose.primitives.base import rows
from vla_compose.report.table import flops
from vla_compose.site.calculator import calculate, calculator
from vla_compose.site.form import USUAL, Start
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

NARROW = """spec_version: 1
name: narrow
dims: {d: 8}
inputs: {x: b d h w}
steps:
  - conv2d: {name: conv, out: d, kernel: 3}
  - to_tokens: {}
"""


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_it_agrees_with_the_graph(name: str) -> None:
    spec = vla_compose.load(name)
    rng = random.Random(name)
    fitting = 0
    for variant in (None, *spec.variants):
        graph = vla_compose.compose(spec, variant=variant)
        found = json.loads(json.dumps(calculator(graph, "x")))
        if found["mode"] != "patches":
            continue
        for _ in range(40):
            side, patch = rng.randint(1, 3000), rng.randint(1, 40)
            image = (side, rng.choice([side, rng.randint(1, 3000)]))
            answer = calculate(found, image=image, patch=patch)
            grid = grid_of(graph, image, patch)
            try:
                sizes = grid_sizes(graph, grid)
            except BuildError:
                assert answer.wrong
                continue
            fitting += 1
            assert answer.grid == grid
            (route,) = routes(graph)
            for (output, edge), (told, count) in zip(graph.outputs, answer.tokens, strict=True):
                type_ = edge.type.substitute(graph.values).substitute(sizes)
                copies = 1 if type_.each is None else type_.each.constant or 0
                assert (output.name, (rows(type_).constant or 0) * copies) == (told, count)
            parts = [part.substitute(sizes).constant for part in flops(graph, route.chains)]
            assert answer.flops == sum(part or 0 for part in parts)
            assert answer.parameters == graph.parameters()
    assert fitting or found["mode"] != "patches"


def test_halves_are_rounded_to_even() -> None:
    found = calculator(vla_compose.compose("idefics2"), "x")
    grids = [calculate(found, image=(side, 100), patch=20).grid for side in (50, 70, 90, 9, 1)]
    assert grids == [(5, 2), (5, 4), (5, 4), (5, 1), (5, 1)]


def test_a_route_has_its_own_cost() -> None:
    found = calculator(vla_compose.compose("granite-docling"), "x")
    coarse, fine = (calculate(found, route, sizes={"b": 3}) for route in ("not fine", "fine"))
    assert dict(coarse.tokens) == {"tokens": 3 * 64, "deepstack": 3 * 3 * 64}
    assert dict(fine.tokens) == {"tokens": 3 * 256, "deepstack": 3 * 3 * 256}
    assert coarse.flops == 3 * (6_845_104_128 + 2_097_152 * 64)
    assert [route["default"] for route in found["routes"]] == [True, False]


def test_pixels_decide_where_tiles_are_packed() -> None:
    found = calculator(vla_compose.compose("llava-next"), "x")
    assert found["mode"] == "pixels"
    assert dict(calculate(found, image=(640, 480)).tokens) == {"tokens": 576 + 36 * 49}


def test_frames_can_be_chosen() -> None:
    found = calculator(vla_compose.compose("ernie4-5-vl-moe"), "x")
    assert ["t", 1, "frames (t)"] in found["free"]
    assert calculate(found, image=(448, 448), patch=14, sizes={"t": 4}).tokens == (("tokens", 512),)


def test_pixels_can_tell_the_grid() -> None:
    """Where features have `height//14` rows, the grid input holds pixels."""
    path = Path(__file__).parent.parent / "specs" / "paper" / "mistral3.yaml"
    found = calculator(vla_compose.compose(path), "x")
    answer = calculate(found, image=(448, 280), patch=14)
    assert (answer.grid, answer.patches, answer.tokens) == ((20, 32), 640, (("tokens", 160),))


def test_what_does_not_fit_is_said() -> None:
    square = calculator(vla_compose.compose("internvl"), "x")
    assert "equal sides" in calculate(square, image=(448, 300), patch=14).wrong
    small = calculator(vla_compose.compose(load_spec(read_text(NARROW))), "x")
    assert "h is at least 3" in calculate(small, image=(448, 28), patch=14).wrong
    assert calculate(small, image=(448, 42), patch=14).tokens == (("tokens", 30),)


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("qwen2-vl", "qwen2_vl"),
        ("qwen3-vl", "qwen2_vl"),
        ("glm4v", "glm4v"),
        ("ernie4-5-vl-moe", "ernie4_5_vl_moe"),
        ("hunyuan-ocr", "hunyuan_vl"),
    ],
)
def test_images_are_resized_as_by_the_processor(name: str, original: str) -> None:
    """Bounds on the number of pixels apart, which the calculator does not know."""
    module = import_module(f"transformers.models.{original}.image_processing_pil_{original}")
    video = {"num_frames": 2} if "num_frames" in signature(module.smart_resize).parameters else {}
    found, rng = calculator(vla_compose.compose(name), "x"), random.Random(name)
    patch = STARTS.get(name, USUAL).patch
    sizes = {free: 1 for free, *_ in found["free"]}
    for _ in range(100):
        width, height = rng.randint(2 * patch, 3000), rng.randint(2 * patch, 3000)
        unbound = {"factor": 2 * patch, "min_pixels": 1, "max_pixels": 10**12}
        resized = module.smart_resize(height=height, width=width, **unbound, **video)
        answer = calculate(found, image=(width, height), patch=patch, sizes=sizes)
        assert answer.grid == tuple(side // patch for side in resized), (width, height)


CONFIGS = {
    "ernie4-5-vl-moe": ("ernie4_5_vl_moe", "Ernie4_5_VLMoeVisionConfig"),
    "glm4v": ("glm4v", "Glm4vVisionConfig"),
    "hunyuan-ocr": ("hunyuan_vl", "HunYuanVLVisionConfig"),
    "internvl": ("internvl", "InternVLVisionConfig"),
    "qwen2-vl": ("qwen2_vl", "Qwen2VLVisionConfig"),
    "qwen2.5-vl": ("qwen2_5_vl", "Qwen2_5_VLVisionConfig"),
    "qwen3-vl": ("qwen3_vl", "Qwen3VLVisionConfig"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_calculator_starts_with_the_patches_of_the_model(name: str) -> None:
    package, config = CONFIGS[name]
    module = import_module(f"transformers.models.{package}.configuration_{package}")
    side = getattr(module, config)().patch_size
    side = side if isinstance(side, int) else side[0]
    assert STARTS.get(name, USUAL).patch == side
    page = (Path(__file__).parents[2] / "docs/adapters" / f"{name}.md").read_text("utf-8")
    assert f'name="patch" value="{side}"' in page


def test_calculators_of_models_with_one_size_of_image_start_with_it() -> None:
    from transformers import LlavaConfig
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    llava = LlavaConfig().vision_config
    assert STARTS["llava"] == Start(llava.patch_size, (llava.image_size, llava.image_size))
    side = Idefics3ImageProcessorPil.max_image_size["longest_edge"]
    assert STARTS["idefics3"] == Start(image=(side, side))
