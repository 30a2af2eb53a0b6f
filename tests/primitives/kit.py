"""Short specs around one step, and what is asked of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import vla_compose
from tests.parity.harness import randomise
from vla_compose.check.graph import Graph
from vla_compose.spec.model import Spec
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

DIMS = "{c: 6, d: 10, w8: 8, m: 2, k: 3, side: 4, q: 9, heads: 2, depth: 2}"
MARK = "§"


def text(x: str, steps: str, inputs: str = "", dims: str = DIMS) -> str:
    """A spec of one chain. `steps` and `inputs` hold one entry a line."""
    lines = ["spec_version: 1", "name: t", f"dims: {dims}", "inputs:", f"  x: {x}"]
    lines += [f"  {line}" for line in inputs.splitlines()]
    lines += ["steps:", *(f"  {line}" for line in steps.splitlines())]
    return "\n".join(lines) + "\n"


def spec(x: str, steps: str, inputs: str = "") -> Spec:
    """The same, read."""
    return load_spec(read_text(text(x, steps, inputs)))


def graph(x: str, steps: str, inputs: str = "", **dims: int) -> Graph:
    """The same, checked."""
    return vla_compose.compose(spec(x, steps, inputs), variant=None, **dims)


def after(x: str, steps: str, inputs: str = "") -> str:
    """The type after the last step."""
    return str(graph(x, steps, inputs).outputs[0][1].type)


def contracts(x: str, steps: str, inputs: str = "") -> list[str]:
    """What is demanded of sizes at run time."""
    return [str(found) for checked in graph(x, steps, inputs).chains for found in checked.requirements]


def built(x: str, steps: str, inputs: str = "") -> Any:
    """The module in float64, with weights that show; its state dict is what the graph says."""
    made = spec(x, steps, inputs)
    module = vla_compose.build(made)
    entries = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    assert entries == vla_compose.compose(made).entries()
    return randomise(module).double().eval()


def fresh(x: str, steps: str, inputs: str = "", **dims: int) -> Any:
    """The module as it is made, with the values that it starts from."""
    return vla_compose.build(spec(x, steps, inputs), variant=None, device=None, dtype=None, **dims)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Numbers in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(left: Any, right: Any) -> None:
    """Equal shapes, and numbers equal to 1e-12."""
    assert left.shape == right.shape
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)


def refused(code: str, x: str, steps: str, inputs: str = "", dims: str = DIMS) -> str:
    """The spec has one mistake of that code, at the mark, and help for it; gives back its message."""
    return refused_text(code, text(x, steps, inputs, dims))


def refused_text(code: str, marked: str) -> str:
    """The same for a whole spec."""
    before, found, after_ = marked.partition(MARK)
    assert found
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    diagnostics = vla_compose.check(before + after_)
    seen = [(d.code, d.span.line, d.span.column) if d.span else (d.code,) for d in diagnostics]
    assert seen == [(code, line, column)], [str(d) for d in diagnostics]
    assert diagnostics[0].help
    return diagnostics[0].message


def read(written: str) -> Spec:
    """A whole spec, read."""
    return load_spec(read_text(written))
