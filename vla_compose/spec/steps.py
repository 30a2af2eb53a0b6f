"""Steps: one primitive an entry, nested steps included."""

from __future__ import annotations

from typing import Any

from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Path, Step
from vla_compose.spec.faults import Faults, nearest, safe


def parse_steps(body: Any, path: Path, faults: Faults) -> tuple[Step, ...]:
    """The steps of a list; those that are wrong are reported and left out."""
    if not isinstance(body, list) or not body:
        faults.add(
            "VC103",
            "`steps` must be a list with at least one step",
            path,
            help="write `- linear: {name: proj, out: text}`",
        )
        return ()
    found = [_step(value, (*path, at), faults) for at, value in enumerate(body)]
    return tuple(step for step in found if step is not None)


def _step(value: Any, path: Path, faults: Faults) -> Step | None:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        message = "a step is one primitive with its fields"
        help = "write `- linear: {name: proj, out: text}`"
        if isinstance(value, dict) and len(value) > 1:
            shown = ", ".join(safe(key) for key in list(value)[:4])
            message = f"a step names one primitive, not {len(value)}: {shown}"
            help = "put braces around the fields, or a `-` before each primitive"
        faults.add("VC103", message, path, help=help)
        return None
    ((kind, body),) = value.items()
    at = (*path, kind)
    primitive = REGISTRY.get(kind)
    if primitive is None:
        near = nearest(kind, REGISTRY)
        help = f"write `{near}`" if near else f"use one of: {', '.join(sorted(REGISTRY))}"
        faults.add(
            "VC105",
            f"unknown primitive `{safe(kind)}`",
            at,
            key=True,
            help=help,
        )
        return None
    if body is None:
        body = {}
    bare = isinstance(body, list) and bool(primitive.nested)
    if bare:
        body = {primitive.nested[0]: body}
    if not isinstance(body, dict) and primitive.shorthand:
        body = {primitive.shorthand: body}
    before = len(faults.found)
    if isinstance(body, dict):
        body = dict(body)
        for field in primitive.nested:
            if field in body:
                body[field] = parse_steps(body[field], at if bare else (*at, field), faults)
    parsed = faults.model(primitive, body, at, what=f"`{kind}`")
    return Step(kind, parsed, at) if parsed is not None and len(faults.found) == before else None
