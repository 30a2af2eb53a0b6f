"""Reading, checking, showing and ejecting work without torch: in this environment and in a fresh one."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vla_compose

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "vla_compose" / "cli" / "app.py").exists()
HEAVY = ("torch", "numpy", "safetensors", "transformers", "huggingface_hub")
INSTALL = "pip install 'vla-compose[torch]'"

Run = Callable[..., subprocess.CompletedProcess[str]]


def checked(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(command, capture_output=True, text=True, **options)
    assert not ran.returncode, f"{' '.join(command)}\n{ran.stdout}\n{ran.stderr}"
    return ran


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    checked([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of a new environment that holds the wheel without extras, from an empty folder."""
    folder, elsewhere = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"NO_COLOR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"}

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=elsewhere, env=environment)

    installed = run("python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", str(wheel))
    assert not installed.returncode, installed.stderr
    return run


def python(fresh: Run, script: str) -> str:
    ran = fresh("python", "-I", "-W", "error", "-c", script)
    assert not ran.returncode, ran.stderr
    return ran.stdout


def test_heavy_packages_are_not_installed(fresh: Run) -> None:
    script = f"import importlib.util\nprint([name for name in {HEAVY} if importlib.util.find_spec(name)])"
    assert python(fresh, script).strip() == "[]"


def test_specs_are_found_in_the_wheel(fresh: Run) -> None:
    out = python(
        fresh, "import vla_compose\nprint(vla_compose.__file__)\nprint(*vla_compose.list_specs(), sep='\\n')"
    )
    where, *names = out.splitlines()
    assert "site-packages" in where
    assert names == vla_compose.list_specs()


def test_load_and_check(fresh: Run) -> None:
    script = """
import vla_compose
for name in vla_compose.list_specs():
    assert vla_compose.load(name).name == name
    assert vla_compose.check(name) == []
print(vla_compose.check("spec_version: 1\\nname: a\\n")[0].code)
"""
    assert python(fresh, script).startswith("VC")


@pytest.mark.parametrize("spec", ["qwen-vl-full", "qwen3-vl", "hunyuan-ocr"])
def test_eject_is_the_same(fresh: Run, spec: str) -> None:
    script = f"import sys, vla_compose\nsys.stdout.write(vla_compose.eject({spec!r}))"
    assert python(fresh, script) == vla_compose.eject(spec)


def test_build_says_what_to_install(fresh: Run) -> None:
    script = """
import vla_compose
try:
    vla_compose.build("qwen2-vl")
except vla_compose.BuildError as error:
    print(error)
"""
    assert INSTALL in python(fresh, script)


def test_installed_package_is_typed_and_complete(fresh: Run) -> None:
    script = """
import pathlib, vla_compose
print(*(path.name for path in pathlib.Path(vla_compose.__file__).parent.rglob("*")), sep="\\n")
"""
    names = python(fresh, script).split()
    assert "py.typed" in names
    assert {f"{name}.yaml" for name in vla_compose.list_specs()} <= set(names)


needs_cli = pytest.mark.skipif(not CLI, reason="there is no command line yet")

COMMANDS = {
    "list": (["list"], "qwen2-vl"),
    "show": (["show", "qwen3-vl"], "deepstack"),
    "validate": (["validate", "hunyuan-ocr"], ""),
    "eject": (["eject", "qwen2-vl"], "class Qwen2Vl(nn.Module):"),
    "schema": (["schema"], "spec_version"),
}


@needs_cli
@pytest.mark.parametrize("name", COMMANDS)
def test_command(fresh: Run, name: str) -> None:
    arguments, expected = COMMANDS[name]
    ran = fresh("vla-compose", *arguments)
    assert not ran.returncode, ran.stderr
    assert expected in ran.stdout
    assert "Traceback" not in ran.stderr


@needs_cli
def test_command_build_says_what_to_install(fresh: Run) -> None:
    ran = fresh("vla-compose", "build", "qwen2-vl")
    assert ran.returncode in (1, 2)
    assert INSTALL in " ".join((ran.stdout + ran.stderr).split())
    assert "Traceback" not in ran.stdout + ran.stderr


WITHOUT_TORCH = {
    "import": "",
    "list": "vla_compose.list_specs()",
    "load": "vla_compose.load('qwen3-vl')",
    "check": "assert not [found for name in vla_compose.list_specs() for found in vla_compose.check(name)]",
    "compose": "vla_compose.compose('hunyuan-ocr')",
    "eject": "[vla_compose.eject(name) for name in vla_compose.list_specs()]",
    "mistake": "vla_compose.build('qwen2-vl', vission=3)",
}


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_torch_is_not_imported_where_it_is_installed(name: str) -> None:
    script = f"""
import sys, vla_compose
try:
    {WITHOUT_TORCH[name] or "pass"}
except vla_compose.BuildError:
    pass
print([name for name in {HEAVY} if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert checked([sys.executable, "-c", script], env=environment).stdout.strip() == "[]"
