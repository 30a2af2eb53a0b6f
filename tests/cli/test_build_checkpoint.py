import os
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

import vla_compose
from tests.weights.server import COMMIT, serving

PREFIX = "model.visual.merger."


@pytest.fixture
def folder(tmp_path):
    """Qwen2-VL's merger as transformers names it, with a tower beside it."""
    torch.manual_seed(0)
    tensors = {
        PREFIX + name: torch.randn(shape).bfloat16()
        for name, shape in vla_compose.compose("qwen2-vl", vision=8, text=12).entries()
    }
    tensors["model.visual.blocks.0.norm1.weight"] = torch.zeros(50_000)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def facts(section):
    lines = [re.split(" {3,}", line.strip()) for line in section.splitlines()[1:]]
    return dict(lines)


def test_all_of_a_folder_of_ours_is_read(run, tmp_path):
    vla_compose.save_pretrained(vla_compose.build("qwen2-vl", vision=8, text=12), tmp_path / "mine")
    code, out, err = run("build", "qwen2-vl", "--checkpoint", tmp_path / "mine")
    assert (code, err) == (0, "")
    assert re.search(r" read +([0-9,]+) bytes .* of \1 stored .*, 100\.0%\n", out)


def test_no_parameters_from_a_file_that_holds_nothing(run, tmp_path):
    spec = tmp_path / "plain.yaml"
    spec.write_text(
        "spec_version: 1\nname: plain\ndims: {vision: 8}\ninputs: {x: (n 2 2) vision}\n"
        "steps: [{spatial_merge: {size: 2}}]\n"
    )
    save_file({}, tmp_path / "empty.safetensors")
    code, out, err = run("build", spec, "--checkpoint", tmp_path / "empty.safetensors")
    assert (code, err) == (0, "")
    found = facts(out.split("\n\n")[0])
    assert (found["dtype"], found["loaded"], found["files"]) == ("float32", "all 0 tensors", "none")


def test_what_was_loaded_and_what_it_does(run, folder):
    code, out, err = run("build", "qwen2-vl", "--checkpoint", folder)
    assert (code, err) == (0, "")
    weights, ran = out.split("\n\n")
    assert weights.startswith("weights\n")
    found = facts(weights)
    stored = sum(path.stat().st_size for path in folder.iterdir())
    header = 8 + int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little")
    wanted = 2 * vla_compose.compose("qwen2-vl", vision=8, text=12).parameters()
    read = header + wanted + 2
    assert found == {
        "checkpoint": str(folder),
        "layout": "transformers-5",
        "dim vision": "8, by the shape of `model.visual.merger.ln_q.weight`",
        "dim text": "12, by the shape of `model.visual.merger.mlp.2.weight`",
        "dim merge": "2, by the shape of `model.visual.merger.mlp.0.weight`",
        "files": "model.safetensors",
        "read": f"{read:,} bytes ({read / 1024:.1f} KiB) of {stored:,} stored ({stored / 1024:.1f} KiB), "
        f"{read / stored:.1%}",
        "dtype": "bfloat16, as stored",
        "loaded": "all 6 tensors",
    }
    found = facts(ran)
    assert found["dims"] == "vision 8, text 12, merge 2"
    assert found["out tokens"] == "16 tokens [16, 12]"
    assert found["dtype"] == "bfloat16"


def test_another_dtype(run, folder):
    code, out, _ = run(
        "build", "qwen2-vl", "--checkpoint", folder / "model.safetensors", "--dtype", "float32"
    )
    assert code == 0
    weights, ran = out.split("\n\n")
    assert facts(weights)["dtype"] == "float32, converted from bfloat16"
    assert facts(ran)["dtype"] == "float32"


def test_with_an_image(run, folder):
    command = ["build", "qwen2-vl", "--checkpoint", folder, "--image-size", "56x28", "--patch-size", "14"]
    code, out, _ = run(*command)
    assert code == 0
    assert "out tokens   2 tokens [2, 12]" in out


def test_a_variant_or_dim_that_does_not_fit(run, folder):
    for more in (["--variant", "7b"], ["--dim", "text=16"]):
        code, out, err = run("build", "qwen2-vl", "--checkpoint", folder, *more)
        assert (code, out) == (2, "")
        assert err.startswith(
            "error: dim `text` is 12 by the shape of `model.visual.merger.mlp.2.weight`, but "
        )


def test_a_layout_that_does_not_fit_lists_every_tensor(run, folder):
    command = ["build", "qwen2-vl", "--checkpoint", folder, "--layout", "transformers-4"]
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    first, *rest = err.splitlines()
    assert first == (
        "error: the checkpoint does not fit the adapter; nothing was loaded: "
        "name another checkpoint, layout or spec"
    )
    assert len(rest) == 6
    assert rest[0] == (
        "  missing: `visual.merger.ln_q.weight`, our `ln_q.weight`; "
        "the nearest is `model.visual.merger.ln_q.weight`"
    )


def test_options_that_need_a_checkpoint(run):
    for option in ("--revision", "--layout"):
        code, out, err = run("build", "qwen2-vl", option, "x")
        assert (code, out) == (2, "")
        assert err == f"error: `{option} x` is for a checkpoint: add `--checkpoint SOURCE`, or leave it out\n"


@pytest.mark.parametrize(
    "source", ["gone", "./owner/name", "x.safetensors", "pytorch_model.bin", "", "\x1b[2J"]
)
def test_a_checkpoint_that_is_not_there(run, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("build", "qwen2-vl", "--checkpoint", source)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


def test_names_that_would_write_to_the_terminal(run, folder):
    """Names are those of the file; each stays on its line, and none prints what it says."""
    tensors = {f"{PREFIX}x": torch.zeros(1), "ok\x1b[2J\n::error::x": torch.zeros(1)}
    save_file(tensors, folder / "model.safetensors")
    code, out, err = run("build", "qwen2-vl", "--checkpoint", folder)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


def test_the_example_of_the_help_works(run, folder):
    """From the Hub, which here has a small model of that name."""
    lines = run("build", "--help").out.splitlines()
    words = next(line.split() for line in lines if "vla-compose build" in line and "--checkpoint" in line)
    command = [*words[1:], "--revision", "main"]
    with serving() as hub:
        hub.repositories["Qwen/Qwen2-VL-2B-Instruct"] = folder
        done = subprocess.run(
            [sys.executable, "-m", "vla_compose", *command],
            env=os.environ | {"HF_ENDPOINT": hub.endpoint},
            capture_output=True,
            text=True,
            cwd=folder,
        )
    assert (done.returncode, done.stderr) == (0, "")
    found = facts(done.stdout.split("\n\n")[0])
    assert found["checkpoint"] == "Qwen/Qwen2-VL-2B-Instruct"
    assert found["revision"] == COMMIT
    assert found["read"].startswith(f"{sum(hub.sent.values()):,} bytes")
