"""The spec language as JSON Schema 2020-12, for completion and checks while typing.

A schema sees one value at a time: it knows every field, type and primitive, but not whether widths and token
orders fit. `validate` does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Primitive
from vla_compose.primitives.fields import Condition, Std
from vla_compose.spec.inputs import Input, TensorInput
from vla_compose.spec.layouts import LayoutFields
from vla_compose.spec.model import SPEC_VERSION, ChainFields, OutputFields, SpecFields
from vla_compose.spec.names import SPEC_NAME
from vla_compose.types.dim import Dim

SCHEMA_ID = f"https://vla-compose.github.io/schema/v{SPEC_VERSION}.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_INPUTS: tuple[type[BaseModel], ...] = get_args(Input)
_ONE_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_PATH = r"^[A-Za-z_][A-Za-z0-9_.]*$"


class _Generator(GenerateJsonSchema):
    """Defaults as they are written in a spec, and no titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Dim):
            return dft.constant if dft.constant is not None else str(dft)
        if isinstance(dft, Condition | Std):
            return str(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        return super().encode_default(dft)


def json_schema() -> Schema:
    """The schema of a spec file, made from the models that check it."""
    models: list[type[BaseModel]] = [SpecFields, ChainFields, OutputFields, LayoutFields]
    models += [*_INPUTS, *REGISTRY.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a default that cannot be written would be left out
        references, made = models_json_schema(
            [(model, "validation") for model in models],
            ref_template="#/$defs/{model}",
            schema_generator=_Generator,
        )
    found = {model: references[model, "validation"] for model in models}
    definitions: dict[str, Schema] = made["$defs"]
    spec = definitions.pop(_target(found[SpecFields]))
    definitions["Steps"] = {
        "description": "what happens to a tensor, one primitive an entry",
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/$defs/Step"},
    }
    definitions["Step"] = _step({kind: found[primitive] for kind, primitive in REGISTRY.items()})
    _open_entries(spec, found)
    # A primitive is called by its kind here too: class names are no part of the language.
    renamed = {_target(found[primitive]): kind for kind, primitive in REGISTRY.items()}
    definitions = {renamed.get(name, name): body for name, body in definitions.items()}
    body = {**spec, "title": "vla_compose spec", "anyOf": [{"required": ["steps"]}, {"required": ["chains"]}]}
    schema = {"$schema": DIALECT, "$id": SCHEMA_ID, **body, "$defs": dict(sorted(definitions.items()))}
    for kind, primitive in REGISTRY.items():
        schema["$defs"][kind] |= {"title": kind, "description": primitive.page()}
    linked: Schema = _linked(schema, renamed)
    return linked


def _linked(schema: Any, renamed: Mapping[str, str]) -> Any:
    """References within the file, by the names that definitions have there."""
    if isinstance(schema, list):
        return [_linked(entry, renamed) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _linked(value, renamed) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str):
        # The models know `Steps` by its address only.
        name, *rest = reference.rsplit("#/$defs/", 1)[-1].split("/")
        made["$ref"] = "/".join(["#/$defs", renamed.get(name, name), *rest])
    return made


def _target(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _step(references: Mapping[str, Schema]) -> Schema:
    """A primitive by its name alone, or one primitive with its fields."""
    bare = [kind for kind, primitive in REGISTRY.items() if _needs_nothing(primitive)]
    fields = {kind: _fields(REGISTRY[kind], reference) for kind, reference in references.items()}
    return {
        "description": "one primitive: its name, or its name and its fields",
        "anyOf": [
            {"enum": bare, "description": "a primitive that needs no fields"},
            {
                "type": "object",
                "properties": fields,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
        "examples": ["to_map", {"linear": {"name": "proj", "out": "text"}}],
    }


def _fields(primitive: type[Primitive], reference: Schema) -> Schema:
    """What may stand after the name of a primitive: its fields, or what is short for them."""
    choices = [reference]
    if primitive.shorthand:
        field = next(
            info.alias or name
            for name, info in primitive.model_fields.items()
            if primitive.shorthand in (name, info.alias)
        )
        target = reference["$ref"]
        choices.append({"$ref": f"{target}/properties/{field}"})
    if primitive.nested:
        choices.append({"$ref": "#/$defs/Steps"})
    if _needs_nothing(primitive):
        choices.append({"type": "null"})
    description = primitive.page().split("\n\n")[0].replace("\n", " ")
    return {"description": description, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}


def _needs_nothing(primitive: type[Primitive]) -> bool:
    try:
        primitive.model_validate({})
    except ValidationError:
        return False
    return True


def _open_entries(spec: Schema, found: Mapping[type[BaseModel], Schema]) -> None:
    """Entries that the models leave to the parser, because it reports mistakes in them one by one."""
    properties: dict[str, Schema] = spec["properties"]
    pattern = found[TensorInput]["$ref"] + "/properties/type"
    kinds = [found[kind] for kind in _INPUTS]
    properties["inputs"] |= _entries(_ONE_NAME, {"anyOf": [{"$ref": pattern}, *kinds]})
    properties["inputs"] |= {"minProperties": 1, "examples": [{"x": "b (h w) vision"}]}
    properties["chains"] |= _entries(_PATH, found[ChainFields])
    output = {"type": "string", "description": "the chain that makes it, or its type"}
    properties["outputs"] |= _entries(_ONE_NAME, {"anyOf": [output, found[OutputFields]]})
    properties["outputs"] |= {"examples": [{"tokens": "n text"}]}
    properties["dims"] |= {
        "propertyNames": {"pattern": _ONE_NAME},
        "examples": [{"vision": 1280, "text": 1536}],
    }
    properties["variants"] |= {"examples": [{"7b": {"text": 3584}}]}
    properties["layouts"] |= _entries(SPEC_NAME, found[LayoutFields])
    properties["layouts"] |= {"examples": [{"transformers-5": {"prefix": "model.visual.merger."}}]}
    properties["name"] |= {"examples": ["qwen2-vl"]}
    properties["steps"] = {"$ref": "#/$defs/Steps", "description": properties["steps"]["description"]}


def _entries(pattern: str, value: Schema) -> Schema:
    return {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
