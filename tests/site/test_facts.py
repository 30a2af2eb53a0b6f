"""Facts about specs, and the roles that primitives are drawn in."""

from __future__ import annotations

import re
from typing import get_args

import pytest

import vla_compose
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Drawn
from vla_compose.site.facts import facts
from vla_compose.site.pages import asset

EXPECTED = {
    "qwen2-vl": ("patch merger", "4", "block", False, (), False, "4*n → n"),
    "qwen2.5-vl": ("patch merger", "4", "window", False, (), False, "4*n → n"),
    "internvl": ("patch merger", "4", "raster", False, (), False, "s*s+1 → (s//2)*(s//2)"),
    "hunyuan-ocr": (
        "convolution", "4", "raster", True, ("row end", "start", "end"), False, "h*w → 2 + (h//2)*(w//2+1)",
    ),
    "qwen-vl": ("resampler", "any number", "raster", False, ("queries",), True, "s*s → 256"),
    "idefics2": ("resampler", "any number", "any", False, ("queries",), True, "n → 64"),
    "llava-next": ("projector", "varies", "raster", True, ("row end",), False, "577 a tile → by image size"),
    "granite-docling": ("patch merger", "16 or 4", "raster", False, (), False, "1024*b → 64*b or 256*b"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_facts(name: str) -> None:
    found = facts(vla_compose.compose(name))
    told = (found.family, found.patches_per_token, found.order, found.grid, found.learned, found.attention)
    assert (*told, found.tokens) == EXPECTED[name]
    assert found.parameters == vla_compose.compose(name).parameters()


@pytest.mark.parametrize("name", REGISTRY)
def test_every_role_has_its_colours_in_both_schemes(name: str) -> None:
    role = REGISTRY[name].drawn
    assert role in get_args(Drawn)
    css = asset("adapters.css")
    if role in ("group", "residual"):
        assert ".vc-group {" in css
        return
    assert f".vc-{role} {{" in css
    assert len(re.findall(rf"^  --vc-{role}-fill: #", css, re.M)) == 2


def test_every_class_of_a_picture_has_a_rule() -> None:
    css = asset("adapters.css")
    from vla_compose.site.diagram import diagram
    from vla_compose.site.thumbnail import thumbnail

    for name in vla_compose.list_specs():
        graph = vla_compose.compose(name)
        for kind in set(re.findall(r'class="([^"]+)"', diagram(graph) + thumbnail(graph))):
            for word in kind.split():
                assert re.search(rf"\.{re.escape(word)}\b", css), word
