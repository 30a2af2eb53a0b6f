"""The JSON Schema says what the checker says, as far as a schema can."""

import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import vla_compose
from vla_compose.api import check_document
from vla_compose.catalog import shipped
from vla_compose.primitives import REGISTRY
from vla_compose.spec.reader import read_file, read_text
from vla_compose.spec.schema import SCHEMA_ID, json_schema

ROOT = Path(vla_compose.__file__).parent.parent
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
BASE = {
    "spec_version": 1,
    "name": "mine",
    "dims": {"vision": 8, "text": 16},
    "inputs": {"x": "b n vision"},
    "steps": [{"linear": {"name": "proj", "out": "text"}}],
}


def with_steps(*steps):
    return BASE | {"steps": list(steps)}


def test_it_is_a_schema_of_2020_12():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == SCHEMA_ID == "https://vla-compose.github.io/schema/v1.json"
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", shipped())
def test_shipped_specs_follow_it(name):
    assert [error.message for error in VALIDATOR.iter_errors(read_file(shipped()[name]).value)] == []


@pytest.mark.parametrize(
    "body",
    [
        BASE,
        with_steps("to_map"),
        with_steps({"to_map": {}}),
        with_steps({"to_map": None}),
        with_steps({"activation": "gelu"}),
        with_steps({"activation": {"kind": "gelu"}}),
        with_steps({"residual": ["to_map"]}),
        with_steps({"residual": {"steps": [{"linear": {"name": "a", "out": "same", "in": "2 * text"}}]}}),
        BASE
        | {"inputs": {"x": {"type": "b n vision", "each": 3}, "size": {"sizes": "h w", "default": [1, 2]}}},
        BASE | {"outputs": {"tokens": {"type": "b n text"}}},
    ],
)
def test_what_is_right(body):
    assert [error.message for error in VALIDATOR.iter_errors(body)] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        BASE | {"spec_version": 2},
        BASE | {"spec_version": "1"},
        BASE | {"name": "Not A Name"},
        BASE | {"colour": "red"},
        BASE | {"dims": {"vision": 1.5}},
        BASE | {"dims": {"not a name": 1}},
        BASE | {"inputs": {}},
        BASE | {"inputs": {"x": 3}},
        BASE | {"inputs": {"x": {"typ": "b n vision"}}},
        BASE | {"steps": []},
        BASE | {"steps": None},
        with_steps("linear"),
        with_steps("dense"),
        with_steps({}),
        with_steps({"dense": {}}),
        with_steps({"linear": {"name": "proj"}}),
        with_steps({"linear": {"name": "proj", "out": "text", "in_": 8}}),
        with_steps({"linear": {"name": "proj", "out": "text", "bias": "no"}}),
        with_steps({"linear": {"name": "pro j", "out": "text"}}),
        with_steps({"to_map": {}, "to_tokens": {}}),
        with_steps({"activation": "gleu"}),
        with_steps({"residual": ["dense"]}),
        with_steps({"residual": {"steps": [{"residual": {"steps": ["dense"]}}]}}),
        {key: value for key, value in BASE.items() if key != "steps"},
    ],
)
def test_what_is_wrong(body):
    import json

    assert not VALIDATOR.is_valid(body)
    # The checker agrees: JSON is YAML.
    try:
        found = check_document(read_text(json.dumps(body)))
    except vla_compose.SpecError as error:
        found = list(error.diagnostics)
    assert found


def definitions():
    for name, body in [("spec", SCHEMA), *SCHEMA["$defs"].items()]:
        if "properties" in body:
            yield name, body


def test_every_field_is_described():
    for name, body in definitions():
        for field, schema in body["properties"].items():
            assert schema.get("description"), (name, field)


def test_every_primitive_is_there_with_its_fields_by_alias():
    choices = SCHEMA["$defs"]["Step"]["anyOf"][1]["properties"]
    assert set(choices) == set(REGISTRY)
    for kind, primitive in REGISTRY.items():
        body = SCHEMA["$defs"][kind]
        names = {field.alias or name for name, field in primitive.model_fields.items()}
        assert set(body["properties"]) == names
        assert not any(name.endswith("_") for name in names)
        assert body["additionalProperties"] is False
        assert body["description"] == primitive.page()


def test_names_enums_defaults_and_examples_are_there():
    linear, norm = SCHEMA["$defs"]["linear"]["properties"], SCHEMA["$defs"]["norm"]["properties"]
    assert norm["kind"]["enum"][:2] == ["layer", "rms"]
    assert norm["kind"]["default"] == "layer"
    assert linear["bias"]["default"] is True
    assert linear["name"]["examples"]
    assert SCHEMA["$defs"]["conv2d"]["properties"]["stride"]["default"] == 1
    assert SCHEMA["$defs"]["TensorInput"]["properties"]["type"]["examples"]


def test_every_reference_leads_somewhere():
    def references(schema):
        if isinstance(schema, dict):
            yield from [schema["$ref"]] if "$ref" in schema else []
            for value in schema.values():
                yield from references(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from references(value)

    for reference in references(SCHEMA):
        at = SCHEMA
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


@pytest.mark.skipif(not (ROOT / "tools").is_dir(), reason="needs a checkout")
class TestGenerated:
    def generate(self, *arguments, root=ROOT):
        return subprocess.run(
            [sys.executable, root / "tools/generate.py", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
        )

    def test_the_files_in_the_checkout_are_up_to_date(self):
        result = self.generate("--check")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_a_byte_more_is_drift(self, tmp_path):
        import importlib.util

        spec = importlib.util.spec_from_file_location("generate", ROOT / "tools/generate.py")
        assert spec is not None
        assert spec.loader is not None
        generate = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(generate)
        assert set(generate.write(tmp_path)) == set(generate.files())
        assert generate.stale(tmp_path) == []
        schema = tmp_path / "docs/schema/v1.json"
        schema.write_bytes(schema.read_bytes() + b"\n")
        (tmp_path / "docs/errors/VC000.md").write_text("gone")
        (tmp_path / "docs/reference/primitives.md").unlink()
        assert [path.name for path in generate.stale(tmp_path)] == ["v1.json", "primitives.md", "VC000.md"]
        generate.write(tmp_path)
        assert generate.stale(tmp_path) == []
