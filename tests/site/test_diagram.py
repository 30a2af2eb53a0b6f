"""Diagrams are well formed, say what they show, and keep within their frame."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import vla_compose
from tests.test_specs import GOOD
from vla_compose.site.cells import SIDE
from vla_compose.site.diagram import WIDTH, diagram, times
from vla_compose.site.svg import MONO, wrap
from vla_compose.site.thumbnail import thumbnail

PAPER = sorted((Path(__file__).parent.parent / "specs" / "paper").glob("*.yaml"))
NAMES = [*vla_compose.list_specs(), *map(str, (*GOOD, *PAPER))]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.rpartition("/")[2])
def test_it_keeps_within_its_frame(name: str) -> None:
    root = ElementTree.fromstring(diagram(vla_compose.compose(name)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == WIDTH
    for element in root.iter():
        if element.tag == f"{SVG}rect":
            x, y, wide, tall = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
            assert x >= 0
            assert x + wide <= WIDTH
            assert y >= 0
            assert y + tall <= height
        if element.tag == f"{SVG}text":
            kind, x = element.attrib["class"], float(element.attrib["x"])
            text = element.text or ""
            if "vc-code" in kind and "vc-end-text" not in kind:
                assert x + len(text) * (MONO - 0.1) <= WIDTH, text


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_it_names_every_step_and_every_width(name: str) -> None:
    graph = vla_compose.compose(name)
    text = " ".join(ElementTree.fromstring(diagram(graph)).itertext())
    for checked in graph.chains:
        for node in checked.nodes:
            assert node.step.kind in text
            assert str(node.after.width.substitute(graph.values)) in text


@pytest.mark.parametrize("name", vla_compose.list_specs())
@pytest.mark.parametrize("draw", [diagram, thumbnail])
def test_it_has_a_title_and_a_description(draw, name: str) -> None:
    text = draw(vla_compose.compose(name))
    root = ElementTree.fromstring(text)
    ids = {element.attrib["id"]: element.text for element in root.iter() if "id" in element.attrib}
    assert root.attrib["role"] == "img"
    assert all(ids[label] for label in root.attrib["aria-labelledby"].split())
    assert "\n" not in text
    assert not re.search(r"#[0-9a-f]{3,8}\b(?!;)|style=|href", re.sub(r"&#[0-9]+;", "", text))


def test_lists_are_stacked() -> None:
    one = diagram(vla_compose.compose("qwen3-vl"))
    assert one.count("vc-card") == 1 + 3


def test_wrap() -> None:
    assert wrap("a bb ccc dddd", 6) == ["a bb", "ccc", "dddd"]
    assert wrap("x" * 20, 8, 2) == ["x" * 8, f"{'x' * 7}…"]
    assert wrap("", 8) == []


def test_times() -> None:
    assert times("b h*w 1024") == "b × h·w × 1024"
    assert times("3 x [4*n 1024]") == "3 × [4·n × 1024]"


def test_numbers_in_cells_can_be_read() -> None:
    assert SIDE >= 16
