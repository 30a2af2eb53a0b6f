"""Built modules behave like modules that were written by hand."""

from __future__ import annotations

import copy
import inspect
import linecache
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vla_compose
from tests.parity.harness import Reference, flatten, leaves, randomise
from tests.parity.references import QWEN2, QWEN3, SEEDS

ROOT = Path(__file__).parents[2]
each_seed = pytest.mark.parametrize("reference", SEEDS, ids=lambda reference: reference.name)


def made(reference: Reference) -> Any:
    return randomise(reference.build()).eval()


def inputs(reference: Reference, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    torch.manual_seed(0)
    return leaves(reference.cases[1].inputs(), dtype)


def equal(left: Any, right: Any) -> bool:
    pairs = zip(flatten(left), flatten(right), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    mine, yours = left.state_dict(), right.state_dict()
    return list(mine) == list(yours) and all(torch.equal(mine[name], yours[name]) for name in mine)


# --- copies ---------------------------------------------------------------------------------------------


@each_seed
def test_deepcopy(reference: Reference) -> None:
    module, x = made(reference), inputs(reference)
    clone = copy.deepcopy(module)
    assert type(clone) is type(module)
    assert same_weights(clone, module)
    assert equal(clone(**x), module(**x))
    with torch.no_grad():
        next(clone.parameters()).add_(1)
    assert not same_weights(clone, module)


@each_seed
def test_pickle(reference: Reference) -> None:
    module, x = made(reference), inputs(reference)
    module.note = "kept"
    clone = pickle.loads(pickle.dumps(module))
    assert type(clone) is type(module)
    assert clone.note == "kept"
    assert not clone.training
    assert equal(clone(**x), module(**x))
    frozen = [name for name, parameter in clone.named_parameters() if not parameter.requires_grad]
    assert frozen == [name for name, parameter in module.named_parameters() if not parameter.requires_grad]


def test_pickle_of_a_part() -> None:
    module, x = made(QWEN3), torch.randn(8, 20)
    clone = pickle.loads(pickle.dumps(module.deepstack_merger_list[1]))
    assert torch.equal(clone(x), module.deepstack_merger_list[1](x))


def test_pickle_and_saved_module_in_a_fresh_process(tmp_path: Path) -> None:
    """The class is made again from the spec; a checkpoint of the whole module loads as well."""
    modules = {reference.name: made(reference) for reference in SEEDS}
    arguments = {reference.name: inputs(reference) for reference in SEEDS}
    (tmp_path / "modules.pickle").write_bytes(pickle.dumps(modules))
    torch.save(modules, tmp_path / "modules.pt")
    torch.save(arguments, tmp_path / "inputs.pt")
    script = f"""
import pickle, sys, torch
sys.path.insert(0, {str(ROOT)!r})
folder = sys.argv[1]
with open(folder + "/modules.pickle", "rb") as file:
    modules = pickle.load(file)
again = torch.load(folder + "/modules.pt", weights_only=False)
inputs = torch.load(folder + "/inputs.pt", weights_only=True)
outputs = {{name: (module(**inputs[name]), again[name](**inputs[name])) for name, module in modules.items()}}
torch.save(outputs, folder + "/outputs.pt")
torch.save({{name: module.state_dict() for name, module in modules.items()}}, folder + "/weights.pt")
"""
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert not ran.returncode, ran.stderr
    outputs, weights = torch.load(tmp_path / "outputs.pt"), torch.load(tmp_path / "weights.pt")
    for name, module in modules.items():
        assert all(torch.equal(value, weights[name][key]) for key, value in module.state_dict().items())
        expected = flatten(module(**arguments[name]))
        for result in outputs[name]:
            for ours, theirs in zip(flatten(result), expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@each_seed
def test_state_dict_survives_a_file(reference: Reference, tmp_path: Path) -> None:
    module = made(reference)
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    other = reference.build()
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True), strict=True)
    assert same_weights(other, module)


# --- dtype, device, random numbers ----------------------------------------------------------------------


@each_seed
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_dtypes(reference: Reference, dtype: torch.dtype) -> None:
    built = reference.build(dtype=dtype)
    moved = reference.build().to(dtype)
    assert {p.dtype for p in built.parameters()} == {p.dtype for p in moved.parameters()} == {dtype}
    moved.load_state_dict(built.state_dict())
    x = inputs(reference, dtype)
    assert {tensor.dtype for tensor in flatten(built(**x))} == {dtype}
    assert equal(built.eval()(**x), moved.eval()(**x))


def test_half_and_bfloat16_methods() -> None:
    assert QWEN2.build().half().mlp[0].weight.dtype == torch.float16
    assert QWEN2.build().bfloat16().mlp[0].weight.dtype == torch.bfloat16


@each_seed
def test_meta_device_then_weights(reference: Reference) -> None:
    module, x = made(reference), inputs(reference)
    state = torch.get_rng_state()
    empty = reference.build(device="meta")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.is_meta for parameter in empty.parameters())
    shapes = [
        tensor.shape for tensor in flatten(empty(**{name: on_meta(value) for name, value in x.items()}))
    ]
    assert shapes == [tensor.shape for tensor in flatten(module(**x))]

    filled = empty.to_empty(device="cpu").eval()
    filled.load_state_dict(module.state_dict(), strict=True)
    assert equal(filled(**x), module(**x))
    assigned = reference.build(device="meta").eval()
    assigned.load_state_dict(module.state_dict(), strict=True, assign=True)
    assert equal(assigned(**x), module(**x))


def on_meta(value: Any) -> Any:
    if isinstance(value, list):
        return [on_meta(part) for part in value]
    return value.to("meta") if isinstance(value, Tensor) else value


def test_meta_device_allocates_nothing() -> None:
    module = vla_compose.build("qwen2-vl", vision=2**14, text=2**16, device="meta")
    assert sum(parameter.numel() for parameter in module.parameters()) > 8 * 10**9


@each_seed
def test_ambient_device_and_dtype(reference: Reference) -> None:
    with torch.device("meta"):
        assert all(parameter.is_meta for parameter in reference.build().parameters())
    torch.set_default_dtype(torch.float64)
    try:
        module = reference.build()
    finally:
        torch.set_default_dtype(torch.float32)
    # The table of positions is made in float32 by the original too.
    kinds = {p.dtype for name, p in module.named_parameters() if not name.endswith("pos_embed")}
    assert kinds == {torch.float64}


@each_seed
def test_same_seed_gives_same_weights(reference: Reference) -> None:
    torch.manual_seed(5)
    first = reference.build()
    torch.manual_seed(5)
    second = reference.build()
    third = reference.build()
    assert same_weights(first, second)
    assert not same_weights(first, third)


@each_seed
def test_fresh_modules_are_in_train_mode_and_finite(reference: Reference) -> None:
    module = reference.build()
    assert module.training
    assert all(parameter.isfinite().all() for parameter in module.parameters())


# --- classes --------------------------------------------------------------------------------------------


def test_one_class_for_equal_source() -> None:
    first, second = QWEN2.build(), QWEN2.build()
    assert type(first) is type(second)
    assert type(vla_compose.build(vla_compose.load("qwen2-vl"), **QWEN2.dims)) is type(first)
    assert type(vla_compose.build("qwen2-vl", vision=20, text=32)) is not type(first)
    assert (
        type(first).__name__ == type(vla_compose.build("qwen2-vl", vision=20, text=32)).__name__ == "Qwen2Vl"
    )


@each_seed
def test_source_can_be_inspected(reference: Reference) -> None:
    module = reference.build()
    text = vla_compose.eject(reference.spec, **reference.dims)
    linecache.checkcache()
    file = sys.modules[type(module).__module__]
    assert inspect.getsource(file) == text
    for kind in {type(part) for part in module.modules() if type(part).__module__ == type(module).__module__}:
        source = inspect.getsource(kind)
        assert source.startswith(f"class {kind.__name__}(nn.Module):\n")
        assert f"\n\n\n{source}" in text
    assert inspect.getsource(type(module).forward) in text
    assert inspect.getdoc(type(module))


def test_traceback_shows_the_generated_line() -> None:
    module = QWEN2.build()
    module.mlp[0] = nn.Linear(3, 3)
    with pytest.raises(RuntimeError) as caught:
        module(torch.randn(8, 20))
    text = "".join(traceback.format_exception(caught.value))
    assert "x = self.mlp(x)" in text
    assert "<vla_compose qwen2-vl " in text
    assert inspect.getmodule(type(module)) is sys.modules[type(module).__module__]


def test_repr() -> None:
    assert repr(vla_compose.build("qwen2.5-vl", vision=20, text=28)) == (
        "Qwen25Vl(\n"
        "  (ln_q): RMSNorm(20, eps=1e-06)\n"
        "  (mlp): Sequential(\n"
        "    (0): Linear(in_features=80, out_features=80, bias=True)\n"
        "    (1): GELU(approximate='none')\n"
        "    (2): Linear(in_features=80, out_features=28, bias=True)\n"
        "  )\n"
        ")"
    )
    text = repr(QWEN3.build())
    assert "(merger): Qwen3VlMerger(" in text
    assert "(0-2): 3 x Qwen3VlDeepstackMergerList(" in text


@each_seed
def test_signature_is_the_declared_inputs(reference: Reference) -> None:
    found = list(inspect.signature(reference.build().forward).parameters)
    assert found == list(vla_compose.load(reference.spec).inputs)


def test_hooks_and_apply() -> None:
    module, seen = QWEN3.build(), []
    for part in module.deepstack_merger_list:
        part.register_forward_hook(lambda part, args, result: seen.append(result.shape))
    module(torch.randn(8, 20), [torch.randn(8, 20)] * 3)
    assert seen == [torch.Size([2, 28])] * 3
    module.apply(lambda part: part.requires_grad_(False))
    assert not any(parameter.requires_grad for parameter in module.parameters())
