"""Inference over whole specs: chains, lists, choices, combinations, outputs, dims, variants."""

from __future__ import annotations

import pytest

import vla_compose
from tests.primitives.kit import contracts, graph, read, refused_text, text
from vla_compose.check.infer import infer
from vla_compose.diagnostics import SpecError

HEAD = "spec_version: 1\nname: t\ndims: {c: 6, d: 10, m: 2, k: 3}\n"
ONE = "inputs:\n  x: b n c\n"
LINEAR = "steps: [{linear: {name: p, out: d}}]"


def outputs(written: str) -> dict[str, str]:
    return {output.name: str(edge.type) for output, edge in vla_compose.compose(read(written)).outputs}


def errors(written: str) -> list[tuple[str, int]]:
    return [(found.code, found.span.line) for found in vla_compose.check(written) if found.span]


# --- chains ---------------------------------------------------------------------------------------------


def test_sources_come_before_their_readers() -> None:
    chains = (
        "chains:\n  a: {from: e, steps: [{norm: {name: p}}]}\n"
        "  e: {from: x, steps: [{linear: {name: p, out: d}}]}\n"
    )
    made = vla_compose.compose(read(f"{HEAD}{ONE}{chains}"))
    assert [checked.chain.name for checked in made.chains] == ["a", "e"]
    assert str(made.chain("a").before.type) == "b n d"
    assert [name for name, _ in made.entries()] == ["a.p.weight", "a.p.bias", "e.p.weight", "e.p.bias"]


def test_ends_of_chains_are_outputs_where_none_are_named() -> None:
    assert outputs(f"{HEAD}{ONE}chains:\n  a: {{{LINEAR}}}\n") == {"tokens": "b n d"}
    two = f"chains:\n  a: {{{LINEAR}}}\n  e: {{{LINEAR}}}\n"
    assert outputs(f"{HEAD}{ONE}{two}") == {"a": "b n d", "e": "b n d"}


def test_a_chain_of_a_list() -> None:
    base = (
        f"{HEAD}inputs:\n"
        f"  xs: {{each: k, type: b n c}}\n"
        f"chains:\n"
        f"  a:\n    from: xs\n"
        f"    each: true\n    {LINEAR}\n"
    )
    assert outputs(base) == {"tokens": "k x [b n d]"}
    made = vla_compose.compose(read(base))
    assert made.chain("a").copies == 3
    assert made.entries()[0] == ("a.0.p.weight", (10, 6))
    assert len(made.entries()) == 6
    assert made.parameters() == 3 * 70
    refused_text("VC205", base.replace("  a:", "  §a:").replace("    each: true\n", ""))
    refused_text(
        "VC205", base.replace("{each: k, type: b n c}", "b n c").replace("each: true", "each: §true")
    )


def test_lists_are_joined_by_channels() -> None:
    base = (
        f"{HEAD}inputs:\n  xs: {{each: k, type: b n c}}\n"
        f"from: {{concat: [xs]}}\n"
        f"steps: [{{linear: {{name: p, in: 18, out: d}}}}]\n"
    )
    assert vla_compose.check(base) == []
    refused_text("VC201", base.replace("{concat", "§{concat").replace("[xs]", "[xs], axis: tokens"))
    refused_text("VC201", base.replace("{concat: [xs]}", "§{add: [xs, xs]}"))
    refused_text("VC201", base.replace("{concat: [xs]}", "§{concat: [xs, xs]}"))


# --- several edges --------------------------------------------------------------------------------------


SIZE = "  size: {sizes: h w}\n"


def combined(how: str, x: str = "b n c", y: str = "b n c") -> str:
    return (
        f"{HEAD}inputs:\n  x: {x}\n"
        f"  y: {y}\n"
        f"{SIZE if '(h w)' in x + y or 'h w' in x + y else ''}"
        f"from: {how}\n"
        f"steps: [{{activation: relu}}]\n"
    )


@pytest.mark.parametrize(
    ("how", "x", "y", "type_"),
    [
        ("{add: [x, y]}", "b n c", "b n c", "b n c"),
        ("{add: [x, y]}", "b n c", "b n 2*k", "b n c"),
        ("{add: [x, y, x]}", "b (h w) c", "b (h w) c", "b (h w) c"),
        ("{concat: [x, y]}", "b n c", "b n d", "b n c+d"),
        ("{concat: [x, y], axis: tokens}", "b n c", "b m c", "b n+m c"),
        ("{concat: [x, y], axis: tokens}", "n c", "m c", "n+m c"),
        ("{concat: [x, y], axis: tokens}", "b 1+n c", "b (h w) c", "b 1+n+(h w) c"),
        ("{concat: [x, y]}", "b c h w", "b d h w", "b c+d h w"),
    ],
)
def test_combinations(how: str, x: str, y: str, type_: str) -> None:
    assert outputs(combined(how, x, y)) == {"tokens": type_}


@pytest.mark.parametrize(
    ("code", "how", "x", "y"),
    [
        ("VC201", "{add: [x, y]}", "b n c", "b n d"),
        ("VC201", "{add: [x, y]}", "b n c", "b s c"),
        ("VC201", "{add: [x, y]}", "b n c", "n c"),
        ("VC202", "{add: [x, y]}", "b (h w) c", "b h*w c"),
        ("VC202", "{add: [x, y]}", "b (h w) c", "b (w h) c"),
        ("VC201", "{add: [x, y]}", "b n c", "b c h w"),
        ("VC201", "{concat: [x, y]}", "b n c", "b s c"),
        ("VC202", "{concat: [x, y]}", "b (h w) c", "b (w h) c"),
        ("VC201", "{concat: [x, y], axis: tokens}", "b n c", "b n d"),
        ("VC201", "{concat: [x, y], axis: tokens}", "b c h w", "b c h w"),
        ("VC201", "{concat: [x, y], axis: tokens}", "c", "c"),
    ],
)
def test_combinations_that_do_not_fit(code: str, how: str, x: str, y: str) -> None:
    refused_text(code, combined(f"§{how}", x, y))


def test_forms_of_from() -> None:
    """One mistake in one form gives one error, about that form."""
    for code, how in [
        ("VC104", "§{concat: [x], add: [x, y]}"),
        ("VC104", "{concat: §[]}"),
        ("VC104", "{add: §[x]}"),
        ("VC104", "{concat: [x, y], axis: §rows}"),
        ("VC103", "{concat: §x}"),
        ("VC103", "§[x, y]"),
        ("VC103", "§3"),
        ("VC303", "§z"),
        ("VC303", "§{concat: [x, z]}"),
        ("VC303", "§size"),
        ("VC101", "{concat: [x], §dim: 1}"),
    ]:
        refused_text(code, combined(how))


# --- choices --------------------------------------------------------------------------------------------


def choice(then: str, otherwise: str, more: str = "", form: str = "{flag: fine, then: a, else: e}") -> str:
    return (
        f"{HEAD}inputs:\n  x: b (s s) c\n  fine: {{flag: false}}\n{more}chains:\n"
        f"  a: {{from: x, steps: [{then}]}}\n"
        f"  e: {{from: x, steps: [{otherwise}]}}\n"
        f"from: {form}\n"
        f"steps: [{{activation: relu}}]\n"
    )


MERGE = "{{spatial_merge: {{size: {}}}}}, {{linear: {{name: p, out: d}}}}"


def test_sizes_that_differ_get_a_name() -> None:
    made = vla_compose.compose(read(choice(MERGE.format(2), MERGE.format(3))))
    assert str(made.outputs[0][1].type) == "b (fine_size fine_size) d"
    assert made.notes == ("fine_size is s//2 if fine, else s//3",)
    assert vla_compose.compose(read(choice(MERGE.format(2), MERGE.format(2)))).notes == ()


def test_the_name_is_free_and_means_one_thing() -> None:
    """The same two sizes chosen by the same flag are one size; other sizes are another."""
    chains = "".join(
        f"  {name}: {{from: x, steps: [{MERGE.format(size)}]}}\n"
        for name, size in (("a", 2), ("e", 3), ("f", 4))
    )
    joins = "".join(
        (
            f"  {name}: {{from: {{flag: fine, then: {one}, else: {other}}}, "
            f"steps: [{{linear: {{name: p, out: d}}}}]}}\n"
        )
        for name, one, other in (("j", "a", "e"), ("l", "e", "f"), ("o", "a", "e"))
    )
    base = (
        f"{HEAD}inputs:\n  x: b (s s) c\n  y: fine_size c\n  fine: {{flag: false}}\nchains:\n{chains}{joins}"
        "  u: {from: y, steps: [{activation: relu}]}\n"
    )
    assert vla_compose.check(base + "from: {add: [j, o]}\nsteps: [{activation: relu}]\n") == []
    made = vla_compose.compose(read(base + "from: {add: [j, o]}\nsteps: [{activation: relu}]\n"))
    assert made.notes == (
        "fine_size_2 is s//2 if fine, else s//3",
        "fine_size_3 is s//3 if fine, else s//4",
    )
    refused_text("VC201", base + "from: §{add: [j, l]}\nsteps: [{activation: relu}]\n")


@pytest.mark.parametrize(
    ("then", "otherwise"),
    [
        ("{linear: {name: p, out: d}}", "{linear: {name: p, out: c}}"),
        ("{flatten: {}}", "{activation: relu}"),
        ("{tokens: {start: s}}", "{activation: relu}"),
        ("{to_map: {}}", "{activation: relu}"),
    ],
)
def test_choices_that_do_not_fit(then: str, otherwise: str) -> None:
    refused_text("VC202", choice(then, otherwise, form="§{flag: fine, then: a, else: e}"))


def test_forms_of_a_choice() -> None:
    relu = "{activation: relu}"
    for code, form in [
        ("VC102", "{flag: fine, then: a}"),
        ("VC303", "{flag: §x, then: a, else: e}"),
        ("VC303", "{flag: §other, then: a, else: e}"),
        ("VC303", "§{flag: fine, then: a, else: z}"),
        ("VC103", "{flag: fine, then: §1, else: e}"),
        ("VC101", "{flag: fine, then: a, else: e, §not: e}"),
    ]:
        mark = form if "§" in form else f"§{form}"
        written = choice(relu, relu, form=mark)
        if code == "VC102":
            written = written.replace("§", "").replace("from: {flag", "§from: {flag")
        refused_text(code, written)


# --- packed rows ----------------------------------------------------------------------------------------


def test_one_chain_for_each_image() -> None:
    base = (
        f"{HEAD}inputs:\n"
        f"  x: packed(h w) c\n"
        f"  grid: {{grid: h w}}\n"
        f"chains:\n  a:\n    from: x\n"
        f"    per_image: grid\n"
        "    steps: [{spatial_merge: {size: m}}]\n"
    )
    assert outputs(base) == {"tokens": "packed(h//m w//m) (m m c)"}
    refused_text("VC303", base.replace("per_image: grid", "per_image: §grids"))
    refused_text("VC303", base.replace("per_image: grid", "per_image: §x"))
    refused_text(
        "VC202", base.replace("x: packed(h w) c", "x: (h w) c").replace("per_image: grid", "per_image: §grid")
    )
    refused_text(
        "VC202", base.replace("packed(h w)", "packed(h n)").replace("per_image: grid", "per_image: §grid")
    )
    with_batch = base.replace(
        "{spatial_merge: {size: m}}", "{to_map: {}}, {to_tokens: {}}, {tokens: {start: s}}"
    )
    refused_text("VC205", with_batch.replace("per_image: grid", "per_image: §grid"))


# --- outputs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", ["b n d", "b n 10", "b n 2 * 5".replace(" * ", "*"), "b (n) d", "b n c+4"])
def test_outputs_that_are_right(stated: str) -> None:
    assert vla_compose.check(f"{HEAD}{ONE}{LINEAR}\noutputs: {{tokens: {stated}}}\n") == []


@pytest.mark.parametrize("stated", ["b n c", "b n", "n d", "b n+1 d", "b d n", "b m d", "b (n 2) d"])
def test_outputs_that_are_wrong(stated: str) -> None:
    message = refused_text("VC208", f"{HEAD}{ONE}{LINEAR}\noutputs: {{tokens: §{stated}}}\n")
    assert "`b n d`" in message
    found = vla_compose.check(f"{HEAD}{ONE}{LINEAR}\noutputs: {{tokens: {stated}}}\n")[0]
    assert found.found == "b n d"
    assert found.help == "write `b n d`"


def test_output_references() -> None:
    chains = f"chains:\n  a: {{{LINEAR}}}\n"
    assert outputs(f"{HEAD}{ONE}{chains}outputs: {{y: a, z: {{from: a, type: b n d}}}}\n") == {
        "y": "b n d",
        "z": "b n d",
    }
    refused_text("VC303", f"{HEAD}{ONE}{chains}outputs: {{y: §{{from: z}}}}\n")
    refused_text("VC303", f"{HEAD}{ONE}{chains}outputs: {{y: §b n d}}\n")
    refused_text("VC208", f"{HEAD}{ONE}{chains}outputs: {{z: {{from: a, type: §b n c}}}}\n")


# --- dims -----------------------------------------------------------------------------------------------


def test_derived_dims_follow_overrides() -> None:
    written = (
        "spec_version: 1\nname: t\n"
        "dims: {e: d * 2, d: c + 1, c: 6}\n"
        "inputs:\n  x: b n c\n"
        "steps: [{linear: {name: p, out: e}}]\n"
    )
    spec = read(written)
    assert dict(vla_compose.compose(spec).values) == {"c": 6, "d": 7, "e": 14}
    assert dict(vla_compose.compose(spec, c=3).values) == {"c": 3, "d": 4, "e": 8}
    assert dict(vla_compose.compose(spec, e=5).values) == {"c": 6, "d": 7, "e": 5}
    assert dict(vla_compose.compose(spec, d=1).values) == {"c": 6, "d": 1, "e": 2}
    with pytest.raises(SpecError, match="VC204"):
        vla_compose.compose(spec, c=2**31)
    with pytest.raises(vla_compose.BuildError):
        vla_compose.compose(spec, f=1)


def test_dims_that_have_no_value() -> None:
    for code, dims in [
        ("VC304", "{c: 6, d: §e, e: d + 1}"),
        ("VC304", "{c: 6, d: §d + 1}"),
        ("VC305", "{c: 6, d: §f}"),
        ("VC204", "{c: 6, d: §c // (c - 6)}"),
        ("VC204", "{c: 6, d: §5 - c}"),
        ("VC204", "{c: 6, d: §0}"),
        ("VC204", "{c: 6, d: §2147483649}"),
        ("VC103", "{c: 6, d: §1.5}"),
        ("VC103", "{c: 6, d: §true}"),
        ("VC103", "{c: 6, d: §[1]}"),
        ("VC302", "{c: 6, §class: 1}"),
        ("VC109", "{c: 6, §a.b: 1}"),
    ]:
        refused_text(
            code, f"spec_version: 1\nname: t\ndims: {dims}\n{ONE}steps: [{{linear: {{name: p, out: c}}}}]\n"
        )


def test_variants_are_checked() -> None:
    written = text("b (side side) c", "- spatial_merge: {size: m}") + "variants:\n  odd: {side: 5}\n"
    found = vla_compose.check(written)
    assert [d.code for d in found] == ["VC203"]
    assert found[0].message.startswith("in variant `odd`: ")
    assert vla_compose.check(written.replace("5", "6")) == []
    spec = read(written)
    assert dict(vla_compose.compose(spec).values)["side"] == 4
    with pytest.raises(SpecError):
        vla_compose.compose(spec, variant="odd")
    assert vla_compose.compose(spec, variant="odd", side=8).values["side"] == 8


def test_infer_takes_overrides() -> None:
    assert infer(read(text("b n c", "- linear: {name: p, out: d}")), {"d": 3}).entries()[0] == (
        "p.weight",
        (3, 6),
    )


# --- contracts and sizes --------------------------------------------------------------------------------


def test_contracts_are_listed_once() -> None:
    steps = "- spatial_merge: {size: m}\n- linear: {name: p, out: c}\n- spatial_merge: {size: m}"
    assert contracts("b (s s) c", steps) == [
        "s is a multiple of 2 (spatial_merge)",
        "s//2 is a multiple of 2 (spatial_merge)",
    ]


@pytest.mark.parametrize(
    ("x", "inputs", "good"),
    [
        ("b (s s) c", "", True),
        ("b (h w) c", "", False),
        ("b (h w) c", "size: {sizes: h w}", True),
        ("b (h w) c", "y: {optional: true, type: b h}\nz: {optional: true, type: b w}", False),
        ("b (2*h 2*h) c", "", True),
        ("b (h 4) c", "", False),
    ],
)
def test_sizes_that_are_known_at_run_time(x: str, inputs: str, good: bool) -> None:
    codes = [found.code for found in vla_compose.check(text(x, "- spatial_merge: {size: m}", inputs))]
    assert codes == ([] if good else ["VC207" if x != "b (h 4) c" else "VC202"])


def test_a_tensor_is_not_read_for_its_shape_alone() -> None:
    (found,) = vla_compose.check(text("b (h w) c", "- spatial_merge: {size: m}", "size: h w"))
    assert (found.code, found.help) == ("VC307", "write `size: {sizes: h w}`, or leave it out")


# --- one mistake, one error; several, all of them -------------------------------------------------------


def test_a_wrong_chain_is_not_blamed_on_its_readers() -> None:
    chains = (
        "chains:\n  a: {from: x, steps: [{to_tokens: {}}]}\n  e: {from: a, steps: [{to_map: {}}]}\n"
        "  f: {from: {add: [a, e]}, steps: [{to_map: {}}]}\n"
        "from: f\nsteps: [{to_map: {}}]\n"
        "outputs: {tokens: b n c}\n"
    )
    assert errors(f"{HEAD}{ONE}{chains}") == [("VC205", 7)]


def test_a_wrong_input_is_not_blamed_on_its_readers() -> None:
    for wrong in ("b (n c", "b n cc", "b n//0 c", "b 0*n c"):
        assert len(errors(f"{HEAD}inputs:\n  x: {wrong}\n{LINEAR}\n")) == 1
    assert errors(f"{HEAD}inputs:\n  x: {{typ: b n c}}\n{LINEAR}\n") == [("VC101", 5)]
    assert errors(f"{HEAD}inputs:\n  x: 5\n{LINEAR}\n") == [("VC103", 5)]


def test_independent_mistakes_are_all_reported_in_file_order() -> None:
    written = (
        f"{HEAD}inputs:\n  x: b n c\n  y: b n cc\nchains:\n"
        "  e: {from: x, steps: [{linear: {name: p, out: zz}}]}\n"
        "  f: {from: x, steps: [{to_tokens: {}}]}\n"
        "  g: {from: y, steps: [{to_tokens: {}}]}\n"
        "  h: {from: x, steps: [{linear: {name: p, out: n}}]}\n"
        f"  i: {{from: x, {LINEAR}}}\n"
        "outputs:\n  one: {from: i, type: b n c}\n  two: e\n  three: {from: i, type: b d n}\n"
    )
    assert errors(written) == [
        ("VC305", 6),
        ("VC305", 8),
        ("VC205", 9),
        ("VC206", 11),
        ("VC208", 14),
        ("VC208", 16),
    ]


def test_an_asserted_width_does_not_end_the_chain() -> None:
    steps = "- linear: {name: p, in: 7, out: d}\n- linear: {name: r, in: 8, out: d}\n- to_tokens"
    assert [code for code, _ in errors(text("b n c", steps))] == ["VC201", "VC201", "VC205"]


def test_independent_mistakes_of_one_chain_are_all_reported() -> None:
    steps = (
        "- linear: {name: p, in: 7, out: d}\n- attention: {name: a, heads: 7, keys: self}\n"
        "- mlp: {names: [e, f], hidden: zz, out: same, activation: gelu}\n- linear: {name: q, out: yy}"
    )
    assert [code for code, _ in errors(text("b n c", steps))] == ["VC201", "VC203", "VC305", "VC305"]


def test_labels_point_at_what_set_the_width() -> None:
    found = vla_compose.check(
        text("b n c", "- linear: {name: p, out: d}\n- norm: {name: ln}\n- linear: {name: r, in: c, out: c}")
    )
    assert [label.span.line for label in found[0].labels] == [7]
    found = vla_compose.check(text("b n c", "- linear: {name: r, in: d, out: c}"))
    assert [label.span.line for label in found[0].labels] == [5]


def test_graph_reads_like_the_spec() -> None:
    made = graph("b n c", "- linear: {name: p, out: d}\n- activation: gelu")
    assert [node.step.kind for node in made.chains[0].nodes] == ["linear", "activation"]
    assert str(made.chains[0].nodes[0].flops) == "120*b*n"
    assert made.parameters() == 70
