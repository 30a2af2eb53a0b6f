"""The printout of what trains."""

from __future__ import annotations

import io
from typing import Any

import torch
from rich.console import Console
from torch import nn

import vla_compose
from tests.parity.references import QWEN2
from tests.training.models import PATH, small
from vla_compose import freeze_except, trainable


def test_only_the_adapter() -> None:
    model, adapter = small()
    report = freeze_except(model, adapter).report
    own = sum(parameter.numel() for parameter in adapter.parameters())
    every = sum(parameter.numel() for parameter in model.parameters())
    assert (report.trained, report.total) == (own, every)
    assert [(part.path, part.kind, part.parameters) for part in report.parts] == [(PATH, "Qwen2Vl", own)]
    lines = str(trainable(model)).splitlines()
    assert lines[:2] == ["what trains", "  part                  class     copies   dtype     parameters"]
    assert lines[2].split() == [PATH, "Qwen2Vl", "1", "float32", f"{own:,}"]
    assert lines[-2:] == [
        f"  trains   {own:,} of {every:,} parameters ({own / every:.2%})",
        f"  frozen   {every - own:,}",
    ]


def test_layers_that_differ_in_numbers_count_together() -> None:
    model: Any = nn.Module()
    model.layers = nn.ModuleList(
        nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(3, 2)}) for _ in range(5)
    )
    for layer in model.layers:
        layer["b"].requires_grad_(False)
    model.layers[3]["a"].to(torch.bfloat16)
    rows = [(part.path, part.count, part.dtype, part.parameters) for part in trainable(model).parts]
    assert rows == [("layers.*.a", 4, "float32", 36), ("layers.3.a", 1, "bfloat16", 9)]


def test_shared_parameters_count_once() -> None:
    model: Any = nn.ModuleDict(
        {"a": nn.Linear(4, 4, bias=False), "b": nn.Linear(4, 4, bias=False), "c": nn.Linear(4, 4)}
    )
    model["b"].weight = model["a"].weight
    model["c"].requires_grad_(False)
    report = trainable(model)
    assert (report.trained, report.total) == (16, 36)
    assert [(part.path, part.kind, part.parameters) for part in report.parts] == [
        ("a", "Linear", 16),
        ("b", "Linear, shared", 0),
    ]


def test_all_and_nothing() -> None:
    module: Any = QWEN2.build()
    (part,) = trainable(module).parts
    assert (part.path, part.parameters) == ("(the whole)", sum(p.numel() for p in module.parameters()))
    module.requires_grad_(False)
    assert trainable(module).parts == ()
    assert str(trainable(module)).startswith("total\n  trains   0 of ")
    assert str(trainable(nn.ReLU())) == "total\n  trains   0 of 0 parameters\n  frozen   0"


def test_parameters_without_a_module_of_their_own() -> None:
    module: Any = vla_compose.build("qwen-vl", vision=24, text=32, queries=16, heads=4)
    rows = {part.path: part.kind for part in trainable(module).parts}
    assert rows == {
        "query": "Parameter",
        "kv_proj": "Linear",
        "attn": "MultiheadAttention",
        "ln_q": "LayerNorm",
        "ln_kv": "LayerNorm",
    }


def test_rich_shows_a_box() -> None:
    model, adapter = small()
    stream = io.StringIO()
    Console(file=stream, width=80).print(freeze_except(model, adapter))
    shown = stream.getvalue()
    assert "╭" in shown
    assert PATH in shown
    assert "Qwen2Vl" in shown
    assert max(map(len, shown.splitlines())) <= 80
