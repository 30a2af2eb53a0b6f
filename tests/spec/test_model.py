"""The parsed spec as data, and the fields that primitives share."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import vla_compose
from tests.primitives.kit import read, text
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.fields import Condition, Std, check_condition, check_name, check_size, check_std
from vla_compose.spec.model import ROOT, names
from vla_compose.types.dim import Dim


def test_parts_of_a_spec() -> None:
    spec = read(
        text("b n c", "- linear: {name: p, out: d}")
        + "summary: >\n  two\n  lines\nvariants: {s: {c: 2 * 2}}\n"
    )
    assert repr(spec) == "Spec('t', chains=['steps'])"
    assert spec.summary == "two lines"
    assert spec.variants["s"]["c"] == Dim.of(4)
    assert spec.text == spec.document.text
    assert str(spec.pattern("b c h w")) == "b c h w"
    assert spec.pattern("b c h w").is_map
    assert names(spec.chains[ROOT].source) == ("x",)
    assert spec.chains[ROOT].inline
    step = spec.chains[ROOT].steps[0]
    assert (step.kind, step.path) == ("linear", ("steps", 0, "linear"))


def test_specs_and_steps_do_not_change() -> None:
    spec = read(text("b n c", "- linear: {name: p, out: d}"))
    with pytest.raises(AttributeError):
        spec.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        spec.chains[ROOT].steps[0].body.name = "other"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["a", "A1", "_a", "a.b", "a.0", "a.0.b", "a" * 63, "a_b.c_d", "proj.12"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1",
        "0.a",
        "a.",
        ".a",
        "a..b",
        "a b",
        "a-b",
        "a\n",
        "é",
        "a" * 64,
        "a.00000",
        "a.1b",
        "a\u0660",
        5,
        None,
        ["a"],
    ],
)
def test_what_is_no_name(name: object) -> None:
    with pytest.raises(ValueError, match="name"):
        check_name(name)


def test_a_name_that_is_too_long_hears_so() -> None:
    assert check_name("a" * 63)
    with pytest.raises(ValueError, match="at most 63 characters"):
        check_name("a" * 64)


@pytest.mark.parametrize(
    "name",
    ["class", "a.if", "None", "__init__", "a.__x", "forward", "a.training", "_modules", "train", "self"],
)
def test_reserved_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"keyword|taken"):
        check_name(name)


def test_sizes() -> None:
    assert check_size(4) == 4
    assert check_size("2 * a") == Dim.of("a") * 2
    wrongs: tuple[object, ...] = (True, 1.5, None, [], 2**53 + 1, "a +", "")
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"."):
            check_size(wrong)


def test_conditions() -> None:
    assert check_condition("a != 2 * b") == Condition(Dim.of("a"), Dim.of("b") * 2, False)
    assert str(check_condition("a==b")) == "a == b"
    assert str(check_condition("a != b")) == "a != b"
    for wrong in ("a", "a < b", "a = b", "", 1, True, "a == ", "== b", "a == b == c", "a != b != c"):
        with pytest.raises(ValueError, match=r"."):
            check_condition(wrong)


def test_standard_deviations() -> None:
    assert check_std(0.02) == Std(0.02)
    assert str(check_std(1)) == "1.0"
    assert str(check_std("2 * text ^-0.5")) == "2*text^-0.5"
    for wrong in (0, -1, 101, True, "0.02", "text", "text^0.5", "^-0.5", None):
        with pytest.raises(ValueError, match=r"."):
            check_std(wrong)


def test_graphs_know_their_parts() -> None:
    graph = vla_compose.compose("qwen3-vl")
    assert graph.chain("merger").copies == 1
    assert graph.chain("deepstack_merger_list").copies == 3
    assert graph.parameters() == sum(
        value.numel() for value in vla_compose.build("qwen3-vl", device="meta").parameters()
    )


@pytest.mark.parametrize("kind", REGISTRY)
def test_primitives_are_closed(kind: str) -> None:
    assert REGISTRY[kind].model_config["extra"] == "forbid"
    assert REGISTRY[kind].model_config["frozen"]
    assert set(REGISTRY[kind].nested) <= set(REGISTRY[kind].model_fields)
