"""What `save_pretrained` wrote comes back with equal bits, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import close_session  # type: ignore[attr-defined]
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import vla_compose
from tests.parity.harness import Reference, flatten, leaves, randomise
from tests.parity.pilots import PILOTS
from tests.parity.references import QWEN3, QWEN3_ONE_LAYER, QWEN_VL, QWEN_VL_IDENTITY, SEEDS
from tests.weights.server import COMMIT, serving
from tests.weights.writing import WritingHandler, use
from vla_compose import from_pretrained, save_pretrained
from vla_compose.diagnostics import BuildError, VlaComposeError
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.loading import report_of

ROOT = Path(__file__).parents[2]
SHIPPED = [*SEEDS, QWEN3_ONE_LAYER, QWEN_VL_IDENTITY, *PILOTS]
HALF = torch.bfloat16


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and all buffers, those of no file too."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def assert_equal(mine: nn.Module, theirs: nn.Module) -> None:
    assert type(mine) is type(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    left, right = tensors(mine), tensors(theirs)
    assert left.keys() == right.keys()
    for name, value in left.items():
        other = right[name]
        assert (value.dtype, value.shape, value.requires_grad) == (
            other.dtype,
            other.shape,
            other.requires_grad,
        ), name
        assert torch.equal(value.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)), name


# --- round trips ----------------------------------------------------------------------------------------


def test_every_shipped_spec_is_in_the_list() -> None:
    assert {reference.spec for reference in SHIPPED} == set(vla_compose.list_specs())


@pytest.mark.parametrize("dtype", [torch.float32, HALF, torch.float16], ids=["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("reference", SHIPPED, ids=lambda reference: reference.name)
def test_round_trip(tmp_path: Path, reference: Reference, dtype: torch.dtype) -> None:
    module: Any = randomise(reference.build(dtype=dtype))
    save_pretrained(module, tmp_path / "x")
    again = from_pretrained(tmp_path / "x")
    assert_equal(module, again)
    assert not again.training
    if dtype is torch.float32:
        torch.manual_seed(0)
        inputs = leaves(reference.cases[0].inputs(), dtype)
        pairs = zip(flatten(module.eval()(**inputs)), flatten(again(**inputs)), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


CORPUS = sorted([*(ROOT / "tests" / "specs" / "good").glob("*.yaml")])


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_round_trip_of_the_corpus(tmp_path: Path, path: Path) -> None:
    """Inline chains, lists with `each`, unused parameters, computed tables, no parameters at all."""
    spec = vla_compose.load(path)
    for variant in (None, *spec.variants):
        module: Any = randomise(vla_compose.build(spec, variant=variant))
        save_pretrained(module, tmp_path / f"{variant}")
        assert_equal(module, from_pretrained(tmp_path / f"{variant}"))


def test_bits_of_odd_numbers(tmp_path: Path) -> None:
    """NaN, infinities, signed zeros and subnormals."""
    module: Any = vla_compose.build("qwen2-vl", vision=8, text=12)
    bits = torch.tensor(
        [0x7FC00001, 0x7F800000, -0x800000, -0x80000000, 1, 0x7F7FFFFF, 0, -1], dtype=torch.int32
    )
    module.ln_q.weight.data = bits.view(torch.float32)
    save_pretrained(module, tmp_path / "x")
    assert_equal(module, from_pretrained(tmp_path / "x"))


def test_types_that_differ(tmp_path: Path) -> None:
    module: Any = randomise(vla_compose.build("granite-docling", dtype=HALF, **PILOTS[-1].dims))
    first, *_ = [part for part in module.modules() if isinstance(part, nn.LayerNorm | nn.Linear)]
    first.to(torch.float32)
    save_pretrained(module, tmp_path / "x")
    assert json.loads((tmp_path / "x" / "config.json").read_text())["dtype"] == "mixed"
    assert_equal(module, from_pretrained(tmp_path / "x"))
    once = from_pretrained(tmp_path / "x", dtype=torch.float16)
    assert {value.dtype for value in tensors(once).values()} == {torch.float16}


def test_computed_tables_keep_their_type(tmp_path: Path) -> None:
    module: Any = vla_compose.build("granite-docling", **PILOTS[-1].dims)
    names = [name for name, _ in module.named_buffers()]
    assert names
    for parameter in module.parameters():
        parameter.data = parameter.data.to(HALF)
    save_pretrained(module, tmp_path / "x")
    again = from_pretrained(tmp_path / "x")
    assert_equal(module, again)
    assert {buffer.dtype for buffer in again.buffers()} == {torch.float32}


def test_another_type_is_the_same_as_a_cast(tmp_path: Path) -> None:
    module: Any = randomise(QWEN3.build())
    save_pretrained(module, tmp_path / "x")
    assert_equal(module.to(HALF), from_pretrained(tmp_path / "x", dtype=HALF))


def test_what_trains_is_that_of_a_fresh_module(tmp_path: Path) -> None:
    module: Any = QWEN_VL.build()
    fixed = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    assert fixed
    module.requires_grad_(False)
    save_pretrained(module, tmp_path / "x")
    again = from_pretrained(tmp_path / "x")
    assert [name for name, parameter in again.named_parameters() if not parameter.requires_grad] == fixed


def test_saved_again_the_bytes_are_the_same(tmp_path: Path) -> None:
    save_pretrained(randomise(QWEN3.build(dtype=HALF)), tmp_path / "x")
    save_pretrained(from_pretrained(tmp_path / "x"), tmp_path / "y")
    assert {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "y").iterdir()
    }


def test_in_a_process_that_never_saw_the_spec(tmp_path: Path) -> None:
    text = vla_compose.load("qwen2-vl").text.replace("name: qwen2-vl", "name: my-own")
    (tmp_path / "own.yaml").write_text(text)
    module: Any = randomise(vla_compose.build(tmp_path / "own.yaml", vision=8, text=12)).eval()
    save_pretrained(module, tmp_path / "x")
    (tmp_path / "own.yaml").unlink()
    x = torch.randn(8, 8)
    torch.save((x, module(x)), tmp_path / "io.pt")
    script = (
        "import torch, vla_compose; m = vla_compose.from_pretrained('x'); x, y = torch.load('io.pt');"
        "assert torch.equal(m(x), y); print(type(m).__name__)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "MyOwn\n", done.stderr


def test_the_report(tmp_path: Path) -> None:
    module: Any = QWEN3.build()
    save_pretrained(module, tmp_path / "x")
    report = report_of(from_pretrained(tmp_path / "x"))
    assert report is not None
    assert report.tensors == len(module.state_dict())
    assert dict(report.dims) == json.loads((tmp_path / "x" / "config.json").read_text())["dims"]
    assert set(report.origins.values()) == {"config.json"}


# --- what is refused ------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_pretrained(randomise(vla_compose.build("qwen2-vl", vision=8, text=12)), tmp_path / "x")
    return tmp_path / "x"


def other(folder: Path, **dims: Any) -> Path:
    target = folder.parent / "other"
    save_pretrained(randomise(vla_compose.build("qwen2-vl", **{"vision": 8, "text": 12} | dims)), target)
    return target


def edit_config(**changes: Any) -> Callable[[Path], None]:
    """Change `config.json` and the copy of it in the weights."""

    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        text = json.dumps({key: value for key, value in config.items() if value is not None})
        (folder / "config.json").write_text(text)
        stored = load_file(folder / "model.safetensors")
        save_file(stored, folder / "model.safetensors", metadata={"vla_compose": text})

    return change


def edit_weights(change: Callable[[dict[str, Tensor]], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / "config.json").read_text()
        stored = load_file(folder / "model.safetensors")
        change(stored)
        save_file(stored, folder / "model.safetensors", metadata={"vla_compose": text})

    return apply


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + text.encode())

    return change


def lost(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def swap(name: str, **dims: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        shutil.copy(other(folder, **dims) / name, folder / name)

    return change


def plain(folder: Path) -> None:
    save_file(
        load_file(folder / "model.safetensors"), folder / "model.safetensors", metadata={"format": "pt"}
    )


def cut(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4])


def linked(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "model.safetensors").rename(folder.parent / "elsewhere" / "model.safetensors")
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere" / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lost("spec.yaml"), r"has no `spec.yaml`, so `save_pretrained` did not write it.*from_checkpoint"),
        (lost("config.json"), r"has no `config.json`"),
        (lost("model.safetensors"), r"has no `model.safetensors`, so `save_pretrained` did not write it"),
        (append("spec.yaml", "# more\n"), r"`spec.yaml` is not the spec that the weights were saved with"),
        (append("spec.yaml", "{[ no yaml"), r"`spec.yaml` is not the spec that the weights were saved with"),
        (append("config.json", "{}"), r"`config.json` is no valid JSON"),
        (swap("config.json", text=16), r"`config.json` and `model.safetensors` are not of one save.*`dims`"),
        (swap("model.safetensors", text=16), r"are not of one save: they differ in `dims`"),
        (plain, r"`model.safetensors` was not written by `save_pretrained`: it names no spec"),
        (cut, r"`?model.safetensors"),
        (edit_config(spec_sha256="0" * 64), r"not the spec that.*starts with [0-9a-f]{12}, not 000000000000"),
        (edit_config(spec_sha256=None), r"does not hold `dims`, `spec` and `spec_sha256`"),
        (edit_config(dims=[1]), r"does not hold `dims`"),
        (edit_config(dims={"vision": 8}), r"names another spec or other dims than `spec.yaml`"),
        (
            edit_config(dims={"vision": 8, "text": "12", "merge": 2}),
            r"dims in `config.json` do not fit `spec.yaml`",
        ),
        (edit_config(dims={"vision": 8, "text": True, "merge": 2}), r"dims in `config.json` do not fit"),
        (edit_config(dims={"vision": 8, "text": -1, "merge": 2}), r"dims in `config.json` do not fit"),
        (edit_config(dims={"vision": 8, "text": 16, "merge": 2}), r"`mlp.2.weight` is 12 x 32, not 16 x 32"),
        (edit_config(spec="qwen3-vl"), r"names another spec"),
        (edit_weights(lambda s: s.pop("ln_q.bias")), r"missing: `ln_q.bias`"),
        (edit_weights(lambda s: s.update(extra=torch.ones(1))), r"left over: `extra`"),
        (edit_weights(lambda s: s.update({"ln_q.bias": torch.ones(9)})), r"shape: `ln_q.bias` is 9, not 8"),
        (
            edit_weights(lambda s: s.update({"ln_q.bias": torch.ones(8, dtype=torch.int32)})),
            r"type: `ln_q.bias` holds no floating-point numbers",
        ),
    ],
)
def test_files_that_do_not_belong_together(saved: Path, change: Callable[[Path], Any], message: str) -> None:
    change(saved)
    with pytest.raises(CheckpointError, match=message):
        from_pretrained(saved)


def test_a_link_out_of_the_folder(saved: Path) -> None:
    linked(saved)
    with pytest.raises(CheckpointError, match="symbolic link"):
        from_pretrained(saved)


def test_a_spec_is_not_read_before_its_hash_is_known(saved: Path) -> None:
    """What is no spec of ours is not shown in an error, wherever a link leads."""
    (saved.parent / "secret").write_text("password: hunter2\n")
    (saved / "spec.yaml").unlink()
    (saved / "spec.yaml").symlink_to(saved.parent / "secret")
    with pytest.raises(CheckpointError) as caught:
        from_pretrained(saved)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["spec.yaml", "config.json"])
def test_large_files_are_not_read(saved: Path, name: str) -> None:
    with (saved / name).open("r+b") as stream:
        stream.truncate(2**40)
    with pytest.raises(CheckpointError, match=r"(262,144|4,194,304)"):
        from_pretrained(saved)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("./nowhere", r"there is no folder `./nowhere`: name a folder, or `owner/name` on the Hub"),
        ("nowhere", r"there is no folder `nowhere`"),
        ("a/b/c", r"there is no folder `a/b/c`"),
        ("x/model.safetensors", r"is no folder: name the folder that `save_pretrained` wrote"),
    ],
)
def test_no_folder(saved: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    monkeypatch.chdir(saved.parent)
    with pytest.raises(CheckpointError, match=message):
        from_pretrained(source)


def test_arguments(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="is a folder: leave out `revision`"):
        from_pretrained(saved, revision="main")
    with pytest.raises(
        BuildError, match=r"converted to 'bfloat16': give one of torch\.float64, torch\.float32,"
    ):
        from_pretrained(saved, dtype="bfloat16")  # type: ignore[arg-type]
    with pytest.raises(BuildError, match=r"cannot be converted to torch\.int8"):
        from_pretrained(saved, dtype=torch.int8)
    with pytest.raises(BuildError, match="there is no device `nonsense`"):
        from_pretrained(saved, device="nonsense")
    with pytest.raises(BuildError, match="meta device holds no weights"):
        from_pretrained(saved, device="meta")


# --- the Hub --------------------------------------------------------------------------------------------


@pytest.fixture
def hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with serving(WritingHandler) as hub:
        use(hub, monkeypatch, tmp_path)
        (saved / "onnx.bin").write_bytes(b"x" * 1000)
        hub.repositories["me/mine"] = saved
        yield hub
    close_session()


def test_from_the_hub(hub: Any, saved: Path, tmp_path: Path) -> None:
    module: Any = from_pretrained("me/mine")
    assert_equal(module, from_pretrained(saved))
    assert set(hub.sent) == {"model.safetensors", "config.json", "spec.yaml", "README.md"}
    sent = dict(hub.sent)
    assert_equal(module, from_pretrained("me/mine"))
    assert dict(hub.sent) == sent  # the second time from the cache
    from_pretrained("me/mine", force_download=True)
    assert hub.sent["model.safetensors"] == 2 * sent["model.safetensors"]
    from_pretrained("me/mine", cache_dir=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "models--me--mine").is_dir()


def test_a_revision_and_a_token(hub: Any) -> None:
    hub.revisions["v1"] = COMMIT
    hub.private.add("me/mine")
    from_pretrained("me/mine", revision="v1", token="hf_right")
    with pytest.raises(CheckpointError, match=r"no revision `v2`"):
        from_pretrained("me/mine", revision="v2", token="hf_right")
    with pytest.raises(CheckpointError, match=r"no repository `me/mine`, or it is private"):
        from_pretrained("me/mine", token="hf_wrong")


def test_offline(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="not in the cache, and the Hub cannot be asked"):
        from_pretrained("me/mine", local_files_only=True)
    module: Any = from_pretrained("me/mine")
    before = len(hub.requests)
    assert_equal(module, from_pretrained("me/mine", local_files_only=True))
    assert len(hub.requests) == before
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="the Hub cannot be asked"):
        from_pretrained("me/another")


def test_a_repository_of_something_else(hub: Any, saved: Path) -> None:
    (saved / "spec.yaml").unlink()
    with pytest.raises(CheckpointError, match=r"has no `spec.yaml`.*from_checkpoint"):
        from_pretrained("me/mine")


def test_a_folder_goes_before_the_hub(hub: Any, saved: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, tmp_path / "me" / "mine")
    from_pretrained("me/mine")
    assert hub.requests == []


def test_every_error_is_ours() -> None:
    assert issubclass(CheckpointError, VlaComposeError)
