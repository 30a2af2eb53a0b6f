"""What a person sees while typing a spec: yaml-language-server runs headless with our schema.

VS Code, Neovim, Helix and others run the same server. It is installed once, outside of this repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import vla_compose
from tests.editor.language_server import LanguageServer
from vla_compose.primitives import REGISTRY

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "schema" / "v1.json"
URL = "https://vla-compose.github.io/schema/v1.json"
MODELINE = f"# yaml-language-server: $schema={URL}\n"
VERSION = "1.20.0"
HEAD = """\
spec_version: 1
name: my-merger
dims: {vision: 1280, text: 1536, merge: 2}
inputs:
  x: (n merge merge) vision
steps:
"""

PAGE = (ROOT / "docs" / "guide" / "editor.md").read_text("utf-8")


@pytest.fixture(scope="session")
def program() -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed; they run yaml-language-server")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "vla-compose-tests" / f"yaml-language-server-{VERSION}"
    script = folder / "node_modules" / "yaml-language-server" / "out" / "server" / "src" / "server.js"
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix", str(folder)]
        package = f"yaml-language-server@{VERSION}"
        ran = subprocess.run([npm, "install", *options, package], capture_output=True, text=True, timeout=300)
        assert not ran.returncode, ran.stderr
    return [node, str(script), "--stdio"]


@pytest.fixture(scope="module")
def server(program: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    with LanguageServer(program, {URL: SCHEMA}, tmp_path_factory.mktemp("workspace")) as running:
        yield running


def opened(server: LanguageServer, name: str, text: str) -> tuple[str, int, int]:
    """Open a text at whose `|` the cursor stands."""
    before, after = text.split("|")
    line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
    return server.open(name, before + after), line, character


def labels(items: list[dict[str, Any]]) -> set[str]:
    return {item["label"] for item in items}


def test_steps_offer_the_primitives(server: LanguageServer) -> None:
    place = opened(server, "steps.yaml", f"{MODELINE}{HEAD}  - |\n")
    items = server.completion(*place)
    assert labels(items) >= set(REGISTRY)
    assert server.asked == [URL]
    described = [item for item in items if item["label"] == "spatial_merge"]
    first = REGISTRY["spatial_merge"].page().splitlines()[0]
    assert first
    assert [item["documentation"] for item in described] == [first]


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_a_primitive_offers_its_fields(server: LanguageServer, kind: str) -> None:
    fields = {field.alias or name for name, field in REGISTRY[kind].model_fields.items() if not field.exclude}
    place = opened(server, f"fields-{kind}.yaml", f"{MODELINE}{HEAD}  - {kind}:\n      |\n")
    assert labels(server.completion(*place)) >= fields - {"when"}


def test_values_are_offered(server: LanguageServer) -> None:
    place = opened(server, "values.yaml", f"{MODELINE}{HEAD}  - mlp:\n      activation: |\n")
    assert {"gelu", "silu"} <= {label.strip('"') for label in labels(server.completion(*place))}
    place = opened(server, "flag.yaml", f"{MODELINE}{HEAD}  - linear:\n      bias: |\n")
    assert labels(server.completion(*place)) >= {"true", "false"}


def test_the_top_offers_the_fields_of_a_spec(server: LanguageServer) -> None:
    place = opened(server, "top.yaml", f"{MODELINE}spec_version: 1\n|\n")
    properties = json.loads(SCHEMA.read_text("utf-8"))["properties"]
    assert labels(server.completion(*place)) >= set(properties) - {"spec_version"}


def test_hover_shows_descriptions(server: LanguageServer) -> None:
    text = f"{MODELINE}{HEAD}  - spatial|_merge: {{size: merge}}\n"
    shown = server.hover(*opened(server, "hover-primitive.yaml", text))
    assert REGISTRY["spatial_merge"].page().split(".")[0].split("`")[0].strip()[:30] in plain(shown)
    text = f"{MODELINE}{HEAD}  - norm: {{name: ln_q, ep|s: 1e-6}}\n"
    described = REGISTRY["norm"].model_fields["eps"].description
    assert described
    assert described in plain(server.hover(*opened(server, "hover-field.yaml", text)))
    shown = server.hover(*opened(server, "hover-top.yaml", f"{MODELINE}na|me: x\n"))
    assert "the name of the spec" in plain(shown)


def plain(markdown: str) -> str:
    """Without the escapes and the spaces that the server writes for Markdown."""
    return " ".join(markdown.replace("\\", "").replace("&nbsp;", " ").split())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: my", "nmae: my", "nmae"),
        ("- mlp: {", "- mpl: {", "not accepted"),
        ("hidden: same", "hiden: same", "hiden"),
        ("activation: gelu", "activation: geluu", "gelu"),
        ("size: merge", "size: [2]", "type"),
        ("spec_version: 1", "spec_version: 2", "1"),
    ],
)
def test_a_typo_is_marked(server: LanguageServer, old: str, new: str, words: str) -> None:
    good = (
        f"{MODELINE}{HEAD}  - spatial_merge: {{size: merge}}\n  - mlp: {{name: mlp, hidden: same, out: text, "
    )
    good += "activation: gelu}\n"
    assert good.count(old) == 1
    text = good.replace(old, new)
    name = re.sub(r"\W", "-", new)
    assert server.found(server.open(f"good-{name}.yaml", good)) == []
    found = server.found(server.open(f"typo-{name}.yaml", text))
    assert found
    assert any(words in diagnostic["message"] for diagnostic in found)
    line = text[: text.index(new)].count("\n")
    assert line in {diagnostic["range"]["start"]["line"] for diagnostic in found}


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_shipped_specs_are_clean_in_an_editor(server: LanguageServer, name: str) -> None:
    text = (ROOT / "specs" / f"{name}.yaml").read_text("utf-8")
    assert text.startswith(MODELINE)
    assert server.found(server.open(f"{name}.yaml", text)) == []


def test_without_a_schema_nothing_is_known(server: LanguageServer) -> None:
    # Else the tests above might pass for another reason.
    place = opened(server, "bare.yaml", f"{HEAD}  - |\n")
    assert "spatial_merge" not in labels(server.completion(*place))
    assert server.found(server.open("bare-typo.yaml", "nmae: 1\n")) == []


# --- the guide ---


def fenced(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, re.M | re.S)


def test_the_guide_names_the_schema() -> None:
    assert json.loads(SCHEMA.read_text("utf-8"))["$id"] == URL
    for name in ("VS Code", "Neovim", "Helix"):
        assert f"## {name}" in PAGE
    assert MODELINE.strip() in PAGE


def test_the_settings_of_the_guide_parse() -> None:
    import tomllib

    (settings,) = [json.loads(text) for text in fenced("json")]
    assert settings["yaml.schemas"][URL] == ["specs/**/*.yaml"]
    (helix,) = [tomllib.loads(text) for text in fenced("toml")]
    assert URL in json.dumps(helix)
    (lua,) = fenced("lua")
    assert URL in lua
    assert lua.count("{") == lua.count("}")
    assert all(yaml.safe_load(text) for text in fenced("yaml"))
