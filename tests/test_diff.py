"""What differs between two specs, in words."""

from __future__ import annotations

import pytest

import vla_compose
from vla_compose.diff import difference, distance, outline
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

SPECS = vla_compose.list_specs()


def changed(name: str, *edits: tuple[str, str]) -> list[str]:
    """What an edit of a shipped spec changes."""
    before = vla_compose.compose(name)
    text = before.spec.text
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return [str(found) for found in difference(before, vla_compose.compose(load_spec(read_text(text))))]


def test_fields() -> None:
    assert changed("qwen2-vl", ("kind: layer", "kind: rms")) == ["norm kind: layer → rms"]
    assert changed("qwen2-vl", ("eps: 1e-6", "eps: 1e-5")) == ["norm eps: 1e-06 → 1e-05"]
    assert changed("qwen2-vl", ("activation: gelu", "activation: gelu_tanh")) == [
        "mlp activation: gelu → gelu_tanh"
    ]


def test_steps() -> None:
    norm = "  - norm: {name: ln_q, kind: layer, eps: 1e-6}\n"
    assert changed("qwen2-vl", (norm, "")) == ["- norm"]
    assert changed("qwen2-vl", (norm, f"{norm}  - activation: gelu\n")) == ["+ activation (kind = gelu)"]


def test_inputs_and_dims() -> None:
    assert changed(
        "qwen2-vl", ("x: (n merge merge)", "x: window(n merge merge)"), ("n text", "window(n) text")
    ) == [
        "input type: (n merge merge) vision → window(n merge merge) vision",
        "output tokens type: n text → window(n) text",
    ]
    assert changed("qwen2-vl", ("text: 1536", "text: 2048")) == ["dim text: 1,536 → 2,048"]


def test_names_and_initial_values_do_not_count() -> None:
    assert changed("qwen2-vl", ("name: ln_q", "name: other"), ("prefix: model.", "prefix: other.")) == []
    assert changed("qwen-vl", (", init: {trunc_normal: 0.02}}", "}")) == []


def test_a_part_that_is_set_as_usual_is_told() -> None:
    lines = [str(line) for line in outline(vla_compose.compose("qwen-vl"))]
    (read,) = [line for line in lines if line.startswith("multihead_attention")]
    assert "positions kind = sincos_2d, positions resize = bicubic" in read


def test_a_chain_that_goes_on_is_a_name_and_one_that_branches_is_a_line() -> None:
    lines = {name: [line.what for line in outline(vla_compose.compose(name))] for name in SPECS}
    assert "chain" not in lines["idefics2"]
    assert "chain" in lines["granite-docling"]


def test_lists_of_mergers() -> None:
    said = [
        str(found) for found in difference(vla_compose.compose("qwen2-vl"), vla_compose.compose("qwen3-vl"))
    ]
    assert "+ chain for every tensor of a list (copies = 3)" in said
    assert "+ output deepstack (type = deepstack x [n text])" in said


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_differs_from_no_one_else_than_others(name: str) -> None:
    graph = vla_compose.compose(name)
    assert difference(graph, graph) == []
    for other in SPECS:
        forth, back = (
            difference(graph, vla_compose.compose(other)),
            difference(vla_compose.compose(other), graph),
        )
        assert (other == name) == (not forth)
        # The same lines are paired either way, so both tell as much.
        assert distance(forth) == distance(back)


def test_every_step_is_a_line() -> None:
    lines = [line.what for line in outline(vla_compose.compose("idefics2"))]
    assert "repeat > residual > attention" in lines
