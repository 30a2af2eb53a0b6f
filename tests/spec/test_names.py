"""A name that may not be used: the help names one that may."""

from __future__ import annotations

import re

import pytest

from tests.spec.test_parse import HEAD, ONE, STEPS
from vla_compose.diagnostics import Diagnostic
from vla_compose.primitives.fields import LONGEST_PART
from vla_compose.spec.names import LONGEST_NAME, other_name, other_spec_name
from vla_compose.spec.parse import parse_spec
from vla_compose.spec.reader import read_text


def found(text: str) -> list[Diagnostic]:
    return parse_spec(read_text(text))[1].found


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("My Adapter", "my-adapter"),
        ("my_adapter", "my-adapter"),
        ("Qwen2.5 VL", "qwen2.5-vl"),
        ("2b", "b"),
        ("-a--b-", "a-b"),
        ("a..b", "a.b"),
        ("a .b", "a-b"),
        ("NO", "no-adapter"),
        ("ä1", None),
        ("", None),
        ("2", None),
        ("a" * (LONGEST_NAME + 1), None),
    ],
)
def test_names_of_specs(name: str, other: str | None) -> None:
    wanted = f"name it `{other}`" if other else "use lower-case letters and digits, such as `my-adapter`"
    assert other_spec_name(name) == wanted
    (fault,) = found(HEAD.replace("name: t", f"name: '{name}'") + ONE + STEPS)
    assert (fault.code, fault.help) == ("VC104", wanted)
    (layout,) = found(f"{HEAD}{ONE}{STEPS}layouts:\n  '{name}': {{}}\n")
    assert (layout.code, layout.help) == ("VC109", wanted)
    if other:
        assert found(HEAD.replace("name: t", f"name: {other}") + ONE + STEPS) == []


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ln q", "ln_q"),
        ("my-proj", "my_proj"),
        ("mlp.0-a", "mlp._0_a"),
        ("0", "_0"),
        ("forward", "forward_"),
        ("mlp.class", "mlp.class_"),
        ("__init__", "init"),
        ("on!", "on_"),
        (".a", None),
        ("", None),
        ("é", None),
        ("a" * (LONGEST_PART + 1), None),
    ],
)
def test_names_of_members(name: str, other: str | None) -> None:
    wanted = f"name it `{other}`" if other else "use letters, digits and `_`, with dots between parts"
    assert other_name(name) == wanted
    steps = "steps: [{linear: {name: 'NAME', out: d}}]\n"
    (fault,) = found(HEAD + ONE + steps.replace("NAME", name))
    assert fault.help == wanted
    if other:
        assert found(HEAD + ONE + steps.replace("NAME", other)) == []


@pytest.mark.parametrize("name", ["a.b", "y z", "if", "list", "_shape"])
def test_names_of_inputs(name: str) -> None:
    text = "inputs:\n  x: b n c\n  NAME: b n c\nfrom: {add: [x, NAME]}\n" + STEPS
    fault = next(one for one in found(HEAD + text.replace("NAME", name)) if one.code in ("VC109", "VC302"))
    other = re.fullmatch(r"name it `(\w+)`", fault.help or "")
    assert other is not None
    assert found(HEAD + text.replace("NAME", other[1])) == []


@pytest.mark.parametrize("dim", ["same", "device", "a-b", "class"])
def test_names_of_dims(dim: str) -> None:
    (fault,) = found(HEAD.replace("{c: 6", f"{{'{dim}': 3, c: 6") + ONE + STEPS)
    other = re.fullmatch(r"name it `(\w+)`", fault.help or "")
    assert other is not None
    assert found(HEAD.replace("{c: 6", f"{{{other[1]}: 3, c: 6") + ONE + STEPS) == []


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("inputs:\n  x: b n c\n  n: b n c\n  y: b n c\nfrom: {add: [x, n, y]}\n" + STEPS, 6, "n"),
        ("inputs: {x: b n c}\nchains:\n  b: {from: x, steps: [{linear: {name: p, out: d}}]}\n", 6, "b"),
    ],
)
def test_the_name_of_a_size_is_refused_where_it_is_given_again(text: str, line: int, name: str) -> None:
    (fault,) = found(HEAD + text)
    assert (fault.code, fault.span and fault.span.line) == ("VC301", line)
    assert fault.help == f"name it `{name}_`"
