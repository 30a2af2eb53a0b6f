"""Pages about the language itself, in Markdown: one a primitive."""

from __future__ import annotations

from typing import Any

from vla_compose.primitives.base import Primitive


def primitive_page(primitive: type[Primitive], level: int = 1) -> str:
    """The page of a primitive: its docstring, and a table of its fields."""
    parts = [f"{'#' * level} {primitive.kind}", primitive.page(), fields_table(primitive)]
    return "\n\n".join(parts) + "\n"


def fields_table(primitive: type[Primitive]) -> str:
    """The fields of a primitive as a table: values, defaults, meanings."""
    from vla_compose.spec.schema import json_schema

    schema = json_schema()
    lines = ["| field | value | default | meaning |", "|---|---|---|---|"]
    body = schema["$defs"][primitive.kind]
    required = body.get("required", [])
    ordered = sorted(body["properties"].items(), key=lambda entry: entry[0] == "when")
    for name, field in ordered:
        default = "required" if name in required else _default(field.get("default"))
        cells = [f"`{name}`", _kind(field, schema), default, str(field.get("description", ""))]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def _default(value: Any) -> str:
    if value is None:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """What kind of value a field takes, in a few words."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return "steps" if name == "Steps" else _mapping(schema["$defs"][name])
    kinds = {kind.get("type") for kind in field.get("anyOf", ())}
    if kinds == {"integer", "string"}:
        return "number or expression"
    if kinds == {"number", "string"}:
        return "number or `size^-0.5`"
    if "anyOf" in field:
        return " or ".join(
            dict.fromkeys(_kind(kind, schema) for kind in field["anyOf"] if kind.get("type") != "null")
        )
    if field.get("type") == "array":
        return f"list of {_kind(field['items'], schema)}"
    words = {"boolean": "`true` or `false`", "integer": "number", "number": "number", "string": "text"}
    if "pattern" in field:
        return "name"
    if field.get("type") == "string" and "!=" in str(field.get("examples")):
        return "condition"
    return words.get(str(field.get("type")), "mapping")


def _mapping(body: dict[str, Any]) -> str:
    return "mapping of " + ", ".join(f"`{name}`" for name in body["properties"])
