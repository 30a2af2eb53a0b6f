"""Fields, names and references of a spec, before types."""

from __future__ import annotations

import random
import re

import pytest

import vla_compose
from tests.primitives.kit import read, refused_text, text
from vla_compose.diagnostics import SpecError
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput, TensorInput
from vla_compose.spec.model import Choice, Combine
from vla_compose.spec.parse import load_spec, parse_spec
from vla_compose.spec.reader import read_text

HEAD = "spec_version: 1\nname: t\ndims: {c: 6, d: 10}\n"
ONE = "inputs:\n  x: b n c\n"
STEPS = "steps:\n  - linear: {name: p, out: d}\n"
CHAIN = "chains:\n  a:\n    from: x\n    steps: [{linear: {name: p, out: d}}]\n"


def codes(written: str) -> list[str]:
    return [found.code for found in vla_compose.check(written)]


@pytest.mark.parametrize(
    ("code", "version"),
    [
        ("VC103", "§'1'"),
        ("VC103", "§0"),
        ("VC103", "§-1"),
        ("VC103", "§1.0"),
        ("VC103", "§true"),
        ("VC103", "§null"),
        ("VC103", "§[1]"),
        ("VC108", "§2"),
    ],
)
def test_version(code: str, version: str) -> None:
    """Nothing else is said about a spec of another version."""
    refused_text(
        code, f"spec_version: {version}\nname: §".replace("name: §", "name: Bad Name") + "\nfoo: 1\n"
    )


def test_missing_version_and_its_spelling() -> None:
    found = vla_compose.check("name: t\n")
    assert [d.code for d in found] == ["VC102"]
    assert found[0].help == "add `spec_version: 1`"
    assert (
        vla_compose.check("spec_versoin: 1\nname: t\n")[0].help == "write `spec_version` for `spec_versoin`"
    )


@pytest.mark.parametrize("name", ["t", "a1", "qwen2.5-vl", "a-b-c", "a.b", "a" * 64])
def test_names_of_specs(name: str) -> None:
    assert codes(HEAD.replace("name: t", f"name: {name}") + ONE + STEPS) == []


@pytest.mark.parametrize("name", ["T", "1a", "a_b", "a--b", "-a", "a.", "'a b'", "a" * 65, "'é'", "''"])
def test_wrong_names_of_specs(name: str) -> None:
    assert codes(HEAD.replace("name: t", f"name: {name}") + ONE + STEPS) == ["VC104"]


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("VC101", "§licence: MIT"),
        ("VC103", "summary: §1"),
        ("VC104", "sources: {paper: §http://example.org}"),
        ("VC104", "sources: {paper: §'https://a b'}"),
        ("VC101", "sources: {§papers: https://example.org}"),
        ("VC103", "sources: §https://example.org"),
        ("VC103", "unused: §[a]"),
        ("VC109", "unused: {§a b: 1}"),
        ("VC302", "unused: {§a.forward: 1}"),
        ("VC206", "unused: {spare: §n}"),
        ("VC301", "unused: {p: §1}"),
        ("VC103", "order: §p"),
        ("VC303", "order: [p, §q]"),
        ("VC103", "variants: §[a]"),
        ("VC103", "variants: {a: §[c]}"),
        ("VC305", "variants: {a: {§e: 1}}"),
        ("VC106", "variants: {a: {c: §1 +}}"),
        ("VC103", "outputs: §tokens"),
        ("VC109", "outputs: {§a.b: b n d}"),
        ("VC103", "outputs: {y: §5}"),
        ("VC101", "outputs: {y: {§typ: b n d}}"),
        ("VC103", "chains: §a"),
        ("VC104", "name: §B"),
    ],
)
def test_fields(code: str, field: str) -> None:
    head = HEAD.replace("name: t\n", "") if field.startswith("name") else HEAD
    refused_text(code, f"{head}{ONE}{STEPS}{field}\n")


def test_inputs() -> None:
    spec = read(
        f"{HEAD}inputs:\n  x: b (h w) c\n  ys: {{type: b n c, each: 2}}\n  grid: {{grid: s t}}\n"
        f"  size: {{sizes: h w, default: [2, 3]}}\n  fine: {{flag: true}}\n"
        f"  mask: {{type: b n, optional: true}}\nfrom: x\n{STEPS}"
    )
    kinds = [type(value) for value in spec.inputs.values()]
    assert kinds == [TensorInput, TensorInput, GridInput, SizesInput, FlagInput, TensorInput]
    assert spec.inputs["size"].names == ["h", "w"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("VC103", "y: §5"),
        ("VC103", "y: §[b]"),
        ("VC103", "y: §null"),
        ("VC102", "§y: {}"),
        ("VC101", "y: {type: b n, §shape: b n}"),
        ("VC103", "y: {type: §5}"),
        ("VC103", "y: {type: b n, optional: §1}"),
        ("VC104", "y: {type: b n, each: 2, optional: §true}"),
        ("VC204", "y: {type: b n, each: §0}"),
        ("VC204", "y: {type: b n, each: §10001}"),
        ("VC305", "y: {type: b n, each: §n}"),
        ("VC107", "y: §b (n"),
        ("VC107", "y: §''"),
        ("VC107", "y: §b lambda"),
        ("VC107", "y: §b same"),
        ("VC107", "y: §b torch"),
        ("VC204", "y: §b n//(c-6)"),
        ("VC204", "y: §b n-n"),
        ("VC104", "y: {sizes: §''}"),
        ("VC103", "y: {sizes: §[h, w]}"),
        ("VC107", "y: {sizes: §h-w}"),
        ("VC107", "y: {sizes: §c}"),
        ("VC107", "y: {sizes: §import h}"),
        ("VC107", "y: {sizes: §é}"),
        ("VC301", "y: {sizes: §h h}"),
        ("VC104", "y: {sizes: h w, default: §[1]}"),
        ("VC104", "y: {sizes: h w, default: [1, §0]}"),
        ("VC103", "y: {sizes: h w, default: [1, §'2']}"),
        ("VC104", "y: {grid: §''}"),
        ("VC107", "y: {grid: §c h}"),
        ("VC101", "y: {grid: h w, §default: [1, 1]}"),
        ("VC103", "y: {flag: §0}"),
        ("VC109", "§y z: b n"),
        ("VC109", "§y.z: b n"),
        ("VC302", "§forward: b n"),
        ("VC302", "§self: b n"),
        ("VC302", "§if: b n"),
        ("VC302", "§list: b n"),
        ("VC302", "§gelu_new: b n"),
    ],
)
def test_wrong_inputs(code: str, line: str) -> None:
    refused_text(code, f"{HEAD}inputs:\n  x: b n c\n  {line}\nfrom: x\n{STEPS}")


def test_optional_inputs_come_last() -> None:
    for first in ("{type: b n, optional: true}", "{flag: true}", "{sizes: h w, default: [1, 1]}"):
        assert codes(f"{HEAD}inputs:\n  a: {first}\n  x: b n c\nfrom: x\n{STEPS}") == ["VC104"]
        assert codes(f"{HEAD}inputs:\n  x: b n c\n  a: {first}\nfrom: x\n{STEPS}") == ["VC307"]


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("VC103", "§[]"),
        ("VC103", "§linear"),
        ("VC103", "§null"),
        ("VC103", "§{linear: {name: p, out: d}}"),
        ("VC103", "[§5]"),
        ("VC103", "[§null]"),
        ("VC103", "[§[]]"),
        ("VC103", "[§{}]"),
        ("VC103", "[§{linear: {name: p, out: d}, norm: {name: q}}]"),
        ("VC105", "[§flattne]"),
        ("VC105", "[{§liner: {name: p, out: c}}]"),
        ("VC103", "[{linear: §5}]"),
        ("VC103", "[{linear: §[p]}]"),
        ("VC103", "[{to_map: §5}]"),
        ("VC104", "[{activation: §5}]"),
        ("VC103", "[{residual: §5}]"),
        ("VC103", "[{residual: §[]}]"),
        ("VC105", "[{residual: [{§liner: {name: p, out: c}}]}]"),
        ("VC105", "[{residual: {steps: [{§liner: {name: p, out: c}}]}}]"),
        ("VC105", "[{repeat: {name: l, count: 2, steps: [{residual: [{§liner: {name: p, out: c}}]}]}}]"),
        ("VC106", "[{linear: {name: p, out: d, when: §c}}]"),
        ("VC106", "[{linear: {name: p, out: d, when: §c = d}}]"),
        ("VC106", "[{linear: {name: p, out: d, when: §c == d == c}}]"),
        ("VC305", "[{linear: {name: p, out: d, when: §e == d}}]"),
        ("VC206", "[{linear: {name: p, out: d, when: §n == d}}]"),
        ("VC103", "[{linear: {name: p, out: §null}}]"),
        ("VC103", "[{linear: {name: p, out: §true}}]"),
        ("VC103", "[{linear: {name: p, out: §9007199254740993}}]"),
        ("VC104", "[{linear: {name: p, out: d, init: {normal: §-1}}}]"),
        ("VC104", "[{linear: {name: p, out: d, init: {normal: §c}}}]"),
        ("VC106", "[{linear: {name: p, out: d, init: {normal: §c ** 2 ^-0.5}}}]"),
        ("VC104", "[{linear: {name: p, out: d, init: {constant: §101}}}]"),
        ("VC103", "[{linear: {name: p, out: d, init: {constant: §'1'}}}]"),
        ("VC104", "[{linear: {name: p, out: d, init: {bias: §ones}}}]"),
    ],
)
def test_wrong_steps(code: str, steps: str) -> None:
    refused_text(code, f"{HEAD}{ONE}steps: {steps}\n")


def test_spellings_of_a_step() -> None:
    for step in ("flatten", "{flatten: {}}", "{flatten: null}", "{flatten: }"):
        assert codes(f"{HEAD}{ONE}steps: [{step}]\n") == []
    for step in ("{activation: gelu}", "{activation: {kind: gelu}}"):
        assert codes(f"{HEAD}{ONE}steps: [{step}]\n") == []
    for step in ("{residual: [{activation: gelu}]}", "{residual: {steps: [{activation: gelu}]}}"):
        assert codes(f"{HEAD}{ONE}steps: [{step}]\n") == []


@pytest.mark.parametrize(
    ("code", "chains"),
    [
        ("VC109", "{§a b: {from: x, steps: [flatten]}}"),
        ("VC302", "{§forward: {from: x, steps: [flatten]}}"),
        ("VC302", "{§sum: {from: x, steps: [flatten]}}"),
        ("VC301", "{§x: {from: x, steps: [flatten]}}"),
        ("VC103", "{a: §5}"),
        ("VC102", "{§a: {from: x}}"),
        ("VC103", "{a: {from: x, steps: §5}}"),
        ("VC303", "{a: {from: §y, steps: [flatten]}}"),
        ("VC303", "{a: {from: §'', steps: [flatten]}}"),
        ("VC304", "{a: {from: §a, steps: [flatten]}}"),
        ("VC103", "{a: {from: x, each: §1, steps: [flatten]}}"),
        ("VC104", "{a: {from: x, per_image: grid, inline: §true, steps: [flatten]}}"),
        ("VC303", "{a: {from: x, per_image: §x, steps: [flatten]}}"),
        ("VC103", "{a: {from: x, order: §p, steps: [flatten]}}"),
        ("VC109", "{a: {from: x, unused: {§p-q: 1}, steps: [flatten]}}"),
        ("VC303", "{§a.k: {from: x, steps: [flatten]}}"),
        ("VC303", "{§a.k: {from: x, steps: [flatten]}, a: {from: x, steps: [flatten]}}"),
        ("VC303", "{a: {from: x, inline: true, steps: [flatten]}, §a.k: {from: x, steps: [flatten]}}"),
        ("VC109", "{a: {from: x, steps: [flatten]}, §a.0: {from: x, steps: [flatten]}}"),
    ],
)
def test_wrong_chains(code: str, chains: str) -> None:
    refused_text(code, f"{HEAD}inputs:\n  x: b n c\n  grid: {{grid: s}}\nchains: {chains}\n")


def test_chains_that_cannot_stand_together() -> None:
    part = "{from: x, steps: [{linear: {name: p, out: d}}]}"
    inline = "{from: x, inline: true, steps: [{linear: {name: p, out: d}}]}"
    base = f"{HEAD}{ONE}"
    refused_text("VC301", f"{base}chains:\n  a: {part}\n  a.k: {part}\n  §a_k: {part}\n")
    refused_text("VC301", f"{base}chains:\n  a: {inline}\n  e: {inline.replace('name: p', 'name: §p')}\n")
    refused_text("VC301", f"{base}chains:\n  a: {inline}\n  §p: {part}\n")
    refused_text(
        "VC301",
        (
            f"{base}chains:\n  a: {inline.replace('name: p', 'name: e.p')}\n"
            f"  e: {part.replace('name: p', 'name: §p')}\n"
        ),
    )
    assert codes(f"{base}chains:\n  a: {part}\n  a.k: {part}\n  e: {inline}\n") == []


def test_origins() -> None:
    spec = read(
        f"{HEAD}inputs:\n  x: b n c\n  fine: {{flag: true}}\n"
        "chains:\n  a: {steps: [{norm: {name: p}}]}\n  e: {from: {add: [a, x]}, steps: [{norm: {name: p}}]}\n"
        "  f: {from: {concat: [a, e], axis: tokens}, steps: [{norm: {name: p}}]}\n"
        "from: {flag: fine, then: a, else: e}\nsteps: [{norm: {name: p}}]\n"
    )
    assert [chain.source for chain in spec.chains.values()] == [
        "x",
        Combine("add", ("a", "x")),
        Combine("tokens", ("a", "e")),
        Choice("fine", "a", "e"),
    ]
    assert [str(chain.source) for chain in spec.chains.values()] == [
        "x",
        "a + x",
        "a, e by tokens",
        "a if fine else e",
    ]


def test_load_raises_what_parse_finds() -> None:
    document = read_text(f"{HEAD}{ONE}steps: [liner]\n")
    faults = parse_spec(document)[1]
    assert [found.code for found in faults.found] == ["VC105", "VC102"]
    with pytest.raises(SpecError) as info:
        load_spec(document)
    assert list(info.value.diagnostics) == faults.found


VALUES = [
    "5",
    "null",
    "true",
    "[]",
    "{}",
    "''",
    "x",
    "'é'",
    "[[]]",
    "{a: 1}",
    "[5]",
    "1.5",
    "-1",
    "b n c",
    "{from: x}",
    "[linear]",
]
FULL = f"""{HEAD}summary: s
sources: {{paper: https://a.b, code: https://a.b}}
inputs:
  x: b n c
  y: b (h w) c
  size: {{sizes: h w, default: [1, 2]}}
  fine: {{flag: true}}
  mask: {{type: b n, optional: true}}
chains:
  k: {{from: y, steps: [to_map]}}
  a:
    from: x
    steps:
      - queries: {{name: q, count: 4}}
      - repeat:
          name: l
          count: 2
          steps: [{{residual: [{{attention: {{name: a, heads: 2, mask: mask}}}}]}}]
    order: [q]
    unused: {{spare: 3}}
from: {{flag: fine, then: a, else: x}}
steps:
  - linear: {{name: p, out: d, init: {{normal: 0.02}}, when: c != d}}
outputs: {{tokens: b fine_size d, map: k}}
variants: {{small: {{c: 4}}}}
layouts:
  original:
    prefix: m.
    names: {{p: q, a.l.0: b}}
    config: {{c: v.width, d: a // b}}
"""


def test_any_value_anywhere_is_accepted_or_refused_with_a_place() -> None:
    """Each value of a full spec in turn becomes something else; nothing but diagnostics comes out."""
    assert codes(FULL) == []

    source = random.Random(0)
    values = r"(?=: +([^\s{\[][^,}\]\n]*|\{[^}]*\}|\[[^\]]*\]))"
    places = [match.span(1) for match in re.finditer(values, FULL)]
    assert len(places) >= 30
    for start, end in places:
        for value in source.sample(VALUES, 6):
            for found in vla_compose.check(FULL[:start] + value + FULL[end:]):
                assert found.span is not None
                assert found.help


def test_text_helper_is_valid() -> None:
    assert codes(text("b n c", "- linear: {name: p, out: d}")) == []
