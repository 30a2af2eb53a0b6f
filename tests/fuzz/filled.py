"""The hostile files in our language: their placeholders filled, their fields translated.

What a file tries is tried at every place of a spec where it could work: an expression as a dim, a width, a
count and in a condition; a name as that of the spec, of a step, an input, a chain and an output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vla_compose.diagnostics import SpecError
from vla_compose.spec.reader import read_text

NASTY = Path(__file__).parents[1] / "data" / "nasty"
MANIFEST: dict[str, dict[str, str]] = {
    row["file"]: row for row in json.loads((NASTY / "MANIFEST.json").read_text("utf-8"))
}

# Files of the manifest that are too large to keep.
LARGE: dict[str, Callable[[], str]] = {
    "c01_flow_seq_100k.yaml": lambda: "a: " + "[" * 100_000 + "]" * 100_000 + "\n",
    "c03_flow_map_100k.yaml": lambda: "a: " + "{a: " * 100_000 + "}" * 100_000 + "\n",
    "c04_block_seq_100k.yaml": lambda: "a:\n  " + "- " * 100_000 + "x\n",
    "c07_wide_50k_keys.yaml": lambda: "".join(f"k{i}: 1\n" for i in range(50_000)),
    "c09_long_string.yaml": lambda: 'a: "' + "x" * 300_000 + '"\n',
    "e32_sexagesimal_bomb.yaml": lambda: "a: 1" + ":59" * 40_000 + "\n",
}

REFUSED, INERT, EITHER = "refused", "inert", "either"


class Filled(NamedTuple):
    """One spec made of a hostile file, and what must come of it."""

    file: str
    where: str
    text: bytes
    expect: str

    @property
    def id(self) -> str:
        return f"{self.file.removesuffix('.yaml')}-{self.where}"


def base(**changes: Any) -> dict[str, Any]:
    """A small valid spec with other fields."""
    return {
        "spec_version": 1,
        "name": "x",
        "dims": {"vision": 8, "text": 16},
        "inputs": {"x": "b (h w) vision"},
        "steps": [linear()],
        **changes,
    }


def linear(**changes: Any) -> dict[str, Any]:
    return {"linear": {"name": "proj", "out": "text", **changes}}


def dims(**more: Any) -> dict[str, Any]:
    return {"vision": 8, "text": 16, **more}


STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "h20_expr_chain.yaml": (
        REFUSED,
        base(dims=dims(v0=2, **{f"v{i + 1}": f"v{i} * v{i}" for i in range(60)})),
    ),
    "h30_params_1e12.yaml": (REFUSED, base(dims={"vision": 1_000_000, "text": 1_000_000})),
    "h32_params_int64.yaml": (REFUSED, base(steps=[linear(out=9223372036854775807)])),
    "h33_depth_1e8.yaml": (
        REFUSED,
        base(steps=[{"repeat": {"name": "l", "count": 100_000_000, "steps": [linear(out="same")]}}]),
    ),
    "h35_zero.yaml": (REFUSED, base(steps=[linear(out=0)])),
    "h36_neg.yaml": (REFUSED, base(steps=[linear(out=-1)])),
    "h38_stride0.yaml": (
        REFUSED,
        base(
            inputs={"x": "b vision h w"},
            steps=[{"conv2d": {"name": "c", "out": 4, "kernel": 1, "stride": 0}}],
        ),
    ),
    "h39_groups.yaml": (
        REFUSED,
        base(
            inputs={"x": "b vision h w"},
            steps=[{"conv2d": {"name": "c", "out": 4, "kernel": 1, "groups": 3}}],
        ),
    ),
    "h41_heads0.yaml": (
        REFUSED,
        base(
            steps=[
                {"queries": {"name": "q", "count": 4}},
                {"multihead_attention": {"name": "attn", "heads": 0}},
            ]
        ),
    ),
    "h42_eps_nan.yaml": (REFUSED, base(steps=[{"norm": {"name": "n", "eps": "NaN"}}])),
    "h44_eps_str.yaml": (INERT, base(steps=[{"norm": {"name": "n", "eps": 1e-6}}])),
    "h45_dropout_2.yaml": (REFUSED, base(steps=[{"drop": {"first": 2, "p": 2}}])),
    "h47_merge_huge.yaml": (REFUSED, base(steps=[{"spatial_merge": {"size": 1_000_000}}, linear()])),
    "h48_queries_1e9.yaml": (
        REFUSED,
        base(dims={"vision": 1024, "text": 16}, steps=[{"queries": {"name": "q", "count": 1_000_000_000}}]),
    ),
    "h50_shape_mismatch.yaml": (
        REFUSED,
        base(steps=[linear(), {"linear": {"name": "next", "in": 17, "out": 4}}]),
    ),
    "h51_empty_pipeline.yaml": (EITHER, base(steps=[])),
    "i09_ident_case_twin.yaml": (EITHER, base(steps=[linear(name="Proj"), linear(name="proj", out="same")])),
    "i10_ident_dup.yaml": (REFUSED, base(steps=[linear(name="a"), linear(name="a", out="same")])),
    "i12_name_devs.yaml": (REFUSED, base(name="con.yaml:ads")),
    "i13_float_repr.yaml": (INERT, base(steps=[{"norm": {"name": "n", "eps": 1.0000000000000002e-06}}])),
    "j02_regex_key.yaml": (REFUSED, base(order=[r"^(.*)*\.(.*)*$"])),
    "j03_regex_bad.yaml": (REFUSED, base(order=["("])),
    "l02_version_future.yaml": (REFUSED, base(spec_version=999)),
    "l03_version_str.yaml": (REFUSED, base(spec_version="1")),
    "l05_version_true.yaml": (REFUSED, base(spec_version=True)),
    "l06_unknown_key.yaml": (REFUSED, {**base(), "step": [], "x-note": "hi"}),
    "a13_hf_auto_map.yaml": (
        REFUSED,
        {**base(), "auto_map": {"AutoModel": "evil/repo--modeling.Evil"}, "trust_remote_code": True},
    ),
}
"""What a pipeline of the hostile files says, said in our language."""

EXPRESSIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "dim": lambda value: base(dims=dims(e=value)),
    "variant": lambda value: base(variants={"big": {"text": value}}),
    "out": lambda value: base(steps=[linear(out=value)]),
    "when": lambda value: base(steps=[linear(when=f"{value} != 1")]),
    "size": lambda value: base(steps=[{"spatial_merge": {"size": value}}, linear()]),
    "count": lambda value: base(steps=[{"queries": {"name": "q", "count": value}}, linear()]),
    "unused": lambda value: base(unused={"proj2": value}),
    "init": lambda value: base(steps=[linear(init={"normal": f"{value}^-0.5"})]),
    "pattern": lambda value: base(inputs={"x": f"b ({value}) vision"}),
    "output": lambda value: base(outputs={"tokens": f"b ({value}) text"}),
}
NAMES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "step": lambda value: base(steps=[linear(name=value)]),
    "tokens": lambda value: base(steps=[{"tokens": {"start": value}}, linear()]),
    "queries": lambda value: base(steps=[{"queries": {"name": value, "count": 4}}, linear()]),
    "repeat": lambda value: base(
        steps=[{"repeat": {"name": value, "count": 2, "steps": [linear(out="same")]}}]
    ),
    "spec": lambda value: base(name=value),
    "dim": lambda value: base(dims=dims(**{str(value): 4})),
    "input": lambda value: base(inputs={str(value): "b (h w) vision"}),
    "symbol": lambda value: base(inputs={"x": f"b ({value} w) vision"}),
    "chain": lambda value: chained(str(value)),
    "output": lambda value: base(outputs={str(value): "b (h w) text"}),
    "order": lambda value: base(order=[value]),
    "unused": lambda value: base(unused={str(value): 4}),
    "primitive": lambda value: base(steps=[{str(value): {"name": "p"}}]),
    "activation": lambda value: base(steps=[linear(), {"activation": value}]),
    "init": lambda value: base(steps=[linear(init=value)]),
}
TEXTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "summary": lambda value: base(summary=value),
    "paper": lambda value: base(sources={"paper": value}),
    "code": lambda value: base(sources={"code": f"https://{value}"}),
}
FIELDS = ("extends", "include", "weights", "checkpoint", "$ref", "auto_map", "_target_", "import")
"""Names under which other tools load things. Our language has none of them."""


def chained(name: str) -> dict[str, Any]:
    spec = base(chains={name: {"from": "x", "steps": [linear()]}})
    del spec["steps"]
    return spec


def raw(file: str) -> bytes:
    """The bytes of a hostile file as they are."""
    return LARGE[file]().encode() if file in LARGE else (NASTY / file).read_bytes()


def filled() -> Iterator[Filled]:
    """Every spec made of every file."""
    for file, row in MANIFEST.items():
        expect = row["expect"].split()[0]
        if expect == "semantic":
            yield from _semantic(file)
        else:
            yield from _read(file, expect)


def _read(file: str, expect: str) -> Iterator[Filled]:
    """What concerns the YAML reader: alone, and at the end of a spec that is valid without it."""
    data = raw(file)
    yield Filled(file, "raw", data, REFUSED)  # where it can be read, its fields are unknown
    if expect == "reject" and re.match(rb"[A-Za-z][\w]*:", data) and len(data) < 250_000:
        head = b"".join(f"{key}: {json.dumps(value)}\n".encode() for key, value in base().items())
        yield Filled(file, "appended", head + data, REFUSED)
    if expect == "accept-as":
        for where, make in (EXPRESSIONS | NAMES | TEXTS).items():
            text = _json(make(read_text(data).value["a"]))
            yield Filled(file, where, text, EITHER)
        yield Filled(file, "version", data.replace(b"a:", b"spec_version:"), REFUSED)


def _semantic(file: str) -> Iterator[Filled]:
    if file in STEPS:
        expect, spec = STEPS[file]
        text = _json(spec).replace(b'"NaN"', b".nan")
        yield Filled(file, "translated", text, expect)
    plain = re.sub(rb"@@(\w+)@@", rb"at_\1", raw(file)).replace(b"at_HEAD", b"head: 1")
    yield Filled(file, "as-is", plain, REFUSED)
    try:
        values = read_text(plain).value
    except SpecError:
        return
    for key, value in values.items():
        if key == "head":
            continue
        expect = _expected(key)
        if key in ("at_EXPR",):
            for where, make in EXPRESSIONS.items():
                yield Filled(file, f"expression-{where}", _json(make(value)), REFUSED)
        for where, make in NAMES.items():
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, dict):
                    yield Filled(file, f"name-{where}", _json(make(one)), EITHER)
        for where, make in TEXTS.items():
            wanted = expect if where == "summary" else EITHER
            yield Filled(file, f"{key}-{where}", _json(make(value)), wanted)
        for field in FIELDS:
            yield Filled(file, f"field-{field}", _json({**base(), field: value}), REFUSED)


def _expected(key: str) -> str:
    return INERT if key == "at_DESC" else EITHER


def _json(spec: dict[str, Any]) -> bytes:
    """JSON is YAML; `1e-06` is written with a point for readers of YAML 1.1."""
    return (json.dumps(spec, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
