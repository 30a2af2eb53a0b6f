"""Dims from the shapes, names and configuration of a checkpoint."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

import vla_compose
from tests.primitives.kit import read
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.diagnostics import BuildError, SpecError
from vla_compose.spec.model import Spec
from vla_compose.types.dim import Dim, product
from vla_compose.types.expression import parse_expression
from vla_compose.weights.dims import dims_of, solved_dims
from vla_compose.weights.equations import Equation, Solved, solve
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.naming import PLAIN, mapping

SPECS = vla_compose.list_specs()
OPEN: dict[str, set[str]] = {
    "ernie4-5-vl-moe": {"vision", "merge"},
    "granite-docling": {"side"},
    "idefics2": {"heads", "kv_heads", "head_dim"},
    "idefics3": {"vision", "merge"},
    "internvl": {"vision", "merge"},
    "llava-next": {"side", "tile"},
    "qwen-vl": {"heads"},
    "qwen-vl-full": {"heads"},
}
"""What the shapes of a spec do not determine; all other dims they do."""
ROUNDS = 60


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return dict(graph.entries())


def valid(spec: Spec, chance: random.Random) -> Graph:
    """The graph for random dims that the spec accepts."""
    for _ in range(2000):
        dims = {name: chance.choice((1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 25, 40, 64)) for name in spec.dims}
        try:
            return infer(spec, dims)
        except SpecError:
            continue
    raise AssertionError("no dims found")


@pytest.mark.parametrize("name", SPECS)
def test_random_dims_come_back(name: str) -> None:
    spec, chance = vla_compose.load(name), random.Random(name)
    seen = set()
    for _ in range(ROUNDS):
        graph = valid(spec, chance)
        given = {dim: graph.values[dim] for dim in OPEN.get(name, set())}
        found = solved_dims(spec, PLAIN, shapes(graph), given=given)
        assert {dim: solved.value for dim, solved in found.items()} == graph.values
        stated = {dim for dim, solved in found.items() if solved.origin == "the given dims"}
        assert stated <= given.keys()
        assert bool(stated) is bool(given)
        seen.add(tuple(graph.values.values()))
    assert len(seen) > ROUNDS // 3


@pytest.mark.parametrize("name", SPECS)
def test_what_shapes_leave_open_is_as_the_spec_says(name: str) -> None:
    spec = vla_compose.load(name)
    found = solved_dims(spec, PLAIN, shapes(infer(spec)))
    assert {dim for dim, solved in found.items() if solved.origin == "the spec"} == OPEN.get(name, set())
    assert {dim: solved.value for dim, solved in found.items()} == infer(spec).values


@pytest.mark.parametrize("name", SPECS)
def test_released_sizes_in_every_layout(name: str) -> None:
    spec = vla_compose.load(name)
    for variant in spec.variants:
        graph = vla_compose.compose(spec, variant=variant)
        for layout in (*spec.layouts.values(), PLAIN):
            theirs = mapping(graph, layout)
            stored = {theirs[ours]: shape for ours, shape in graph.entries()} | {"lm_head.weight": (7, 5)}
            assert dims_of(spec, layout, stored, None, variant) == graph.values
            assert dims_of(spec, layout, stored, config(layout.config, graph), variant) == graph.values
            if layout.config:
                assert dims_of(spec, layout, stored, config(layout.config, graph)) == graph.values


def config(settings: Mapping[str, str], graph: Graph) -> dict[str, Any]:
    """A `config.json` that tells what these settings ask for."""
    found: dict[str, Any] = {}
    for dim, setting in settings.items():
        path, _, divisor = setting.partition(" // ")
        put(found, path, graph.values[dim] * (14 if divisor else 1))
        if divisor:
            put(found, divisor, 14)
    return found


def put(config: dict[str, Any], path: str, value: int) -> None:
    *levels, last = path.split(".")
    for level in levels:
        config = config.setdefault(level, {})
    config.setdefault(last, value)


# --- one source against another -----------------------------------------------------------------------------

QWEN = vla_compose.load("qwen2-vl")
LAYOUT = QWEN.layouts["transformers-4"]


def qwen(**changes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes of the 2b release, some changed."""
    graph = vla_compose.compose(QWEN, variant="2b")
    theirs = mapping(graph, LAYOUT)
    found = {theirs[ours]: shape for ours, shape in graph.entries()}
    return found | {f"visual.merger.{name.replace('_dot_', '.')}": shape for name, shape in changes.items()}


def wrong(*arguments: Any, **options: Any) -> str:
    with pytest.raises(CheckpointError) as error:
        dims_of(QWEN, LAYOUT, *arguments, **options)
    return str(error.value)


def test_where_dims_come_from() -> None:
    found = solved_dims(QWEN, LAYOUT, qwen(), {"vision_config": {"hidden_size": 1536}}, "2b", {"merge": 2})
    assert found == {
        "vision": Solved(1280, "the shape of `visual.merger.ln_q.weight`"),
        "text": Solved(1536, "the shape of `visual.merger.mlp.2.weight`"),
        "merge": Solved(2, "the shape of `visual.merger.mlp.0.weight`"),
    }


def test_shape_against_variant() -> None:
    assert wrong(qwen(), None, "7b") == (
        "dim `text` is 1536 by the shape of `visual.merger.mlp.2.weight`, but 3584 by variant `7b`; "
        "write `variant='2b'` (`--variant 2b`)"
    )


def test_shape_against_a_given_dim() -> None:
    assert wrong(qwen(), None, None, {"text": 100}) == (
        "dim `text` is 1536 by the shape of `visual.merger.mlp.2.weight`, but 100 by the given dims; "
        "leave out `text`"
    )


def test_a_given_dim_replaces_that_of_the_variant() -> None:
    assert dims_of(QWEN, LAYOUT, qwen(), None, "7b", {"text": 1536})["text"] == 1536


def test_shape_against_config() -> None:
    assert wrong(qwen(), {"vision_config": {"embed_dim": 1152}}) == (
        "dim `vision` is 1280 by the shape of `visual.merger.ln_q.weight`, but 1152 by "
        "`vision_config.embed_dim` in config.json; name another spec, if `qwen2-vl` is not what this model "
        "has, or another checkpoint, if weights and config.json are of two models"
    )


def test_shapes_that_contradict_each_other() -> None:
    assert wrong(qwen(mlp_dot_2_dot_bias=(1537,))) == (
        "the shape of `visual.merger.mlp.2.bias` says that text is 1537, but `text` is 1536 by the shape of "
        "`visual.merger.mlp.2.weight`; name another spec or checkpoint"
    )


def test_shapes_without_a_solution() -> None:
    message = wrong(qwen(mlp_dot_0_dot_weight=(5000, 5000)))
    assert message.startswith(
        "the shape of `visual.merger.mlp.0.weight` says that merge*merge*vision is 5000, but `vision` is 1280"
    )
    assert "which no size can be" in wrong(qwen(ln_q_dot_weight=(0,)))
    assert "which no size can be" in wrong(qwen(ln_q_dot_weight=(2**40,)))


def test_tensors_that_are_missing_or_of_other_rank_tell_nothing() -> None:
    """They are reported when all headers are compared, with everything else that is wrong."""
    only = {"visual.merger.ln_q.weight": (64,), "visual.merger.mlp.2.bias": (5, 5)}
    found = solved_dims(QWEN, LAYOUT, only)
    assert found["vision"].value == 64
    assert [found[name].origin for name in ("text", "merge")] == ["the spec", "the spec"]


@pytest.mark.parametrize("value", ["1280", True, 0, -4, 1.5, 2**40, [1280, 1281], [], {"a": 1}])
def test_a_setting_that_is_no_size(value: object) -> None:
    message = wrong(qwen(), {"vision_config": {"embed_dim": value}})
    assert message.startswith("`vision_config.embed_dim` in config.json is `")
    assert message.endswith("`, but must be a positive integer; correct config.json")


@pytest.mark.parametrize("told", [{}, {"vision_config": None}, {"vision_config": 3}, {"vision_config": {}}])
def test_a_setting_that_is_not_there(told: dict[str, Any]) -> None:
    assert dims_of(QWEN, LAYOUT, qwen(), told) == vla_compose.compose(QWEN, variant="2b").values


def test_unknown_variants_and_dims() -> None:
    with pytest.raises(BuildError, match="`qwen2-vl` has no variant `3b`"):
        dims_of(QWEN, LAYOUT, qwen(), None, "3b")
    with pytest.raises(BuildError, match="`qwen2-vl` has no dim `txt`; did you mean `text`"):
        dims_of(QWEN, LAYOUT, qwen(), None, None, {"txt": 3})


# --- what a checkpoint leaves open --------------------------------------------------------------------------

INTERNVL = vla_compose.load("internvl")


def internvl(variant: str) -> dict[str, tuple[int, ...]]:
    graph = vla_compose.compose(INTERNVL, variant=variant)
    theirs = mapping(graph, INTERNVL.layouts["original"])
    return {theirs[ours]: shape for ours, shape in graph.entries()}


def test_a_product_that_the_spec_does_not_explain() -> None:
    layout = INTERNVL.layouts["original"]
    with pytest.raises(CheckpointError) as error:
        dims_of(INTERNVL, layout, internvl("3-38b"))
    assert str(error.value) == (
        "merge*merge*vision is 12800 by the shape of `mlp1.0.weight`, which does not tell `merge` and "
        "`vision` apart; the spec has merge = 2, vision = 1024; write `variant='3-38b'` (`--variant 3-38b`)"
    )
    assert dims_of(INTERNVL, layout, internvl("3-38b"), None, "3-38b")["vision"] == 3200
    told = {"vision_config": {"hidden_size": 3200}}
    found = solved_dims(INTERNVL, layout, internvl("3-38b"), told)
    assert found["vision"].origin == "`vision_config.hidden_size` in config.json"
    assert found["merge"] == Solved(2, "the shape of `mlp1.0.weight`")
    with pytest.raises(
        CheckpointError, match=r"; give `merge=N` \(`--dim merge=N`\) with the size that it has$"
    ):
        dims_of(INTERNVL, layout, {"mlp1.0.weight": (12801,)})


def test_sides_of_a_square_count_as_one() -> None:
    spec = vla_compose.load("granite-docling")
    layout = spec.layouts["transformers-5"]
    told = {"vision_config": {"image_size": [512, 512], "patch_size": [32, 32]}}
    assert solved_dims(spec, layout, {}, told)["side"] == Solved(
        16, "`vision_config.image_size // vision_config.patch_size` in config.json"
    )


# --- lists --------------------------------------------------------------------------------------------------

NESTED = read("""\
spec_version: 1
name: t
dims: {c: 8, outer: 2, inner: 3, wide: 2 * c}
inputs: {x: b n c}
steps:
  - repeat:
      name: groups
      count: outer
      steps:
        - norm: {name: first}
        - repeat: {name: layers, count: inner, steps: [linear: {name: p, out: same}]}
layouts: {original: {prefix: m., names: {groups: g}}}
""")


def test_lists_in_lists() -> None:
    graph = infer(NESTED, {"outer": 12, "inner": 11, "c": 5})
    layout = NESTED.layouts["original"]
    theirs = mapping(graph, layout)
    found = solved_dims(NESTED, layout, {theirs[ours]: shape for ours, shape in graph.entries()})
    assert {name: solved.value for name, solved in found.items()} == graph.values
    assert found["outer"].origin == "the number of `m.g.*`"
    assert found["inner"].origin == "the number of `m.g.0.layers.*`"
    assert found["wide"] == Solved(10, "the spec")


def test_a_list_with_a_gap() -> None:
    stored = shapes(infer(NESTED, {"outer": 4}))
    for name in [name for name in stored if name.startswith("groups.1.")]:
        del stored[name]
    with pytest.raises(
        CheckpointError,
        match=r"has `groups\.3`, but not `groups\.1`; name a whole checkpoint",
    ):
        dims_of(NESTED, PLAIN, stored)


def test_a_tensor_that_is_missing_in_a_list() -> None:
    """It is reported with all others when headers are compared: the list is as long as its longest entry."""
    stored = shapes(infer(NESTED, {"outer": 4}))
    for name in ("groups.3.first.weight", "groups.0.first.bias"):
        del stored[name]
    assert dims_of(NESTED, PLAIN, stored)["outer"] == 4


@pytest.mark.parametrize(
    "name", ["groups.\u0663.first.weight", "groups.1234567.first.weight", "groups..first.weight"]
)
def test_names_that_count_nothing(name: str) -> None:
    stored = shapes(infer(NESTED))
    assert dims_of(NESTED, PLAIN, stored | {name: (8,)}) == infer(NESTED).values


def test_a_list_of_a_stated_length() -> None:
    spec = read(
        "spec_version: 1\nname: t\ndims: {c: 8}\ninputs: {x: {each: 3, type: b n c}}\n"
        "chains: {e: {from: x, each: true, steps: [norm: {name: ln}]}}\noutputs: {y: e}\n"
    )
    stored = {f"e.{at}.ln.{end}": (8,) for at in range(4) for end in ("weight", "bias")}
    with pytest.raises(CheckpointError, match=r"the number of `e\.\*` says that 3 is 4; name another spec"):
        dims_of(spec, PLAIN, stored)


# --- conditions ---------------------------------------------------------------------------------------------

CONDITION = """\
spec_version: 1
name: t
dims: {{c: {c}, d: {d}}}
inputs: {{x: b n c}}
steps:
  - linear: {{name: kv, out: d, bias: false, when: c {sign} d}}
  - norm: {{name: ln}}
"""


@pytest.mark.parametrize("defaults", [(8, 12), (8, 8)])
@pytest.mark.parametrize("there", [(6, 10), (10, 10)])
def test_a_step_that_is_there_or_not(defaults: tuple[int, int], there: tuple[int, int]) -> None:
    spec = read(CONDITION.format(c=defaults[0], d=defaults[1], sign="!="))
    graph = infer(spec, {"c": there[0], "d": there[1]})
    assert ("kv.weight" in shapes(graph)) is (there[0] != there[1])
    assert dims_of(spec, PLAIN, shapes(graph)) == graph.values


def test_a_step_between_equal_widths() -> None:
    spec = read(CONDITION.format(c=8, d=12, sign="=="))
    assert dims_of(spec, PLAIN, {"kv.weight": (10, 10), "ln.weight": (10,), "ln.bias": (10,)}) == {
        "c": 10,
        "d": 10,
    }
    with pytest.raises(CheckpointError, match=r"`c == d`, which the checkpoint holds, says that c-d is 0"):
        dims_of(spec, PLAIN, {"kv.weight": (10, 11), "ln.weight": (10,), "ln.bias": (10,)})


# --- equations ----------------------------------------------------------------------------------------------


def solved(*equations: tuple[str, int]) -> dict[str, int]:
    known: dict[str, Solved] = {}
    solve([Equation(parse_expression(size), value, size) for size, value in equations], known)
    return {name: found.value for name, found in known.items()}


@pytest.mark.parametrize(
    ("equations", "expected"),
    [
        ([("a", 3)], {"a": 3}),
        ([("a * b", 12), ("b", 4)], {"a": 3, "b": 4}),
        ([("a * b * b", 75), ("a", 3)], {"a": 3, "b": 5}),
        ([("a * a * a", 10**9)], {"a": 1000}),
        ([("2 * a * a + a + 1", 301 + 5)], None),
        ([("2 * a * a + a + 1", 2 * 81 + 9 + 1)], {"a": 9}),
        ([("a - b", 0), ("b", 7)], {"a": 7, "b": 7}),
        ([("a - b", 0), ("a", 7)], {"a": 7, "b": 7}),
        ([("a * b", 12)], {}),
        ([("a * b", 12), ("a * b * c", 36)], {"c": 3}),
        ([("a * b", 12), ("a * b * c", 37)], None),
        ([("a * b", 12), ("a * b * c", 36), ("c * d", 15), ("d * b", 10)], {"c": 3, "d": 5, "b": 2, "a": 6}),
        ([("a // 2", 3)], {}),
        ([("a // 2", 3), ("a", 7)], {"a": 7}),
        ([("a // 2", 3), ("a", 8)], None),
        ([("a", 2**31)], {"a": 2**31}),
        ([("a", 2**31 + 1)], None),
        ([("a * a", 2**61)], None),
        ([("a - 5", -5)], None),
        ([("a * a - a", 6)], {}),
        ([("a", 3), ("a", 4)], None),
        ([], {}),
    ],
)
def test_equations(equations: list[tuple[str, int]], expected: dict[str, int] | None) -> None:
    if expected is None:
        with pytest.raises(CheckpointError):
            solved(*equations)
    else:
        assert solved(*equations) == expected


def test_random_products_are_solved_or_left() -> None:
    """What is found is what the numbers were made of."""
    chance = random.Random(0)
    counts = 0
    for _ in range(300):
        values: dict[str, int | Dim] = {name: chance.randint(1, 9) for name in "abcd"}
        equations = []
        for _ in range(4):
            factors = [Dim.of(name) for name in chance.choices("abcd", k=chance.randint(1, 3))]
            size = product([Dim.of(chance.randint(1, 4)), *factors])
            equations.append(Equation(size, size.substitute(values).constant or 0, "x"))
        known: dict[str, Solved] = {}
        left = solve(equations, known)
        assert all(values[name] == found.value for name, found in known.items())
        assert all(equation.size.substitute(values) == equation.value for equation in left)
        counts += len(known)
    assert counts > 300
