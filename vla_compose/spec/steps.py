"""Steps: one primitive an entry, nested steps included."""

from __future__ import annotations

from typing import Any

from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Path, Primitive, Step
from vla_compose.primitives.fields import check_condition, check_size
from vla_compose.spec.broken import Broken
from vla_compose.spec.faults import Faults
from vla_compose.spec.fields import read_fields
from vla_compose.spec.words import nearest, safe


def parse_steps(body: Any, path: Path, faults: Faults) -> tuple[Step, ...]:
    """The steps of a list; what is wrong is reported, and a `Broken` step stands for it."""
    if not isinstance(body, list) or not body:
        faults.add(
            "VC103",
            "`steps` must be a list with at least one step",
            path,
            help="write `- linear: {name: proj, out: text}`",
        )
        faults.doubt(body)
        return (broken(path),)
    return tuple(_step(value, (*path, at), faults) for at, value in enumerate(body))


def _step(value: Any, path: Path, faults: Faults) -> Step:
    if isinstance(value, str):
        value = {value: {}}
    if faults.is_hole(path):
        faults.doubt(value)
        return broken(path)
    if not isinstance(value, dict) or len(value) != 1:
        message = "a step is one primitive with its fields"
        help = "write `- linear: {name: proj, out: text}`"
        if isinstance(value, dict) and len(value) > 1:
            shown = ", ".join(safe(key) for key in list(value)[:4])
            message = f"a step names one primitive, not {len(value)}: {shown}"
            help = "put braces around the fields, or a `-` before each primitive"
        faults.add("VC103", message, path, help=help)
        faults.doubt(value)
        return broken(path)
    ((kind, body),) = value.items()
    at = (*path, kind)
    if kind not in REGISTRY:
        word = kind.lower().replace("_", "")
        near = _CALLED[word] if word in _CALLED else nearest(kind, REGISTRY)
        help = f"write `{near}`" if near else f"use one of: {', '.join(sorted(REGISTRY))}"
        meant = faults.add("VC105", f"unknown primitive `{safe(kind)}`", at, key=True, help=help)
        if meant is None:
            faults.doubt(body)
            return broken(at)
        kind, at = meant, faults.rename(at, meant)
    return _fields(REGISTRY[kind], body, at, faults)


_CALLED = {
    "layernorm": "norm",
    "rmsnorm": "norm",
    "dense": "linear",
    "fc": "linear",
    "conv": "conv2d",
    "pixelshuffle": "spatial_merge",
    "pixelunshuffle": "spatial_merge",
    "crossattention": "attention",
    "gelu": "activation: gelu",
    "silu": "activation: silu",
    "relu": "activation: relu",
    "skip": "residual",
    "dropout": "",
}
"""What a primitive is called elsewhere, where that is not near its name; empty where there is none."""


def _fields(primitive: type[Primitive], body: Any, at: Path, faults: Faults) -> Step:
    if body is None:
        body = {}
    bare = isinstance(body, list) and bool(primitive.nested)
    if bare:
        body = {primitive.nested[0]: body}
    if not isinstance(body, dict) and primitive.shorthand:
        body = {primitive.shorthand: body}
    raw = body if isinstance(body, dict) else {}
    if primitive.nested and raw and raw.keys() <= REGISTRY.keys():
        message = f"`{primitive.kind}` takes a list of steps, not a mapping"
        faults.add("VC103", message, at, help="put a `-` before each step")
        faults.doubt(body)
        return broken(at)
    shell = {**body, **{field: () for field in primitive.nested if field in body}} if raw else body
    read = read_fields(primitive, shell, at, faults, what=f"`{primitive.kind}`")
    inside = {
        field: parse_steps(raw.get(field, read.body[field]), at if bare else (*at, field), faults)
        for field in primitive.nested
        if field in read.body
    }
    if read.fields is None:
        return broken(at, primitive, read.body, tuple(step for steps in inside.values() for step in steps))
    return Step(primitive.kind, read.fields.model_copy(update=inside) if inside else read.fields, at)


def broken(
    path: Path, primitive: type[Primitive] | None = None, body: Any = None, steps: tuple[Step, ...] = ()
) -> Step:
    """What is certain of a step with a mistake."""
    body = body if isinstance(body, dict) else {}
    when = _certain(check_condition, body.get("when"))
    # Whether the step is there at all is not known without its condition.
    known = primitive is not None and ("when" in body) == (when is not None)
    return Step(
        primitive.kind if primitive else Broken.kind,
        Broken(
            when=when,
            kept=primitive.keeps if primitive and known else "",
            out=_certain(check_size, body.get("out")),
            steps=steps,
        ),
        path,
    )


def _certain(check: Any, value: object) -> Any:
    """The value of a field; `None` when it is not given, or wrong."""
    try:
        return check(value)
    except ValueError:
        return None
