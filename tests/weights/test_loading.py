from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import vla_compose
from vla_compose import report_of
from vla_compose.check.infer import infer
from vla_compose.diagnostics import BuildError
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text
from vla_compose.weights.checkpoint import Checkpoint, open_checkpoint
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.loading import load_into

DIMS: Any = {"vision": 8, "text": 12}
PREFIX = "visual.merger."


def build(device="meta"):
    return vla_compose.build("qwen2-vl", device=device, **DIMS)


def weights(dtype=torch.bfloat16):
    torch.manual_seed(0)
    return {
        f"{PREFIX}{name}": torch.randn(shape).to(dtype)
        for name, shape in vla_compose.compose("qwen2-vl", **DIMS).entries()
    }


NAMES = {name.removeprefix(PREFIX): name for name in weights()}
OTHERS = {"visual.blocks.0.weight": torch.zeros(3), "model.norm.weight": torch.zeros(4, dtype=torch.int8)}


@pytest.fixture
def save(tmp_path):
    def save(tensors, others=OTHERS):
        save_file(tensors | others, tmp_path / "model.safetensors")
        return open_checkpoint(tmp_path)

    return save


@pytest.fixture
def poisoned():
    """Memory that is asked for holds NaN: what is not read is seen."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(5, dtype=torch.bfloat16).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def load(module, checkpoint, **more):
    with checkpoint:
        return load_into(module, checkpoint, NAMES, prefix=PREFIX, **more)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_every_tensor_lands_bit_for_bit(save, poisoned, dtype, device):
    module = build(device)
    expected = weights(dtype)
    report = load(module, save(expected))
    state = module.state_dict()
    assert list(state) == list(NAMES)
    for ours, theirs in NAMES.items():
        assert state[ours].dtype is dtype
        assert torch.equal(state[ours], expected[theirs])
    assert report.tensors == len(NAMES)
    assert report.dtype == report.stored_dtype == str(dtype).removeprefix("torch.")
    assert report_of(module) is report


def test_what_the_module_was_made_like_stays(save):
    module = build("cpu")
    module.eval()
    module.ln_q.weight.requires_grad_(False)
    load(module, save(weights()))
    assert not module.training
    assert {name for name, value in module.named_parameters() if not value.requires_grad} == {"ln_q.weight"}
    assert all(isinstance(value, nn.Parameter) for _, value in module.named_parameters())


def test_the_module_runs_and_trains(save):
    module = build()
    load(module, save(weights(torch.float32)))
    module(torch.randn(8, 8)).sum().backward()
    assert all(value.grad is not None for value in module.parameters())


def test_a_loader_that_skips_a_tensor_is_caught(save, monkeypatch):
    module = build("cpu")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    real = Checkpoint.read_into
    monkeypatch.setattr(
        Checkpoint,
        "read_into",
        lambda self, name, tensor: 0 if name.endswith("mlp.2.bias") else real(self, name, tensor),
    )
    with pytest.raises(CheckpointError, match=r"not read whole.*\n  `mlp.2.bias`: 0 of 24 bytes"):
        load(module, save(weights()))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_store_that_fills_half_of_a_tensor_is_caught(save, poisoned, monkeypatch):
    from vla_compose.weights.local import LocalStore

    real = LocalStore.copy
    monkeypatch.setattr(
        LocalStore, "copy", lambda self, file, begin, into: real(self, file, begin, into[: len(into) // 2])
    )
    with pytest.raises(CheckpointError, match=r"not read whole.*\n  `ln_q.weight`: 8 of 16 bytes"):
        load(build(), save(weights()))


def test_nothing_stays_on_meta(save, monkeypatch):
    monkeypatch.setattr(
        nn.Module, "load_state_dict", lambda self, state, strict, assign: state.pop("mlp.0.bias")
    )
    with pytest.raises(CheckpointError, match="no checkpoint holds values"):
        load(build(), save(weights()))


# --- all or nothing ----------------------------------------------------------------------------------------


def refused(save, tensors, reason, **more):
    """Nothing is read but headers, and a module that had weights has them still."""
    module = build("cpu")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    checkpoint = save(tensors, more.pop("others", OTHERS))
    headers = checkpoint.read_bytes
    with pytest.raises(CheckpointError) as error:
        load(module, checkpoint, **more)
    assert checkpoint.read_bytes == headers
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert report_of(module) is None
    assert reason in str(error.value)
    return error.value


def test_missing_tensors_are_named_with_the_nearest(save):
    found = weights()
    found[f"{PREFIX}mlp.0.wieght"] = found.pop(f"{PREFIX}mlp.0.weight")
    error = refused(save, found, "does not fit the adapter; nothing was loaded")
    assert error.details == (
        "missing: `visual.merger.mlp.0.weight`, our `mlp.0.weight`; "
        "the nearest is `visual.merger.mlp.0.wieght`",
        "left over: `visual.merger.mlp.0.wieght` is no parameter of the adapter; "
        "the nearest that it has is `visual.merger.mlp.0.weight`",
    )


def test_tensors_among_those_of_the_adapter_are_left_over(save):
    error = refused(save, weights() | {f"{PREFIX}mlp.4.weight": torch.zeros(1)}, "left over")
    assert len(error.details) == 1
    assert "`visual.merger.mlp.4.weight` is no parameter" in error.details[0]


def test_a_file_of_the_adapter_alone_holds_nothing_else(save):
    tensors = {name.removeprefix(PREFIX): value for name, value in weights().items()}
    names = {name: name for name in tensors}
    with save(tensors, {}) as checkpoint:
        load_into(build(), checkpoint, names)
    with save(tensors, {"head.weight": torch.zeros(1)}) as checkpoint:
        with pytest.raises(CheckpointError, match=r"left over: `head.weight`"):
            load_into(build(), checkpoint, names)
        load_into(build(), checkpoint, names, prefix="")


def test_wrong_shapes(save):
    found = weights()
    found[f"{PREFIX}mlp.2.weight"] = torch.zeros(32, 12, dtype=torch.bfloat16)
    found[f"{PREFIX}mlp.2.bias"] = torch.zeros((), dtype=torch.bfloat16)
    error = refused(save, found, "does not fit")
    assert error.details == (
        "shape: `visual.merger.mlp.2.weight` is 32 x 12, not 12 x 32",
        "shape: `visual.merger.mlp.2.bias` is a single number, not 12",
    )


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (torch.int64, "holds no floating-point numbers (I64)"),
        (torch.int8, "holds no floating-point numbers (I8)"),
        (torch.bool, "holds no floating-point numbers (BOOL)"),
        (torch.complex64, "holds no floating-point numbers (C64)"),
        (torch.float8_e4m3fn, "is quantised (F8_E4M3)"),
    ],
)
@pytest.mark.parametrize("asked", [None, torch.float32])
def test_what_is_no_floating_point_number_is_never_cast(save, dtype, reason, asked):
    found = weights() | {f"{PREFIX}mlp.2.bias": torch.zeros(12, dtype=dtype)}
    error = refused(save, found, "does not fit", dtype=asked)
    assert error.details == (f"type: `visual.merger.mlp.2.bias` {reason}, not one of F64, F32, F16, BF16",)


def test_several_types_need_a_choice(save):
    found = weights() | {f"{PREFIX}ln_q.weight": torch.ones(8)}
    error = refused(
        save,
        found,
        "mostly BF16: choose what to convert to, such as `dtype=torch.bfloat16` (`--dtype bfloat16`)",
    )
    assert error.details == ("`visual.merger.ln_q.weight` is F32",)
    module = build()
    report = load(module, save(found), dtype=torch.float32)
    assert {value.dtype for value in module.parameters()} == {torch.float32}
    assert (report.stored_dtype, report.dtype) == ("float32, bfloat16", "float32")


def test_every_fault_is_in_one_list(save):
    found = weights() | {f"{PREFIX}mlp.4.bias": torch.zeros(1), f"{PREFIX}mlp.2.bias": torch.zeros(5)}
    found[f"{PREFIX}ln_q.weight"] = torch.zeros(8, dtype=torch.int8)
    del found[f"{PREFIX}ln_q.bias"]
    error = refused(save, found, "does not fit")
    assert [text.partition(":")[0] for text in error.details] == ["missing", "left over", "shape", "type"]


@pytest.mark.parametrize("asked", [torch.float64, torch.float32, torch.float16])
def test_conversion_is_what_was_asked_for(save, asked):
    module = build()
    expected = weights(torch.float64)
    load(module, save(expected), dtype=asked)
    for ours, theirs in NAMES.items():
        assert torch.equal(module.state_dict()[ours], expected[theirs].to(asked))


@pytest.mark.parametrize("asked", [torch.int8, torch.complex64, torch.bool, torch.float8_e4m3fn])
def test_conversion_to_anything_else(save, asked):
    with pytest.raises(
        BuildError, match=r"give one of torch\.float64, torch\.float32, torch\.float16, torch\.bfloat16"
    ):
        load(build(), save(weights()), dtype=asked)


def test_a_checkpoint_that_breaks_while_it_is_read(save, tmp_path):
    """Half of the tensors are read already; the module has none of them."""
    module = build("cpu")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    checkpoint = save(weights())
    calls = []

    def progress(done, total):
        calls.append((done, total))
        (tmp_path / "model.safetensors").write_bytes(b"gone")

    with pytest.raises(CheckpointError, match="changed its size"):
        load(module, checkpoint, progress=progress)
    assert len(calls) == 1
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_progress_ends_at_all_bytes(save):
    calls = []
    load(build(), save(weights()), progress=lambda done, total: calls.append((done, total)))
    total = sum(tensor.numel() * 2 for tensor in weights().values())
    assert [all_ for _, all_ in calls] == [total] * len(calls)
    assert calls[-1] == (total, total)
    assert sorted(calls) == calls


@pytest.mark.parametrize("device", ["meta", "nowhere", "cuda:99"])
def test_a_device_that_holds_no_weights(save, device):
    with pytest.raises(BuildError):
        load(build(), save(weights()), device=device)


# --- buffers that no checkpoint holds ----------------------------------------------------------------------

FIXED = """\
spec_version: 1
name: fixed
dims: {width: 8, side: 3}
inputs:
  x: b (side side) width
steps:
  - positions: {name: pos_embed}
  - linear: {name: proj, out: width}
"""


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_computed_buffers_have_their_values(tmp_path, dtype):
    spec = load_spec(read_text(FIXED))
    real: Any = vla_compose.build(spec, dtype=dtype)
    assert "pos_embed" not in real.state_dict()
    save_file(real.state_dict(), tmp_path / "model.safetensors")
    from vla_compose.compiled import compiled

    with torch.device("meta"):
        module: Any = compiled(infer(spec))()
    with open_checkpoint(tmp_path) as checkpoint:
        load_into(module, checkpoint, {name: name for name in real.state_dict()})
    assert torch.equal(module.pos_embed, real.pos_embed)
    assert module.pos_embed.dtype is real.pos_embed.dtype
    x = torch.randn(2, 9, 8, dtype=dtype)
    assert torch.equal(module(x), real(x))
