"""What `save_pretrained` writes, and what it refuses."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin, constants
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import vla_compose
from tests.parity.harness import randomise
from tests.parity.references import QWEN3
from vla_compose import ModuleError
from vla_compose.files import FileError
from vla_compose.weights import saving
from vla_compose.weights.saving import save_pretrained

ROOT = Path(__file__).parents[2]
FILES = {"model.safetensors", "config.json", "spec.yaml", "README.md"}
DIMS: dict[str, Any] = {"vision": 8, "text": 12}


def made(**more: Any) -> Any:
    return randomise(vla_compose.build("qwen2-vl", **DIMS | more))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what is written ------------------------------------------------------------------------------------


def test_files(tmp_path: Path) -> None:
    module: Any = made().to(torch.bfloat16)
    assert save_pretrained(module, tmp_path / "x") is None
    assert content(tmp_path / "x").keys() == FILES
    text = vla_compose.load("qwen2-vl").text
    assert (tmp_path / "x" / "spec.yaml").read_bytes() == (ROOT / "specs" / "qwen2-vl.yaml").read_bytes()
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert config == {
        "dims": {"vision": 8, "text": 12, "merge": 2},
        "dtype": "bfloat16",
        "library_name": "vla-compose",
        "spec": "qwen2-vl",
        "spec_sha256": digest,
        "spec_version": 1,
    }
    with safe_open(tmp_path / "x" / "model.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata.pop("vla_compose")) == config
    assert metadata == {}
    stored = load_file(tmp_path / "x" / "model.safetensors")
    assert {name: (tuple(t.shape), t.dtype) for name, t in stored.items()} == {
        name: (shape, torch.bfloat16) for name, shape in vla_compose.compose("qwen2-vl", **DIMS).entries()
    }
    assert all(torch.equal(stored[name], value) for name, value in module.state_dict().items())


def test_names_of_files_and_keywords_are_those_of_the_mixin() -> None:
    assert {constants.SAFETENSORS_SINGLE_FILE, constants.CONFIG_NAME, constants.REPOCARD_NAME} < FILES
    assert set(saving.FILES) == FILES
    ours, theirs = (
        inspect.signature(save_pretrained).parameters,
        inspect.signature(PyTorchModelHubMixin.save_pretrained).parameters,
    )
    assert set(ours) - {"module"} == set(theirs) - {"self", "config"}
    pushed = inspect.signature(vla_compose.push_to_hub).parameters
    theirs = inspect.signature(PyTorchModelHubMixin.push_to_hub).parameters
    partial = {"allow_patterns", "ignore_patterns", "delete_patterns"}  # all four files go, and no other
    assert set(pushed) - {"module"} == set(theirs) - {"self", "config"} - partial
    loaded = inspect.signature(vla_compose.from_pretrained).parameters
    theirs = inspect.signature(PyTorchModelHubMixin.from_pretrained).parameters
    assert set(theirs) - {"pretrained_model_name_or_path", "model_kwargs"} < set(loaded)


def test_the_spec_is_kept_byte_for_byte(tmp_path: Path) -> None:
    """Line ends, comments, characters beyond ASCII; and of two specs that give one source, the right one."""
    text = (ROOT / "specs" / "qwen2-vl.yaml").read_text()
    for at, changed in enumerate((text, f"{text}# größer\n", f"{text}# other\n", text.replace("\n", "\r\n"))):
        (tmp_path / f"{at}.yaml").write_bytes(changed.encode())
        save_pretrained(vla_compose.build(tmp_path / f"{at}.yaml", **DIMS), tmp_path / f"{at}")
        assert (tmp_path / f"{at}" / "spec.yaml").read_bytes() == changed.encode()


SCRIPT = """
import sys, torch, vla_compose
torch.manual_seed(0)
module = vla_compose.build("qwen3-vl", vision=8, text=12)
vla_compose.save_pretrained(module, sys.argv[1], repo_id="me/mine", model_card_kwargs={"license": "mit"})
"""


def test_bytes_are_deterministic(tmp_path: Path) -> None:
    """In other processes, with another hash seed, time zone, locale and working folder."""
    found = []
    for at, seed in enumerate(("0", "1")):
        folder = tmp_path / f"run{at}"
        folder.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "TZ": f"UTC{at:+}",
            "LC_ALL": ("C", "C.UTF-8")[at],
        }
        subprocess.run(
            [sys.executable, "-c", SCRIPT, f"out{at}"],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            check=True,
            timeout=120,
        )
        found.append(content(folder / f"out{at}"))
    assert found[0] == found[1]


def test_memory_that_is_shared_or_not_contiguous(tmp_path: Path) -> None:
    module: Any = made(text=32)
    first, second = module.mlp[0], module.mlp[2]
    assert first.weight.shape == second.weight.shape
    second.weight = first.weight
    memory = torch.randn(32 * 32 + 7)
    module.ln_q.weight = nn.Parameter(memory[3:11])
    module.ln_q.bias = nn.Parameter(memory[7:15])
    first.weight.data = memory[: 32 * 32].reshape(32, 32).T
    save_pretrained(module, tmp_path / "x")
    stored = load_file(tmp_path / "x" / "model.safetensors")
    assert all(torch.equal(stored[name], value) for name, value in module.state_dict().items())
    assert torch.equal(stored["mlp.0.weight"], stored["mlp.2.weight"])


def test_the_module_is_left_as_it_was(tmp_path: Path) -> None:
    module: Any = made()
    module.mlp[0].weight.requires_grad_(False)
    before = {name: (p, p.data_ptr(), p.requires_grad) for name, p in module.named_parameters()}
    save_pretrained(module, tmp_path / "x")
    assert {name: (p, p.data_ptr(), p.requires_grad) for name, p in module.named_parameters()} == before
    assert module.training


# --- folders that are there -----------------------------------------------------------------------------


def test_only_our_files_are_replaced(tmp_path: Path) -> None:
    save_pretrained(made(), tmp_path)
    (tmp_path / "training_log.txt").write_text("mine")
    old = content(tmp_path)
    save_pretrained(made(text=16), tmp_path)
    new = content(tmp_path)
    assert new.keys() == old.keys()
    assert {name for name in old if new[name] == old[name]} == {"spec.yaml", "training_log.txt"}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("data", [None, b"{}", b"\xff\xfe"], ids=["release", "empty", "no text"])
def test_another_model_is_not_lost(tmp_path: Path, name: str, data: bytes | None) -> None:
    if data is None:
        save_file({"w": torch.ones(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
        (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}')
        (tmp_path / ({"config.json", "model.safetensors"} - {name}).pop()).unlink()
    else:
        (tmp_path / name).write_bytes(data)
    before = content(tmp_path)
    with pytest.raises(
        FileError, match=rf"{name}` is of another model and would be lost: name another folder"
    ):
        save_pretrained(made(), tmp_path)
    assert content(tmp_path) == before


def test_a_card_that_somebody_wrote_stays(tmp_path: Path) -> None:
    save_pretrained(made(), tmp_path)
    card = (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text(card.replace("# qwen2-vl", "# My merger"))
    save_pretrained(made(text=16), tmp_path)
    assert "# My merger" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    save_pretrained(made(text=16), tmp_path)
    assert (tmp_path / "README.md").read_bytes() == b"\xff\xfe"


def test_links_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "model.safetensors").symlink_to(target)
    with pytest.raises(FileError, match="symbolic link"):
        save_pretrained(made(), tmp_path / "x")
    assert target.read_text() == "mine"
    assert os.listdir(tmp_path / "x") == ["model.safetensors"]


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of file sizes are of POSIX")
    save_pretrained(made(), tmp_path / "x")
    before = content(tmp_path / "x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Large enough for the texts, too small for the weights.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        for name in ("x", "y"):
            with pytest.raises(FileError, match=r"model.safetensors` cannot be written: .*too large"):
                save_pretrained(made(text=64), tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert content(tmp_path / "x") == before
    assert os.listdir(tmp_path) == ["x"]


# --- what is refused ------------------------------------------------------------------------------------


class Holder(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([part])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: nn.Linear(2, 2),
            r"this `Linear` was not made by vla_compose: pass a module that `vla_comp",
        ),
        (lambda m: m.mlp, r"this `Sequential` was not made by vla_compose"),
        (lambda m: Holder(m), r"holds the `qwen2-vl` at `layers.0`: pass `module.layers\[0\]`"),
        (lambda m: nn.Sequential(m), r"holds the `qwen2-vl` at `0`: pass `module\[0\]`"),
        (
            lambda m: torch.compile(m, backend="eager"),
            r"holds the `qwen2-vl` at `_orig_mod`: pass `module._orig_mod`",
        ),
        (lambda m: vla_compose.build("qwen2-vl", device="meta"), r"`ln_q.weight` is on the meta device"),
    ],
    ids=["other", "plain-part", "holder", "sequential", "compiled", "meta"],
)
def test_other_modules(tmp_path: Path, change, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        save_pretrained(change(made()), tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_parts_of_a_built_module(tmp_path: Path) -> None:
    module: Any = QWEN3.build()
    for part in (module.merger, module.deepstack_merger_list[0]):
        with pytest.raises(ModuleError, match=r"part of a built module.*pass the whole module"):
            save_pretrained(part, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def grown(module: Any) -> Any:
    module.extra = nn.Linear(2, 2)
    return module


def shrunk(module: Any) -> Any:
    module.mlp[0].bias = None
    return module


def reshaped(module: Any) -> Any:
    module.ln_q = nn.LayerNorm(16)
    return module


def counted(module: Any) -> Any:
    module.ln_q.weight = nn.Parameter(torch.ones(8, dtype=torch.int8), requires_grad=False)
    return module


def sparse(module: Any) -> Any:
    module.ln_q.weight = nn.Parameter(torch.ones(8).to_sparse())
    return module


class Marked(torch.Tensor):
    pass


def wrapped(module: Any) -> Any:
    module.ln_q.weight = nn.Parameter(torch.ones(8).as_subclass(Marked))
    return module


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            grown,
            r"no longer the `qwen2-vl` that was built: it has besides `extra.weight`, `extra.bias`\. Fix:",
        ),
        (shrunk, r"it lacks `mlp.0.bias`"),
        (reshaped, r"of another shape: `ln_q.weight` is \(16,\), not \(8,\), `ln_q.bias`"),
        (lambda m: (weight_norm(m.mlp[0]), m)[1], r"it has besides `mlp.0.parametrizations"),
        (lambda m: m.to(torch.float8_e4m3fn), r"`ln_q.weight` holds float8_e4m3fn.*dequantise"),
        (counted, r"`ln_q.weight` holds int8, not plain floating-point numbers"),
        (sparse, r"`ln_q.weight` holds sparse_coo"),
        (wrapped, r"`ln_q.weight` is a `Marked`, no plain tensor"),
    ],
)
def test_modules_that_were_changed(tmp_path: Path, change, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        save_pretrained(change(made()), tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_lora_is_merged_first(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    module: Any = made()
    wrapped = get_peft_model(module, LoraConfig(target_modules=vla_compose.lora_targets(module)))
    with pytest.raises(ModuleError, match=r"holds the `qwen2-vl` at `base_model.model`"):
        save_pretrained(wrapped, tmp_path / "x")
    with pytest.raises(ModuleError, match=r"lora_A.*merge_and_unload"):
        save_pretrained(module, tmp_path / "x")
    save_pretrained(wrapped.merge_and_unload(), tmp_path / "x")
    assert content(tmp_path / "x").keys() == FILES


def test_a_computed_table_that_was_changed(tmp_path: Path) -> None:
    module: Any = vla_compose.build("granite-docling")
    name, table = next(iter(module.named_buffers()))
    assert name not in module.state_dict()
    with torch.no_grad():
        table.add_(0.1)
    with pytest.raises(ModuleError, match=f"the buffer `{name}` is not what the spec computes"):
        save_pretrained(module, tmp_path / "x")


def test_keywords_of_a_push_need_one(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'private', which needs push_to_hub=True"):
        save_pretrained(made(), tmp_path / "x", private=True)
    assert os.listdir(tmp_path) == []
