"""The registry, the files and the tests match one to one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import vla_compose
from tests.primitives.kit import text
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.fields import CALLED, RESERVED

HERE = Path(__file__).parent
SOURCE = Path(vla_compose.__file__).parent / "primitives"
SHARED = {"__init__", "base", "fields"}

# A minimal type and inputs that the example of each primitive fits.
AROUND = {
    "conv2d": ("b c h w", ""),
    "to_tokens": ("b c h w", ""),
    "drop": ("b 1+n c", ""),
    "spatial_merge": ("(n merge merge) c", ""),
    "to_map": ("b (s s) c", ""),
    "positions": ("b (side side) c", ""),
    "anyres_pack": ("tiles (side side) c", "image_sizes: {grid: height width}"),
    "temporal_merge": ("packed(t h w) c", "grid_thw: {grid: t h w}"),
    "multihead_attention": ("b (s s) c", ""),
    "unwindow": ("window(n) c", "window_index: n"),
}
DIMS = "{c: 8, text: 12, merge: 2, side: 4, tile: 16, queries: 9, heads: 2, depth: 2, frames: 2, vision: 8}"


def test_every_file_is_one_primitive():
    assert {path.stem for path in SOURCE.glob("*.py")} - SHARED == set(REGISTRY)
    assert all(kind == primitive.kind for kind, primitive in REGISTRY.items())
    assert all(
        primitive.__module__ == f"vla_compose.primitives.{kind}" for kind, primitive in REGISTRY.items()
    )


def test_every_primitive_has_tests():
    assert {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")} - {"registry"} == set(
        REGISTRY
    )


def example(kind: str) -> str:
    page = REGISTRY[kind].page()
    _, found, after = page.partition("Example:")
    assert found, f"{kind} has no example"
    inline = re.search(r"`(- [^`]+)`", after)
    return inline[1] if inline else re.sub(r"(?m)^ {4}", "", after.strip("\n"))


@pytest.mark.parametrize("kind", REGISTRY)
def test_page_and_example(kind):
    page = REGISTRY[kind].page()
    assert page.partition("\n")[0].endswith((".", ":", "`"))
    steps = example(kind)
    assert kind in str(yaml.safe_load(steps))
    x, inputs = AROUND.get(kind, ("b n c", ""))
    if kind in ("attention", "multihead_attention"):
        steps = f"- queries: {{name: s, count: queries}}\n- linear: {{name: l, out: 8}}\n{steps}"
        steps = steps.replace("heads: 16, kv_heads: 4, head_dim: 96", "heads: 4, kv_heads: 2, head_dim: 96")
    written = text(x, steps.strip(), inputs, DIMS)
    assert vla_compose.check(written) == [], written


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_field_is_described(kind):
    for name, field in REGISTRY[kind].model_fields.items():
        assert field.description, f"{kind}.{name}"


def test_reserved_names_are_what_a_module_has():
    """Every attribute of a module is refused as a name; names that torch drops stay refused.

    Asked of a new process: libraries that other tests import add attributes of their own.
    """
    command = "from torch import nn; print(*dir(nn.Module()))"
    ran = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert {name for name in ran.stdout.split() if not name.startswith("__")} <= RESERVED
    assert {"self", "torch", "nn", "F", "Tensor"} <= RESERVED
    assert not RESERVED & {
        "weight",
        "bias",
        "proj",
        "norm",
        "layers",
        "mlp",
        "attn",
        "merger",
        "keys",
        "values",
        "x",
    }


def test_called_names_are_what_runtime_pieces_are_called():
    """Functions of the runtime stand beside the classes; classes are told apart by their capitals."""
    for path in (SOURCE.parent / "runtime").glob("*.py"):
        for function in re.findall(r"(?m)^def (\w+)", path.read_text()):
            assert function in CALLED or function in {"best_grid", "unpad"}, function


@pytest.mark.parametrize("name", sorted(RESERVED - {"self", "F"}))
def test_a_reserved_name_is_refused(name):
    found = vla_compose.check(text("b n c", f"- linear: {{name: {name}, out: 4}}"))
    assert [diagnostic.code for diagnostic in found] == ["VC302"]


def test_names_beside_reserved_ones_work():
    for name in (
        "keys",
        "values",
        "items",
        "weight",
        "data",
        "device",
        "dtype",
        "grad",
        "x",
        "forward_",
        "len",
        "list",
    ):
        from tests.primitives.kit import spec

        module = vla_compose.build(spec("b n c", f"- linear: {{name: {name}, out: 4}}"))
        assert module(torch.zeros(1, 2, 6)).shape == (1, 2, 4)
