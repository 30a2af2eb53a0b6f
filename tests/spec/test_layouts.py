"""The `layouts` of a spec: fields, names, and their place in the schema."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import vla_compose
from tests.primitives.kit import read, refused_text
from vla_compose.check.infer import infer
from vla_compose.spec.layouts import Layout, LayoutFields
from vla_compose.spec.reader import read_text
from vla_compose.spec.schema import json_schema

BASE = """\
spec_version: 1
name: t
dims: {c: 6, d: 10, depth: 2}
inputs: {x: b n c, y: {each: 2, type: b n c}}
chains:
  e:
    from: y
    each: true
    steps: [norm: {name: ln}]
from: x
steps:
  - linear: {name: mlp.0, out: d}
  - linear: {name: kv, out: d, when: c == d}
  - repeat: {name: layers, count: depth, steps: [norm: {name: ln, when: c != d}]}
outputs: {tokens: b n d, others: e}
"""
FULL = BASE + (
    "layouts:\n"
    "  transformers-5: {prefix: model.x., names: {mlp.0: fc1, layers: h.blocks, e: others}, "
    "config: {c: vision.width, d: image // patch.size}}\n"
    "  original: {}\n"
)
VALIDATOR = Draft202012Validator(json_schema())


def with_layout(fields: str) -> str:
    return f"{BASE}layouts: {{a: {{{fields}}}}}\n"


def test_layouts_as_data() -> None:
    spec = read(FULL)
    assert list(spec.layouts) == ["transformers-5", "original"]
    assert spec.layouts["original"] == Layout("original", "", {}, {})
    layout = spec.layouts["transformers-5"]
    assert layout.config == {"c": "vision.width", "d": "image // patch.size"}
    assert layout.there("mlp.0.weight") == "model.x.fc1.weight"
    assert layout.there("layers.1.ln.bias") == "model.x.h.blocks.1.ln.bias"
    assert layout.there("mlp.01") == "model.x.mlp.01"
    assert read(BASE).layouts == {}
    with pytest.raises(AttributeError):
        layout.prefix = ""  # type: ignore[misc]
    with pytest.raises(ValidationError):
        LayoutFields().prefix = "a."  # type: ignore[misc]


def test_layouts_do_not_change_the_module() -> None:
    assert vla_compose.eject(read(FULL)) == vla_compose.eject(read(BASE))


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("VC101", "§prefx: a."),
        ("VC103", "prefix: §5"),
        ("VC103", "prefix: §null"),
        ("VC103", "names: §[a]"),
        ("VC103", "names: {mlp.0: §0}"),
        ("VC103", "config: §c"),
        ("VC103", "config: {c: §[a]}"),
        ("VC109", "prefix: §a"),
        ("VC109", "prefix: §.a."),
        ("VC109", "prefix: §a..b."),
        ("VC109", "prefix: §a/b."),
        ("VC109", "prefix: §'a b.'"),
        ("VC109", "prefix: §é."),
        ("VC109", "prefix: §" + 300 * "a" + "."),
        ("VC109", "names: {mlp.0: §a.}"),
        ("VC109", "names: {mlp.0: §''}"),
        ("VC109", "names: {mlp.0: §a b}"),
        ("VC109", "names: {§a b: a}"),
        ("VC109", "names: {§layers.*.ln: a}"),
        ("VC109", "names: {§'0': a}"),
        ("VC301", "names: {mlp.0: a, layers: §a}"),
        ("VC301", "§names: {layers.0: layers.1}"),
        ("VC301", "§names: {mlp.0.weight: mlp.0.bias}"),
        ("VC303", "names: {§mlp.1: a}"),
        ("VC303", "names: {§mlp.0.w: a}"),
        ("VC303", "names: {§layers.2: a}"),
        ("VC305", "config: {§e: a}"),
        ("VC104", "config: {c: §a..b}"),
        ("VC104", "config: {c: §a / b}"),
        ("VC104", "config: {c: §a // b // c}"),
        ("VC104", "config: {c: §a//b}"),
        ("VC104", "config: {c: §''}"),
    ],
)
def test_wrong_fields(code: str, fields: str) -> None:
    refused_text(code, with_layout(fields))


@pytest.mark.parametrize(
    ("code", "layouts"),
    [
        ("VC103", "§[a]"),
        ("VC103", "{a: §b}"),
        ("VC103", "{a: §null}"),
        ("VC109", "{§A: {}}"),
        ("VC109", "{§a_b: {}}"),
        ("VC109", "{§a-: {}}"),
        ("VC109", "{§" + 65 * "a" + ": {}}"),
    ],
)
def test_wrong_layouts(code: str, layouts: str) -> None:
    refused_text(code, f"{BASE}layouts: {layouts}\n")


def test_more_layouts_than_anyone_needs() -> None:
    listed = ", ".join(f"a{at}: {{prefix: a{at}.}}" for at in range(9))
    (found,) = vla_compose.check(f"{BASE}layouts: {{{listed}}}\n")
    assert (found.code, found.span and found.span.line) == ("VC104", 16)


def test_every_mistake_is_reported() -> None:
    found = vla_compose.check(
        f"{BASE}layouts:\n  a: {{prefix: a, names: {{mlp.0: '.'}}, config: {{f: a}}}}\n  B: {{}}\n"
    )
    assert [(d.code, d.span and d.span.line) for d in found] == [
        ("VC109", 17),
        ("VC109", 17),
        ("VC305", 17),
        ("VC109", 18),
    ]


@pytest.mark.parametrize(
    "bad", ["\\e[31mred", "a\\nb", "[bold]x[/]", "\u202eevil", "<script>", "%s{0}", 300 * "a"]
)
@pytest.mark.parametrize(
    "layouts",
    [
        '{"@": {}}',
        '{a: {"@": a}}',
        '{a: {prefix: "@"}}',
        '{a: {names: {"@": b}}}',
        '{a: {names: {mlp.0: "@"}}}',
        '{a: {config: {"@": b}}}',
        '{a: {config: {c: "@"}}}',
    ],
)
def test_messages_are_plain(layouts: str, bad: str) -> None:
    try:
        found = vla_compose.check(f"{BASE}layouts: {layouts.replace('@', bad)}\n")
    except vla_compose.SpecError as error:
        found = list(error.diagnostics)
    for one in found:
        text = f"{one.message} {one.help}"
        assert text.isascii()
        assert text.isprintable()
        assert len(text) < 1000
    assert found


def test_fixes() -> None:
    def first(fields: str) -> tuple[str, str]:
        found = vla_compose.check(with_layout(fields))[0]
        assert found.help
        return found.help, found.edit.replacement if found.edit else ""

    assert first("prefix: model.visual") == ("write `model.visual.`", "model.visual.")
    assert first("prefix: .") == ("write a prefix such as `model.visual.`", "")
    assert first("names: {layer: a}") == ("write `layers`", "layers")
    assert first("config: {dpeth: a}") == ("write `depth`", "depth")
    assert first("names: {q: a}")[0] == "use names of: e, kv, layers, mlp"


def test_steps_that_other_dims_bring_in_have_names() -> None:
    """A layout may rename what a condition leaves out here."""
    spec = read(with_layout("names: {kv: key, layers.0.ln: first}"))
    assert spec.layouts["a"].there("kv.weight") == "key.weight"
    assert "kv.weight" in dict(infer(spec, {"c": 10}).entries())
    assert vla_compose.check(with_layout("names: {layers.0.ln: first}")) == []


@pytest.mark.parametrize("text", [FULL, with_layout(""), with_layout("prefix: ''")])
def test_the_schema_accepts(text: str) -> None:
    assert vla_compose.check(text) == []
    assert [error.message for error in VALIDATOR.iter_errors(read_text(text).value)] == []


@pytest.mark.parametrize(
    "layouts",
    [
        "[a]",
        "{A: {}}",
        "{a: {prefix: a}}",
        "{a: {prefix: 5}}",
        "{a: {prefx: a.}}",
        "{a: {names: {b: 5}}}",
        "{a: {names: {b: a.}}}",
        "{a: {config: {b: 'a b'}}}",
    ],
)
def test_the_schema_refuses(layouts: str) -> None:
    text = f"{BASE}layouts: {layouts}\n"
    assert vla_compose.check(text)
    assert not VALIDATOR.is_valid(read_text(text).value)
