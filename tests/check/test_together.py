"""Several mistakes in one text: all are told, none of them twice, and nothing that only follows from one."""

from __future__ import annotations

import re

import pytest

import vla_compose
from vla_compose.api import certain
from vla_compose.diagnostics import SpecError
from vla_compose.spec.reader import read_text

MARK = re.compile(r"§(VC\d+)§")


def told(marked: str) -> None:
    """Exactly the mistakes that are marked are found, at their marks."""
    wanted = []
    for at, line in enumerate(marked.split("\n"), start=1):
        for gone, mark in enumerate(MARK.finditer(line)):
            wanted.append((mark[1], at, mark.start() - gone * 7 + 1))
    found = vla_compose.check(MARK.sub("", marked))
    assert [(d.code, d.span.line, d.span.column) for d in found if d.span] == wanted, [str(d) for d in found]


def spec(body: str, *, dims: str = "{c: 6, d: 10, m: 2, heads: 2}", x: str = "b n c") -> str:
    return f"spec_version: 1\nname: t\ndims: {dims}\ninputs:\n  x: {x}\n{body}\n"


LINEAR = "{linear: {name: last, in: §VC201§5, out: d}}"
"""A mistake of types that is told as long as six channels arrive."""

# Each row: what goes on behind the first mistake, and the steps.
STEPS = {
    "a field with one meaning": "[{norm: {name: p, §VC101§kin: rms}}, LINEAR]",
    "a word with one meaning": "[{norm: {name: p, kind: §VC104§layr}}, LINEAR]",
    "a primitive with one meaning": "[{§VC105§nrom: {name: p}}, LINEAR]",
    "the name of nested steps": "[{repeat: {name: r, count: 1, §VC101§stpes: [{norm: {name: p}}]}}, LINEAR]",
    "a step that keeps the type": "[{norm: {name: p, eps: §VC103§[1]}}, LINEAR]",
    "a step that states its channels": "[{linear: {name: p, out: c, bias: §VC103§5}}, LINEAR]",
    "a width that is lost": "[{linear: {name: p, out: §VC106§+}}, {linear: {name: q, out: c}}, LINEAR]",
    "a step inside a step": "[{residual: [{norm: {name: §VC109§1p}}]}, LINEAR]",
    "a layer": "[{repeat: {name: r, count: §VC204§0, steps: [{norm: {name: p}}]}}, LINEAR]",
    "a scalar": "[{norm: {name: p, eps: §VC023§1e999}}, LINEAR]",
    "a tag": "[{norm: {name: §VC018§!x p}}, LINEAR]",
    "a key twice": "[{norm: {name: p, §VC020§name: q}}, LINEAR]",
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_types_are_checked_behind_a_mistake(steps: str) -> None:
    told(spec(f"steps: {steps.replace('LINEAR', LINEAR)}"))


def test_a_syntax_error_hides_its_own_lines_only() -> None:
    told(
        "spec_version: 1\nname: t\ndims: {c: 6, d: 10}\ninputs:\n  x: b n c\n"
        "chains:\n  a:\n    steps:\n      - norm: §VC015§{name: p, eps: 1e-5\n"
        "      - linear: {name: q, out: d}\n"
        "  e:\n    steps:\n      - linear: {name: q, in: §VC201§5, out: d}\n"
        "variants:\n  small: {§VC305§e: 1}\n"
    )


def test_a_dim_without_a_value_hides_what_it_is_in() -> None:
    for d in ("§VC204§0", "§VC305§e", "§VC304§d", "§VC106§1 +"):
        steps = "[{linear: {name: p, out: d}}, {norm: {name: q}}, {linear: {name: r, out: §VC204§0}}]"
        told(spec(f"steps: {steps}", dims=f"{{c: 6, d: {d}}}"))
    told(spec(f"steps: [{LINEAR}]", dims="{c: 6, d: §VC204§0}"))
    told(spec("steps: [{linear: {name: p, out: §VC305§cc}}]", dims="{c: 6, d: §VC204§0, cc_: §VC204§0}"))
    told(spec("steps: [{norm: {name: p}}, {linear: {name: q, in: 5, out: c}}]", dims="{c: §VC204§0}"))


def test_variants_are_checked_beside_the_own_dims() -> None:
    steps = "steps: [{linear: {name: p, out: d}}, {activation: {kind: gelu}}]"
    told(spec(f"{steps}\nvariants:\n  a: {{c: §VC204§0}}\n  e: {{c: 7}}", dims="{c: 6, d: §VC204§0}"))


def test_what_an_unreadable_input_gives_is_silent() -> None:
    for x in ("§VC107§b (n c", "§VC103§5", "§VC107§{§VC101§typ: b (n c}", "§VC017§*y"):
        told(spec("steps: [{norm: {name: p}}, {linear: {name: q, in: 5, out: d}}]", x=x))
    told(spec("steps: [{norm: {name: p}}, {linear: {name: q, out: §VC305§hedas}}]", x="§VC103§5"))


def test_what_a_step_with_a_mistake_reads_counts_as_read() -> None:
    inputs = "b n c\n  mask: {type: b n, optional: true}"
    told(spec("steps: [{norm: {name: p, eps: §VC103§[mask]}}]", x=inputs))
    told(spec("steps: [{norm: {name: p}}]", x=inputs.replace("mask", "§VC307§mask")))


def test_names_are_checked_where_types_are_not() -> None:
    steps = "[§VC202§to_map, {linear: {name: p, out: §VC305§e}}, {linear: {name: §VC301§p, out: §VC204§0}}]"
    told(spec(f"steps: {steps}"))
    told(spec("steps: [§VC202§to_map, {linear: {name: p, out: d, init: §VC305§{normal: e^-0.5}}}]"))


def test_orders_and_layouts_are_checked_beside_other_mistakes() -> None:
    told(
        spec(
            "steps: [{linear: {name: p, in: §VC201§5, out: d}}, {norm: {name: q}}]\n"
            "order: [q, §VC303§other]\n"
            "layouts:\n  original: {names: {p: a, §VC303§another: e}}"
        )
    )


def test_outputs_are_checked_behind_a_mistake_of_one_step() -> None:
    told(
        spec(
            "chains:\n  a: {steps: [{linear: {name: p, in: §VC201§5, out: d}}]}\n"
            "  e: {from: a, steps: [{linear: {name: p, in: §VC201§7, out: c}}]}\n"
            "outputs: {y: {from: e, type: §VC208§b n d}}"
        )
    )


def test_a_missing_version_hides_nothing() -> None:
    told(spec(f"steps: [{LINEAR}]").replace("spec_version: 1", "§VC102§spec_versoin: 1"))
    told(spec(f"steps: [{LINEAR}]").replace("spec_version: 1", "spec_version: §VC103§one"))
    told("§VC102§a: 1\nb: 2\n")


def test_building_tells_all_mistakes_too() -> None:
    text = spec(f"steps: [{{norm: {{name: p, eps: [1]}}}}, {LINEAR}]")
    with pytest.raises(SpecError) as info:
        certain(read_text(MARK.sub("", text)))
    assert [found.code for found in info.value.diagnostics] == ["VC103", "VC201"]


def test_a_list_that_starts_from_a_list_with_a_mistake() -> None:
    told(
        "spec_version: 1\nname: t\ndims: {c: 6, d: 10, deep: 3}\ninputs:\n  x: {each: deep, type: b n c}\n"
        "chains:\n  one: {each: true, steps: [{norm: {name: p, §VC101§foo: 1}}]}\n"
        "  two: {from: one, each: true, steps: [{linear: {name: q, out: d}}]}\n"
        "layouts:\n  original: {names: {two: three}}\n"
    )


def test_every_syntax_error_of_one_block_is_told() -> None:
    told(
        spec(
            "steps:\n  - norm: {name: p eps§VC015§: 1e-6}\n  - activation: §VC104§gleu\n"
            "  - linear: {name: q out§VC015§: d}\n  - linear: {name: r, out: §VC305§e}"
        )
    )


def test_an_entry_that_lost_its_indentation_is_one_mistake() -> None:
    told("spec_version: 1\nname: t\ndims: {c: 6}\ninputs:\n§VC101§x: b n c\nsteps: [{norm: {name: p}}]\n")


def test_a_dim_without_a_colon_is_one_mistake() -> None:
    told(spec("steps: [{norm: {name: p}}]", dims="{§VC103§c 6, d: 10}"))
