"""Pages of primitives: each shows its primitive in a spec that is valid, and who uses it."""

from __future__ import annotations

import re

import pytest

import vla_compose
from tools import primitive_pages
from vla_compose.codes import CODES
from vla_compose.primitives import REGISTRY


def test_one_example_a_primitive():
    assert {path.stem for path in primitive_pages.EXAMPLES.glob("*")} == set(REGISTRY)


@pytest.mark.parametrize("kind", REGISTRY)
def test_example(kind):
    example = primitive_pages.EXAMPLES / f"{kind}.yaml"
    assert vla_compose.check(example) == []
    steps = vla_compose.load(example).chains[""].steps
    assert kind in primitive_pages.nested(steps)
    page = primitive_pages.page(kind)
    assert example.read_text(encoding="utf-8") in page
    # Its row in the table of types.
    assert re.search(rf"(?m)^\| (&emsp;)*{kind}\b", page)


@pytest.mark.parametrize("kind", REGISTRY)
def test_page_says_everything_of_the_class(kind):
    page = primitive_pages.page(kind)
    assert page.startswith(f"# {kind}\n\n{primitive_pages.text(REGISTRY[kind])}\n")
    for name, field in REGISTRY[kind].model_fields.items():
        assert f"| `{field.alias or name}` |" in page
    for code in re.findall(r"VC\d{3}", page):
        assert code in CODES


def test_users():
    """Counted in the text of the specs."""
    for kind in REGISTRY:
        users = {
            name
            for name in vla_compose.list_specs()
            if re.search(rf"(?m)^ *- {kind}\b", vla_compose.load(name).text)
        }
        shown = primitive_pages.page(kind).split("## Used by")[1].split("## ")[0]
        assert set(re.findall(r"\[([\w.-]+)\]", shown)) == users
    assert "[qwen2-vl]" in primitive_pages.page("spatial_merge")


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("spatial_merge", "x: b n vision\nsteps:\n  - spatial_merge: {size: 2}", "VC202"),
        ("linear", "x: b n vision\nsteps:\n  - linear: {name: l, in: 3, out: 4}", "VC201"),
        (
            "mlp",
            "x: b n vision\nsteps:\n  - mlp: {names: [a, b], hidden: n, out: 4, activation: gelu}",
            "VC206",
        ),
        ("drop", "x: b vision h w\nsteps:\n  - drop: {first: 1}", "VC205"),
    ],
)
def test_reports_what_it_is_said_to_report(kind, text, code):
    found = vla_compose.check(f"spec_version: 1\nname: t\ndims: {{vision: 8}}\ninputs:\n  {text}\n")
    assert [mistake.code for mistake in found] == [code]
    assert code in primitive_pages.codes(REGISTRY[kind])


def test_old_anchors_are_kept():
    index = next(text for path, text in primitive_pages.pages().items() if path.stem == "primitives")
    assert set(re.findall(r"\{#(\w+)\}", index)) == set(REGISTRY)


def test_a_primitive_without_an_example(monkeypatch, tmp_path):
    monkeypatch.setattr(primitive_pages, "EXAMPLES", tmp_path)
    with pytest.raises(SystemExit, match="`norm` has no example: write a short spec"):
        primitive_pages.page("norm")
