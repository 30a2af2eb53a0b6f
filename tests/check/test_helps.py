"""Mistakes that people make when they start: one error each, whose help works when it is typed."""

from __future__ import annotations

import pytest

from vla_compose import check

HEAD = "spec_version: 1\nname: t\ndims: {c: 4, d: 6, m: 2}\n"
STEPS = "steps: [{linear: {name: p, out: d}}]\n"
X = "inputs: {x: b n c}\n"
TWO = "inputs: {x: b n c, y: b n c}\n"

MISTAKES: dict[str, tuple[str, str, str, tuple[str, str]]] = {
    "an inequality": (
        X + "steps: [{linear: {name: p, out: d, when: c > 1}}]\n",
        "VC106",
        "write a condition such as `vision != text`",
        ("c > 1", "c != d"),
    ),
    "two conditions": (
        X + "steps: [{linear: {name: p, out: d, when: c == 1 and d == 2}}]\n",
        "VC106",
        "write a condition such as `vision != text`",
        ("c == 1 and d == 2", "c != d"),
    ),
    "a list at the top": (
        "inputs: {x: {type: b n c, each: 3}}\n" + STEPS,
        "VC205",
        "join the list: `from: {concat: [x]}`",
        ("steps", "from: {concat: [x]}\nsteps"),
    ),
    "a list of a chain at the top": (
        "inputs: {x: {type: b n c, each: 3}}\n"
        "chains: {a: {from: x, each: true, " + STEPS.strip() + "}}\nfrom: a\n" + STEPS,
        "VC205",
        "join the list: `from: {concat: [a]}`",
        ("from: a", "from: {concat: [a]}"),
    ),
    "a sum": (
        TWO + "from: {sum: [x, y]}\n" + STEPS,
        "VC103",
        "write `{concat: [x, y]}` or `{add: [x, y]}`",
        ("sum", "add"),
    ),
    "torch's name": (
        TWO + "from: {cat: [x, y]}\n" + STEPS,
        "VC103",
        "write `{concat: [x, y]}` or `{add: [x, y]}`",
        ("cat", "concat"),
    ),
    "a bare list": (
        TWO + "from: [x, y]\n" + STEPS,
        "VC103",
        "write `{concat: [x, y]}` or `{add: [x, y]}`",
        ("[x, y]", "{add: [x, y]}"),
    ),
    "nothing that is known": (
        TWO + "from: {}\n" + STEPS,
        "VC103",
        "write a name, `{concat: [a, b]}`, `{add: [a, b]}` or `{flag: f, then: a, else: b}`",
        ("{}", "{add: [x, y]}"),
    ),
    "one name is text": (
        TWO + "from: {add: [x, y], concat: x}\n" + STEPS,
        "VC103",
        "write `concat: [x]`",
        ("add: [x, y], concat: x", "concat: [x, y]"),
    ),
    "sizes of each image": (
        "inputs: {x: b (h w) c, size: {grid: h w}}\nsteps: [to_map]\n",
        "VC207",
        "write `size: {sizes: h w}`",
        ("grid: h w", "sizes: h w"),
    ),
    "one of two sizes": (
        "inputs: {x: b (h w) c, size: {sizes: h, default: [16]}}\nsteps: [to_map]\n",
        "VC207",
        "write `size: {sizes: h w}`",
        ("sizes: h, default: [16]", "sizes: h w"),
    ),
    "no size, and the name is taken": (
        "inputs: {x: b (h w) c, size: b n c}\n"
        "chains: {a: {from: x, steps: [to_map, to_tokens]}, e: {from: size, " + STEPS.strip() + "}}\n",
        "VC207",
        "add the input `size_: {sizes: h w}`",
        ("size: b n c", "size: b n c, size_: {sizes: h w}"),
    ),
    "the only input is optional": (
        "inputs: {x: {type: b n c, optional: true}}\n" + STEPS,
        "VC102",
        "leave out `optional` of `x`",
        (", optional: true", ""),
    ),
    "an unknown length": (
        "inputs: {x: {type: b n c, each: k}}\nfrom: {concat: [x]}\n" + STEPS,
        "VC305",
        "add `k` to `dims`",
        ("{c: 4", "{k: 3, c: 4"),
    ),
    "an empty list": (
        "inputs: {x: {type: b n c, each: 0}}\nfrom: {concat: [x]}\n" + STEPS,
        "VC204",
        "give `each` a number between 1 and 10000",
        ("each: 0", "each: 1"),
    ),
    "a token before the grid": (
        "inputs: {x: b 1+(h h) c}\nsteps: [{spatial_merge: {size: m}}]\n",
        "VC202",
        "put `- drop: {first: 1}` before it",
        ("[{", "[{drop: {first: 1}}, {"),
    ),
    "tokens around the grid": (
        "inputs: {x: b m+(h h)+1 c}\nsteps: [to_map]\n",
        "VC202",
        "put `- drop: {first: 2, last: 1}` before it",
        ("[", "[{drop: {first: 2, last: 1}}, "),
    ),
    "several images": (
        "inputs: {x: packed(h w) c, grid: {grid: h w}}\nsteps: [to_map, to_tokens]\n",
        "VC202",
        "put the steps into a chain with `per_image`",
        (
            "steps: [to_map, to_tokens]",
            "chains: {a: {from: x, per_image: grid, steps: [to_map, to_tokens, flatten]}}",
        ),
    ),
    "a chain's field at the top": (
        "inputs: {x: packed(h w) c, g: {grid: h w}}\nper_image: g\nsteps: [to_map, to_tokens, flatten]\n",
        "VC101",
        "move it into a chain, with the steps: `chains: {main: {steps: …}}`",
        (
            "per_image: g\nsteps: [to_map, to_tokens, flatten]",
            "chains: {main: {per_image: g, steps: [to_map, to_tokens, flatten]}}",
        ),
    ),
    "a norm's type": (
        X + "steps: [{norm: {name: l, type: rms}}]\n",
        "VC101",
        "write `kind`",
        ("type", "kind"),
    ),
    "torch's dim": (
        TWO + "from: {concat: [x, y], dim: tokens}\n" + STEPS,
        "VC101",
        "write `axis`",
        ("dim:", "axis:"),
    ),
    "a name of torch": (
        X + "steps: [{linear: {name: p, out_features: d}}]\n",
        "VC101",
        "write `out`",
        ("out_features", "out"),
    ),
    "a type of numbers": (
        "inputs: {x: {type: b n c, dtype: float32}}\n" + STEPS,
        "VC101",
        "leave it out; known here: each, optional, type",
        (", dtype: float32", ""),
    ),
    "no power": (
        X + "steps: [{linear: {name: p, out: d, init: {normal: c**-0.5}}}]\n",
        "VC104",
        "write `c^-0.5`",
        ("**", "^"),
    ),
    "one name in a list": (X + "from: [x]\n" + STEPS, "VC103", "write `from: x`", ("[x]", "x")),
    "a fraction": (
        X + "steps: [{linear: {name: p, out: c / 2}}]\n",
        "VC106",
        "write `c // 2`",
        ("/", "//"),
    ),
    "a whole fraction": (
        X + "steps: [{linear: {name: p, out: 8.0}}]\n",
        "VC103",
        "write `8`",
        ("8.0", "8"),
    ),
    "a side each": (
        "inputs: {x: b (h w) c, s: {sizes: h w}}\n"
        "steps: [to_map, {conv2d: {name: k, out: d, kernel: [2, 2], stride: 2}}]\n",
        "VC103",
        "write `2`",
        ("[2, 2]", "2"),
    ),
    "a number in quotes": (
        X + "steps: [{norm: {name: l, kind: layer, eps: '1e-6'}}]\n",
        "VC103",
        "write `eps: 1e-6`",
        ("'1e-6'", "1e-6"),
    ),
    "names without brackets": (
        X + "steps: [{mlp: {names: fc1 fc2, hidden: 4, out: 4, activation: gelu}}]\n",
        "VC103",
        "write `names: [fc1, fc2]`",
        ("fc1 fc2", "[fc1, fc2]"),
    ),
    "spaces in a size": (
        "inputs: {x: b 1 + n c}\n" + STEPS,
        "VC107",
        "write each size without spaces, such as `h//merge` or `1+n`",
        ("1 + n", "1+n"),
    ),
    "a space after packed": (
        "inputs: {x: packed (h w) c}\n" + STEPS,
        "VC107",
        "write `packed(` without a space",
        ("packed (", "packed("),
    ),
    "an image that stays a map": (
        "inputs: {x: packed(h w) c, g: {grid: h w}}\nchains: {a: {from: x, per_image: g, steps: [to_map]}}\n",
        "VC205",
        "end the chain with `- to_tokens` and `- flatten`",
        ("[to_map]", "[to_map, to_tokens, flatten]"),
    ),
    "a token that does not stand apart": (
        X + "steps: [{drop: {first: 1}}]\n",
        "VC202",
        "write `1+n` in the type of the input",
        ("b n c", "b 1+n c"),
    ),
    "a name twice in order": (
        X + "order: [p, q, p]\nsteps: [{linear: {name: q, out: d}}, {linear: {name: p, out: d}}]\n",
        "VC301",
        "leave out this `p`",
        ("[p, q, p]", "[p, q]"),
    ),
    "a slip of a chain": (
        TWO
        + "chains: {from_x: {from: x, "
        + STEPS.strip()
        + "}}\nfrom: y\n"
        + STEPS
        + "outputs: {tokens: b n d, o: from_xx}\n",
        "VC303",
        "write `from_x`",
        ("from_xx", "from_x"),
    ),
    "columns of a grid": (
        "inputs: {x: packed(t h w) c}\nsteps: [{temporal_merge: {size: 2}}, {linear: {name: p, out: d}}]\n",
        "VC207",
        "add the input `grid: {grid: t h w}`",
        (" c}", " c, grid: {grid: t h w}}"),
    ),
    "a step without its dash": (
        X + "steps:\n  - linear: {name: q, out: c}\n  linear: {name: p, out: d}\n",
        "VC015",
        "put `- ` before it",
        ("  linear: {name: p", "  - linear: {name: p"),
    ),
    "a bare step without its dash": (
        "inputs: {x: b (h w) c, s: {sizes: h w}}\n"
        "steps:\n  - linear: {name: q, out: c}\n  to_map\n  - conv2d: {name: k, out: d, kernel: 2}\n",
        "VC015",
        "put `- ` before it",
        ("to_map", "- to_map"),
    ),
    "a step without the space behind its dash": (
        X + "steps:\n  - linear: {name: q, out: c}\n  -activation: gelu\n  - linear: {name: p, out: d}\n",
        "VC015",
        "put a space after the `-`",
        ("-activation", "- activation"),
    ),
    "a step without the space behind its colon": (
        X + "steps:\n  - linear:{name: p, out: d}\n",
        "VC015",
        "put a space after it",
        ("linear:{", "linear: {"),
    ),
    "fields without braces": (
        X + "steps:\n  - linear: name: p, out: d\n",
        "VC015",
        "put braces around what follows `linear:`",
        ("name: p, out: d", "{name: p, out: d}"),
    ),
    "steps below a word": (
        X + "steps:\n  - residual\n    - linear: {name: p, out: c}\n",
        "VC015",
        "put `:` after `residual`",
        ("residual", "residual:"),
    ),
    "a bracket that is not closed": (
        X + "steps:\n  - linear: {name: q, out: c\n  - linear: {name: p, out: d}\n",
        "VC015",
        "close it with `}`",
        ("out: c", "out: c}"),
    ),
    "a size of an input's name": (
        "inputs: {x: b (h w) c, h: {sizes: h w}}\nsteps: [to_map]\n",
        "VC301",
        "name it `h_`",
        ("h: {", "h_: {"),
    ),
    "a form of from beside an axis": (
        TWO + "from: {sum: [x, y], axis: channels}\n" + STEPS,
        "VC103",
        "write `{concat: [x, y]}` or `{add: [x, y]}`",
        ("{sum: [x, y], axis: channels}", "{add: [x, y]}"),
    ),
    "a line without a colon below a list that is not indented": (
        X + "chains:\n  a:\n    from: x\n    steps:\n    - linear: {name: p, out: d}\n    order [p]\n",
        "VC015",
        "put `: ` after the key",
        ("order", "order:"),
    ),
    "a mask that nothing reads": (
        "inputs: {x: b n c, mask: b n}\n" + STEPS,
        "VC307",
        "leave out `mask`, or name it where it is read",
        (", mask: b n", ""),
    ),
    "no queries": (
        X + "steps: [{attention: {name: a, heads: m}}]\n",
        "VC205",
        "put `- queries: {name: query, count: 64}` before it",
        ("[{", "[{queries: {name: query, count: 64}}, {"),
    ),
    "none at all": (
        X + "steps: [{queries: {name: q, count: 0}}, {attention: {name: a, heads: m}}]\n",
        "VC204",
        "give `count` at least 1",
        ("count: 0", "count: 1"),
    ),
    "a dim that is not there": (
        X + STEPS.replace("d}", "big}"),
        "VC305",
        "add `big` to `dims`",
        ("{c: 4", "{big: 3, c: 4"),
    ),
    "no dash": (
        X + "steps: [{residual: {linear: {name: p, out: same}}}]\n",
        "VC103",
        "put a `-` before each step",
        ("{linear: {name: p, out: same}}", "[{linear: {name: p, out: same}}]"),
    ),
    "the field alone": (
        "inputs: {x: b (n m m) c}\nsteps: [{spatial_merge: 2}]\n",
        "VC103",
        "write `{size: 2}`",
        ("spatial_merge: 2", "spatial_merge: {size: 2}"),
    ),
    "a deviation alone": (
        X + "steps: [{linear: {name: p, out: d, init: 0.02}}]\n",
        "VC103",
        "write `init: {normal: 0.02}`",
        ("init: 0.02", "init: {normal: 0.02}"),
    ),
    "an output alone": (
        X + STEPS + "outputs: b n d\n",
        "VC103",
        "write `outputs: {tokens: b n d}`",
        ("outputs: b n d", "outputs: {tokens: b n d}"),
    ),
    "capitals": (
        X + "steps: [{mlp: {name: f, hidden: 4, out: 4, activation: GELU}}]\n",
        "VC104",
        "write `gelu`",
        ("GELU", "gelu"),
    ),
    "torch's class": (
        X + "steps: [{norm: {name: l, kind: LayerNorm, eps: 1e-5}}]\n",
        "VC104",
        "write `layer`",
        ("LayerNorm", "layer"),
    ),
    "torch's class as a step": (
        X + "steps: [{LayerNorm: {name: l, kind: layer, eps: 1e-5}}]\n",
        "VC105",
        "write `norm`",
        ("LayerNorm", "norm"),
    ),
    "a function as a step": (
        X + "steps: [{linear: {name: p, out: d}}, gelu]\n",
        "VC105",
        "write `activation: gelu`",
        (", gelu", ", {activation: gelu}"),
    ),
    "another field": (
        "inputs: {x: {shape: b n c}}\n" + STEPS,
        "VC101",
        "name it `type`, which is missing",
        ("shape", "type"),
    ),
    "a list of sizes": (
        "inputs: {x: b (h w) c, s: {sizes: [h, w]}}\nsteps: [to_map]\n",
        "VC103",
        "write `sizes: h w`",
        ("[h, w]", "h w"),
    ),
    "no space after a colon": (
        "inputs:\n  x:b n c\n" + STEPS,
        "VC103",
        "put a space after each `:`",
        ("x:b", "x: b"),
    ),
    "no space after a dash": (
        X + "steps:\n  -linear: {name: p, out: d}\n",
        "VC103",
        "put a space after each `-`",
        ("-linear", "- linear"),
    ),
    "neither name nor names": (
        X + "steps: [{mlp: {hidden: 4, out: 4, activation: gelu}}]\n",
        "VC104",
        "add `name: mlp`",
        ("{hidden", "{name: mlp, hidden"),
    ),
    "both name and names": (
        X + "steps: [{mlp: {name: a, names: [b, e], hidden: 4, out: 4, activation: gelu}}]\n",
        "VC104",
        "leave out `names`",
        ("names: [b, e], ", ""),
    ),
    "no module of torch": (
        X + "steps: [{mlp: {name: a, hidden: 4, out: 4, activation: quick_gelu}}]\n",
        "VC104",
        "write `names: [fc1, fc2]` in place of `name`",
        ("name: a", "names: [fc1, fc2]"),
    ),
    "a row end beside a start": (
        "inputs: {x: b (h w) c, size: {sizes: h w}}\nsteps: [to_map, {tokens: {row_end: a, start: b}}]\n",
        "VC104",
        "write `row_end` in a `tokens` step of its own",
        ("row_end: a, start: b}}", "row_end: a}}, to_tokens, {tokens: {start: e}}"),
    ),
    "no token": (
        X + "steps: [{tokens: {}}]\n",
        "VC104",
        "add `start`, `end` or `row_end` with a name",
        ("{}", "{start: e}"),
    ),
    "nothing to leave out": (
        "inputs: {x: b 1+n c}\nsteps: [{drop: {}}]\n",
        "VC104",
        "write `drop: {first: 1}`",
        ("{}", "{first: 1}"),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_help_works(name: str) -> None:
    text, code, help, (old, new) = MISTAKES[name]
    assert [(found.code, found.help) for found in check(HEAD + text)] == [(code, help)]
    assert (HEAD + text).count(old) >= 1
    assert check((HEAD + text).replace(old, new, 1)) == []


def test_a_size_that_is_missing_gets_a_name_that_is_free() -> None:
    names = ("size", "size_", "size__")
    inputs = ", ".join(f"{name}: b n c" for name in names)
    text = (
        f"inputs: {{x: b (h w) c, {inputs}}}\nchains: {{q: {{from: x, steps: [to_map, to_tokens]}}}}\n"
        f"from: {{add: [{', '.join(names)}]}}\n{STEPS}outputs: {{a: q, o: b n d}}\n"
    )
    (found,) = check(HEAD + text)
    assert found.help == "add the input `size___: {sizes: h w}`"
    assert check(HEAD + text.replace("size__: b n c", "size__: b n c, size___: {sizes: h w}")) == []


def test_lists_of_two_unknown_lengths_are_two_mistakes() -> None:
    text = (
        "inputs: {x: {type: b n c, each: k}, y: {type: b n c, each: j}}\n"
        "chains: {a: {from: x, each: true, STEPS}, e: {from: y, each: true, STEPS}}\n"
    ).replace("STEPS", STEPS.strip())
    assert [found.help for found in check(HEAD + text)] == ["add `k` to `dims`", "add `j` to `dims`"]


def test_no_help_is_as_long_as_the_mistake() -> None:
    names = ", ".join(f"n{at}" for at in range(1000))
    for text in (f"{TWO}from: [{names}]\n{STEPS}", f"inputs: {{x: {{type: [{names}]}}}}\n{STEPS}"):
        assert all(len(found.help or "") < 200 for found in check(HEAD + text))
