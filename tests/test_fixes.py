"""Fixes: what is certain, what is not, and that no spec gets worse."""

import re

import pytest

import vla_compose
from vla_compose.catalog import shipped
from vla_compose.diagnostics import Edit, Span
from vla_compose.fixes import ROUNDS, fix
from vla_compose.spec.words import nearest, slip

GOOD = """\
# the head
spec_version: 1
name: mine   # a name
dims: {vision: 8, text: 16, depth: 2}
inputs:
  x:   b (h w) vision
  size: {sizes: h w}

steps:
  - norm: {name: ln, kind: layer, eps: 1e-6}
  - linear: {name: "proj", out: 2 * text, bias: true}   # the projection
  - mlp:
      name: mlp
      hidden: same
      out: text
      activation: 'gelu_tanh'
variants:
  big: {text: 32}
"""


def changed(*changes):
    text = GOOD
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def test_the_good_spec_is_good():
    assert vla_compose.check(GOOD) == []
    assert fix(GOOD).text == GOOD
    assert fix(GOOD).applied == ()


SLIPS = [
    ("spec_version", "spec_verison"),
    ("spec_version", "specversion"),
    ("spec_version", "Spec-Version"),
    ("dims:", "dim:"),
    ("inputs:", "imputs:"),
    ("steps:", "stepss:"),
    ("variants:", "varaints:"),
    ("norm:", "nrom:"),
    ("linear:", "linaer:"),
    ("linear:", "Linear:"),
    ("bias:", "biass:"),
    ("out: 2", "ou: 2"),
    ("out: text\n", "otu: text\n"),
    ("hidden:", "hiden:"),
    ("kind: layer", "kind: layr"),
    ("'gelu_tanh'", "'gelu_than'"),
    ("'gelu_tanh'", "gelu_tan"),
    ("2 * text", "2 * txet"),
    ("out: text\n", "out: tetx\n"),
    ("big: {text", "big: {tex"),
    ("hidden: same", "hidden: smae"),
    ("bias: true", "bias: yes"),
    ("bias: true", "bias: True"),
    ("bias: true", "bias: on"),
    ("text: 16", "text: +16"),
    ("text: 16", "text: 1_6"),
    ("text: 16", "text: 0x10"),
]


@pytest.mark.parametrize(("old", "new"), SLIPS)
def test_a_slip_is_fixed_and_nothing_else_changes(old, new):
    fixed = fix(changed((old, new)))
    assert fixed.left == fixed.withheld == ()
    assert fixed.applied
    assert fixed.text.replace("gelu_tanh", "'gelu_tanh'").replace("''", "'") == GOOD


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_many_slips_in_many_rounds_keep_the_layout(mark, end):
    text = changed(*(SLIPS[at] for at in (0, 4, 7, 8, 21, 10, 11, 12, 13, 14, 15, 17, 24)))
    fixed = fix(mark + text.replace("\n", end))
    assert fixed.left == ()
    assert len(fixed.applied) == 13
    assert fixed.text == mark + GOOD.replace("\n", end)


def test_a_mistake_that_stays_blocks_no_fix():
    text = GOOD.replace("spec_version: 1", "spec_version: one").replace("bias: true", "bais: true")
    fixed = fix(text)
    assert [found.code for found in fixed.applied] == ["VC101"]
    assert [found.code for found in fixed.left] == ["VC103"]


def test_a_name_that_two_layouts_have_is_right():
    text = changed(('name: "proj"', "name: part.prjo"))
    text += "layouts:\n  one: {names: {part.proj: a}}\n  two: {names: {part.proj: b}}\n"
    assert [found.code for found in vla_compose.check(text)] == ["VC303", "VC303"]
    assert fix(text).applied == ()
    once = text.replace("  two: {names: {part.proj: b}}\n", "")
    assert [found.code for found in fix(once).applied] == ["VC303"]


NOT_CERTAIN = [
    ("bias: true", "bias: 1"),
    ("text: 16", "text: 016"),
    ("text: 16", "text: 12:30"),
    ("kind: layer", "kind: batch"),
    ("linear:", "conv:"),
    ("out: text\n", "out: text2\n"),
    ("out: text\n", "out: t\n"),
    ("hidden: same", "hidden: width"),
    ("name: mine ", "name: on "),
    ("out: text\n", "out: yes\n"),
    ("bias:", "has_bias_term:"),
    ("2 * text", "txt + tetx"),
    ("bias: true", "bias: true, biass: false"),
    ("steps:\n", "steps:\n\n  - activation:\n"),
]


@pytest.mark.parametrize(("old", "new"), NOT_CERTAIN)
def test_what_leaves_a_choice_or_would_do_harm_is_left_alone(old, new):
    text = changed((old, new))
    fixed = fix(text)
    assert fixed.text == text
    assert fixed.applied == ()
    assert fixed.left == tuple(vla_compose.check(text))
    assert fixed.left


def test_a_tie_is_no_choice():
    text = changed(("text: 16", "text: 16, texts: 4, textb: 4"), ("out: text\n", "out: textx\n"))
    assert fix(text).applied == ()
    text = changed(("depth: 2", "vis_a: 2, vis_b: 4"), ("out: text\n", "out: vis_c\n"))
    assert fix(text).text == text


def test_what_is_withheld_is_told():
    fixed = fix(changed(("name: mine ", "name: on ")))
    assert [found.code for found in fixed.withheld] == ["VC103"]
    assert [found.code for found in fixed.left] == ["VC022"]


def test_a_fix_that_lets_types_fail_is_withheld():
    text = changed(("hidden: same", "hidden: smae"), ("out: text\n", "out: text\n      in: 7\n"))
    before = [found.code for found in vla_compose.check(text)]
    fixed = fix(text)
    assert fixed.text == text or {found.code for found in fixed.left} <= set(before)


def test_hidden_mistakes_are_brought_to_light():
    text = changed(("spec_version", "spec_verison"), ("linear:", "linaer:"), ("out: 2 * text, ", ""))
    fixed = fix(text)
    assert "linear: {" in fixed.text
    assert [(found.code, found.span.line) for found in fixed.left if found.span] == [("VC102", 11)]


def test_it_ends():
    assert fix("a: " * 1000 + "\n" * 1000).applied == ()
    many = changed(("steps:\n", "steps:\n" + "  - linaer: {nam: a, otu: txet}\n" * 300))
    assert len(fix(many).applied) < 300 * ROUNDS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "\x00",
        "a: [",
        "- a",
        "yes",
        "yes: no\n",
        "spec_version: 2\na: +1\n",
        "a: yes\nb: 017\n",
        "\ud800",
        "*a",
        "a: !!x b",
    ],
)
def test_what_is_no_spec_stays(text):
    assert fix(text).text == text


def test_edits_are_data():
    (found,) = vla_compose.check(changed(("kind: layer", "kind: 'layr'")))
    assert found.edit == Edit(Span(10, 29, 33), "layer")
    (found,) = vla_compose.check(changed(("bias: true", "bias: yes")))
    assert found.edit == Edit(Span(11, 49, 52), "true")
    (found,) = vla_compose.check(changed(("2 * text", "2*text + txt")))
    assert found.edit == Edit(Span(11, 42, 45), "text")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("txt", "text"),
        ("tetx", "text"),
        ("textt", "text"),
        ("Text", "text"),
        ("hieght", "height"),
        ("hiehgt", "height"),
    ],
)
def test_a_slip(word, name):
    assert slip(word, name)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("text", "text"),
        ("t", "text"),
        ("taxi", "text"),
        ("ln_q1", "ln_q2"),
        ("text2", "text"),
        ("gelu", "relu6"),
        ("x", "y"),
    ],
)
def test_no_slip(word, name):
    assert not slip(word, name)


def test_the_nearest_of_two_equally_near_is_neither():
    assert nearest("layr", ["layer", "rms"]) == "layer"
    assert nearest("vis_c", ["vis_a", "vis_b"]) is None
    assert nearest("layr", ["layer", "layer"]) == "layer"


def slips():
    """Two letters swapped in every third field, primitive or literal of every shipped spec.

    Yields the text, the original, and the original with the wrong word everywhere.
    """
    for path in shipped().values():
        text = path.read_text()
        for found in list(re.finditer(r"\b[a-z_]{4,}(?=:)|(?<=activation: )\w+", text))[::3]:
            word = found[0]
            wrong = word[0] + word[2] + word[1] + word[3:]
            if wrong != word and "#" not in text[: found.start()].rsplit("\n", 1)[-1]:
                yield (
                    text[: found.start()] + wrong + text[found.end() :],
                    text,
                    re.sub(rf"\b{word}\b", wrong, text),
                )


def test_shipped_specs_with_a_slip_are_right_afterwards_or_as_they_were():
    cases = list(slips())
    restored = 0
    for broken, text, renamed in cases:
        fixed = fix(broken)
        # Where a name stands twice, its definition and its use, either may be the wrong one.
        assert fixed.text in ((text, renamed) if fixed.applied else (broken,))
        restored += fixed.text == text
    # The others are names of the author's own, which may be anything.
    assert restored > 0.7 * len(cases) > 70
