"""The ejected file: what `build` ran, readable, and independent of this package."""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import vla_compose
from tests.parity.harness import (
    DTYPES,
    Case,
    Reference,
    assert_parity,
    each_case,
    flatten,
    leaves,
    randomise,
    run_source,
)
from tests.parity.references import CLOSE, EXACT, HUNYUAN, QWEN3, QWEN_VL_FULL, SEEDS

ROOT = Path(__file__).parents[2]


def ejected(reference: Reference) -> str:
    return vla_compose.eject(reference.spec, **reference.dims)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reference", "case"), each_case(EXACT))
def test_equal_bits(reference: Reference, case: Case, dtype: torch.dtype) -> None:
    assert_parity(reference, case, dtype, build=partial(run_source, ejected(reference)))


@pytest.mark.parametrize(("reference", "case"), each_case(CLOSE))
def test_equal_numbers(reference: Reference, case: Case) -> None:
    assert_parity(reference, case, torch.float64, build=partial(run_source, ejected(reference)))


def test_runs_alone(tmp_path: Path) -> None:
    """In an interpreter that cannot see this package, with the same weights: the same bits."""
    expected, states = {}, {}
    for reference in SEEDS:
        module = randomise(reference.build()).eval()
        torch.manual_seed(0)
        inputs = reference.cases[1].inputs()
        states[reference.name] = (module.state_dict(), inputs)
        with torch.no_grad():
            expected[reference.name] = flatten(module(**leaves(inputs, torch.float32)))
        (tmp_path / f"{reference.name}.py").write_text(ejected(reference), encoding="utf-8")
    torch.save(states, tmp_path / "states.pt")
    script = """
import runpy, sys, torch
folder = sys.argv[1]
results = {}
for name, (weights, inputs) in torch.load(folder + "/states.pt", weights_only=True).items():
    made = runpy.run_path(f"{folder}/{name}.py", run_name="adapter")
    module = [kind for kind in made.values() if getattr(kind, "__module__", "") == "adapter"][-1]().eval()
    module.load_state_dict(weights)
    with torch.no_grad():
        results[name] = module(**inputs)
assert not any(name.startswith(("vla_compose", "yaml", "pydantic", "transformers")) for name in sys.modules)
torch.save(results, folder + "/results.pt")
"""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert not ran.returncode, ran.stderr
    for name, result in torch.load(tmp_path / "results.pt", weights_only=True).items():
        for ours, theirs in zip(flatten(result), expected[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)
def test_is_the_source_that_build_ran(reference: Reference) -> None:
    module = reference.build()
    assert inspect.getsource(sys.modules[type(module).__module__]) == ejected(reference)


@pytest.mark.parametrize("spec", vla_compose.list_specs())
def test_shape_of_the_file(spec: str) -> None:
    text = vla_compose.eject(spec)
    tree = ast.parse(text)
    modules = [
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports(tree)
    ]
    assert modules == ["__future__", "torch", "torch", "torch.nn"]
    assert text.isascii()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"[ \t]\n", text)
    assert f"from the spec `{spec}`" in text.split("import", 1)[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert ast.get_docstring(node)


@pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)
def test_lines_are_short(reference: Reference) -> None:
    assert max(len(line) for line in ejected(reference).splitlines()) <= 120


def imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


STEPS = {
    "qwen2-vl": ["(n 2 2) 20", "n (2 2 20)", "n 28"],
    "qwen2.5-vl": ["window(n 2 2) 20", "window(n) (2 2 20)", "window(n) 28"],
    "qwen3-vl": [
        *("(n 2 2) 20", "n (2 2 20)", "n 28"),
        *("n (2 2 20)", "n (2 2 20)", "n 28"),
        *("3 x [n 28]", "n 28"),
    ],
    "hunyuan-ocr": [
        *("b (h w) 16", "b 16 h w", "b 32 h//2 w//2", "b 32 h//2 w//2", "b 64 h//2 w//2", "b 64 h//2 w//2+1"),
        *("b (h//2 w//2+1) 64", "b (h//2 w//2+1) 24", "b 1+(h//2 w//2+1)+1 24", "b 1+(h//2 w//2+1)+1 24"),
    ],
    "qwen-vl": ["b (s s) 32", "b (s s) 32", "b 16 32"],
    "qwen-vl-full": ["b (s s) 32", "b (s s) 32", "b 16 32", "b 16 32", "b 16 32", "b 16 32"],
}


@pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)
def test_every_step_has_its_shape(reference: Reference) -> None:
    body = ejected(reference).split("class ", 1)[1]
    comments = iter(text.strip() for text in re.findall(r"  # (.+)", body))
    missing = [step for step in STEPS[reference.spec] if step not in comments]  # in this order
    assert not missing


def test_dims_are_written_in() -> None:
    text = ejected(HUNYUAN)
    assert "#   vision = 16, text = 24, merge = 2\n" in text
    assert "nn.Conv2d(16, 32, kernel_size=2, stride=2)" in text


def test_classes_are_named_after_the_spec_and_its_chains() -> None:
    def names(reference: Reference) -> list[str]:
        return re.findall(r"^class (\w+)", ejected(reference), re.MULTILINE)

    assert names(QWEN3) == ["Qwen3VlMerger", "Qwen3VlDeepstackMergerList", "Qwen3Vl"]
    assert names(QWEN_VL_FULL) == ["QwenVlFullAttnPool", "QwenVlFull"]
    assert names(HUNYUAN) == ["RMSNorm", "HunyuanOcr"]


def test_does_not_depend_on_the_hash_seed() -> None:
    script = """
import hashlib, vla_compose
text = "".join(vla_compose.eject(name) for name in vla_compose.list_specs())
print(hashlib.sha256(text.encode()).hexdigest())
"""
    text = "".join(vla_compose.eject(name) for name in vla_compose.list_specs())
    expected = hashlib.sha256(text.encode()).hexdigest()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        assert ran.stdout.strip() == expected
