import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

import vla_compose
from tests.weights.models import SMALL, small_model
from tests.weights.server import COMMIT, serving
from vla_compose import LoadReport
from vla_compose.diagnostics import BuildError, SpecError
from vla_compose.weights.errors import CheckpointError

transformers_logging.disable_progress_bar()


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A function: the folder of a small model as transformers saves it, in several shards."""
    made: dict[str, tuple[Path, PreTrainedModel]] = {}

    def released(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            model = small_model(name).to(torch.bfloat16)
            model.save_pretrained(folder, max_shard_size="30KB")
            assert (folder / "model.safetensors.index.json").exists()
            made[name] = folder, model
        return made[name]

    return released


def report_of(module) -> LoadReport:
    found = vla_compose.report_of(module)
    assert found is not None
    return found


def tensors_of(folder):
    return {name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()}


@pytest.mark.parametrize("name", [name for name in SMALL if name in vla_compose.list_specs()])
def test_every_spec_from_the_files_of_transformers(released, name):
    """Every parameter is bit for bit one that the files hold, each of them used once."""
    folder, _ = released(name)
    module = vla_compose.from_checkpoint(name, folder)
    stored = tensors_of(folder)
    state = module.state_dict()
    layout = vla_compose.load(name).layouts[report_of(module).layout]
    theirs = {ours: layout.there(ours) for ours in state}
    assert len(set(theirs.values())) == len(state)
    for ours, value in state.items():
        assert value.dtype is torch.bfloat16
        assert torch.equal(value, stored[theirs[ours]])
    assert dict(report_of(module).dims) == SMALL[name].dims
    assert report_of(module).tensors == len(state)


@pytest.mark.parametrize("name", ["qwen2-vl", "internvl"])
def test_outputs_are_those_of_the_model(released, name):
    folder, model = released(name)
    module = vla_compose.from_checkpoint(name, folder)
    original = model.get_submodule(SMALL[name].module)
    x = torch.randn(16, 32).bfloat16() if name == "qwen2-vl" else torch.randn(1, 17, 32).bfloat16()
    with torch.no_grad():
        if name == "qwen2-vl":
            expected = original(x)
        else:
            expected = original(
                model.model.pixel_shuffle(x[:, 1:].reshape(1, 4, 4, 32), 0.5).reshape(1, 4, 128)
            )
        assert torch.equal(module(x), expected)


def test_only_the_adapter_is_read(released):
    folder, _ = released("qwen2-vl")
    report = report_of(vla_compose.from_checkpoint("qwen2-vl", folder))
    wanted = sum(2 * value.numel() for value in vla_compose.build("qwen2-vl", **DIMS).parameters())
    small = sum(
        path.stat().st_size for path in folder.glob("*.json") if path.name != "generation_config.json"
    )
    headers = sum(
        8 + int.from_bytes(path.read_bytes()[:8], "little") for path in folder.glob("*.safetensors")
    )
    assert report.read_bytes == wanted + small + headers
    assert report.stored_bytes == small + sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    weight_map = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(report.files) == {file for key, file in weight_map.items() if ".merger." in key}


DIMS: Any = SMALL["qwen2-vl"].dims


def test_the_report_says_where_dims_come_from(released):
    folder, _ = released("qwen2-vl")
    module = vla_compose.from_checkpoint("qwen2-vl", str(folder))
    report = report_of(module)
    assert report.source == str(folder)
    assert report.revision is None
    assert report.origins.keys() == DIMS.keys()
    assert "shape of" in report.origins["text"]
    # It belongs to this module, not to a copy that may become something else.
    assert vla_compose.report_of(copy.deepcopy(module)) is None
    assert vla_compose.report_of(vla_compose.build("qwen2-vl", device="meta")) is None


def test_the_module_is_in_train_mode_and_trains(released):
    module = vla_compose.from_checkpoint("qwen2-vl", released("qwen2-vl")[0])
    assert module.training
    assert all(value.requires_grad and value.is_leaf for value in module.parameters())
    module(torch.randn(4, 32).bfloat16()).sum().backward()
    assert all(value.grad is not None for value in module.parameters())


def test_conversion_is_asked_for(released):
    folder, _ = released("qwen2-vl")
    stored = vla_compose.from_checkpoint("qwen2-vl", folder)
    module = vla_compose.from_checkpoint("qwen2-vl", folder, dtype=torch.float32)
    for name, value in module.state_dict().items():
        assert torch.equal(value, stored.state_dict()[name].float())
    assert (report_of(module).stored_dtype, report_of(module).dtype) == ("bfloat16", "float32")
    with pytest.raises(BuildError, match="cannot be converted"):
        vla_compose.from_checkpoint("qwen2-vl", folder, dtype=torch.int8)


def test_fixed_positions_are_there(released):
    """`granite-docling` adds positions that no file holds."""
    module = vla_compose.from_checkpoint("granite-docling", released("granite-docling")[0])
    dims: Any = SMALL["granite-docling"].dims
    built = vla_compose.build("granite-docling", dtype=torch.bfloat16, **dims)
    found = {name: value for name, value in module.named_buffers() if name not in module.state_dict()}
    expected = dict(built.named_buffers())
    assert sorted(found) == ["coarse.pos_embed", "fine.pos_embed"]
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_what_is_stated_must_agree(released):
    folder, _ = released("qwen2-vl")
    module = vla_compose.from_checkpoint("qwen2-vl", folder, text=48)
    assert report_of(module).dims["text"] == 48
    with pytest.raises(
        CheckpointError, match=r"dim `text` is 48 by the shape of .*, but 49 by the given dims"
    ):
        vla_compose.from_checkpoint("qwen2-vl", folder, text=49)
    with pytest.raises(
        CheckpointError, match=r"dim `text` is 48 by the shape of .*, but 3584 by variant `7b`"
    ):
        vla_compose.from_checkpoint("qwen2-vl", folder, variant="7b")
    with pytest.raises(BuildError, match="no variant `8b`"):
        vla_compose.from_checkpoint("qwen2-vl", folder, variant="8b")
    with pytest.raises(BuildError, match="no dim `txt`; did you mean `text`"):
        vla_compose.from_checkpoint("qwen2-vl", folder, txt=48)


def test_a_layout_by_name(released):
    folder, _ = released("qwen2-vl")
    found = report_of(vla_compose.from_checkpoint("qwen2-vl", folder)).layout
    vla_compose.from_checkpoint("qwen2-vl", folder, layout=found)
    other = next(name for name in vla_compose.load("qwen2-vl").layouts if name != found)
    with pytest.raises(CheckpointError, match="does not fit the adapter") as error:
        vla_compose.from_checkpoint("qwen2-vl", folder, layout=other)
    assert len(error.value.details) == 6
    assert all(text.startswith("missing: ") and "the nearest is" in text for text in error.value.details)
    with pytest.raises(CheckpointError, match="has no layout `x`; write one of"):
        vla_compose.from_checkpoint("qwen2-vl", folder, layout="x")


def test_the_checkpoint_of_another_model(released):
    with pytest.raises(CheckpointError, match="fit no layout of `qwen3-vl`"):
        vla_compose.from_checkpoint("qwen3-vl", released("qwen2-vl")[0])
    with pytest.raises(
        CheckpointError, match=r"name another spec, if `qwen2\.5-vl` is not what this model has"
    ):
        vla_compose.from_checkpoint("qwen2.5-vl", released("qwen2-vl")[0])


def test_a_spec_with_mistakes(tmp_path, released):
    path = tmp_path / "mine.yaml"
    path.write_text("spec_version: 1\nname: mine\n")
    with pytest.raises(SpecError):
        vla_compose.from_checkpoint(path, released("qwen2-vl")[0])


def test_a_spec_of_ones_own_without_layouts(tmp_path):
    """A file with the names of the spec, as one gets by saving the state dict."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "spec_version: 1\nname: mine\ndims: {vision: 8, text: 16}\ninputs: {x: b n vision}\n"
        "steps:\n  - linear: {name: proj, out: text}\n"
    )
    expected = vla_compose.build(path, vision=4, text=6)
    save_file(expected.state_dict(), tmp_path / "mine.safetensors")
    module = vla_compose.from_checkpoint(path, tmp_path / "mine.safetensors")
    x = torch.randn(2, 3, 4)
    assert torch.equal(module(x), expected(x))
    assert report_of(module).layout == "vla-compose"
    save_file(expected.state_dict() | {"head.weight": torch.zeros(1)}, tmp_path / "mine.safetensors")
    with pytest.raises(CheckpointError, match=r"left over: `head.weight`"):
        vla_compose.from_checkpoint(path, tmp_path / "mine.safetensors")


def test_a_spec_without_parameters(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "spec_version: 1\nname: mine\ndims: {merge: 2}\ninputs: {x: (n merge merge) 8}\n"
        "steps:\n  - spatial_merge: {size: merge}\n"
    )
    save_file({}, tmp_path / "model.safetensors")
    module = vla_compose.from_checkpoint(path, tmp_path)
    assert report_of(module).tensors == 0
    assert module(torch.zeros(4, 8)).shape == (1, 32)


@pytest.mark.parametrize("device", ["meta", "nowhere"])
def test_devices_that_hold_nothing(released, device):
    with pytest.raises(BuildError):
        vla_compose.from_checkpoint("qwen2-vl", released("qwen2-vl")[0], device=device)


def test_a_damaged_tensor_elsewhere_does_not_hide(released, tmp_path):
    """A shard without any tensor of the adapter is checked as well."""
    folder, _ = released("qwen2-vl")
    other = tmp_path / "copy"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    vla_compose.from_checkpoint("qwen2-vl", other)
    shard = other / report_of(vla_compose.from_checkpoint("qwen2-vl", other)).files[0]
    unrelated = next(path for path in sorted(other.glob("*.safetensors")) if path != shard)
    unrelated.write_bytes(unrelated.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=f"`{unrelated.name}` is no valid safetensors file"):
        vla_compose.from_checkpoint("qwen2-vl", other)


def test_from_the_hub(released, monkeypatch):
    """Another process, because `huggingface_hub` reads `HF_ENDPOINT` when it is imported."""
    folder, _ = released("qwen2-vl")
    with serving() as hub:
        hub.repositories["owner/model"] = folder
        hub.gated.add("owner/model")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        code = (
            "import vla_compose; from vla_compose import report_of\n"
            "source = dict(source='owner/model', revision='main', token='hf_right')\n"
            "module = vla_compose.from_checkpoint('qwen2-vl', **source)\n"
            "report = report_of(module)\n"
            "print(report.read_bytes, report.stored_bytes, report.revision, report.source)\n"
            "print(sum(value.double().sum().item() for value in module.parameters()))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read, stored, revision, source, total = done.stdout.split()
    assert done.stderr == ""
    assert (revision, source) == (COMMIT, "owner/model")
    assert int(read) == sum(hub.sent.values())
    local = vla_compose.from_checkpoint("qwen2-vl", folder)
    assert int(stored) == report_of(local).stored_bytes
    assert float(total) == sum(value.double().sum().item() for value in local.parameters())


def test_importing_takes_no_torch():
    code = (
        "import sys, vla_compose\n"
        "vla_compose.from_checkpoint, vla_compose.CheckpointError\n"
        "assert not {'torch', 'safetensors', 'huggingface_hub', 'transformers'} & sys.modules.keys()\n"
        "sys.modules['torch'] = None\n"
        "try:\n    vla_compose.from_checkpoint('qwen2-vl', '.')\n"
        "except vla_compose.BuildError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "weights need PyTorch: run `pip install 'vla-compose[torch]'`\n"


def test_a_folder_of_ours_tells_the_dims_that_shapes_do_not(tmp_path: Path) -> None:
    module = vla_compose.build("qwen-vl", vision=24, text=32, queries=16, heads=4)
    vla_compose.save_pretrained(module, tmp_path / "own")
    again = vla_compose.from_checkpoint("qwen-vl", tmp_path / "own")
    assert report_of(again).dims == {"vision": 24, "text": 32, "queries": 16, "heads": 4}
