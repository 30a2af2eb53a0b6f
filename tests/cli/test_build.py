from typing import Any

import pytest

import vla_compose

torch = pytest.importorskip("torch")

SMALL: dict[str, dict[str, Any]] = {
    "qwen2-vl": {"vision": 16, "text": 24},
    "qwen2.5-vl": {"vision": 16, "text": 24},
    "qwen3-vl": {"vision": 16, "text": 24},
    "hunyuan-ocr": {"vision": 16, "text": 24},
    "qwen-vl": {"vision": 24, "text": 32, "queries": 16, "heads": 4},
    "qwen-vl-full": {"vision": 24, "text": 32, "queries": 16, "heads": 4},
}


def arguments(name):
    return [name, *(part for dim, value in SMALL[name].items() for part in ("--dim", f"{dim}={value}"))]


def facts(out):
    lines = [line.strip().split("   ", 1) for line in out.splitlines()[1:]]
    return {name.strip(): value.strip() for name, value in lines}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_small_one_of_every_seed_runs(run, name, dtype):
    code, out, err = run("build", *arguments(name), "--dtype", dtype)
    assert (code, err) == (0, "")
    found = facts(out)
    parameters = vla_compose.compose(name, **SMALL[name]).parameters()
    assert found["parameters"] == f"{parameters:,}"
    assert found["dtype"] == dtype
    assert found["device"] == "cpu"
    unit = 4 if dtype == "float32" else 2
    assert found["memory"].startswith(f"{parameters * unit / 1024:.1f} KiB")


@pytest.mark.parametrize(
    ("name", "size", "patch", "tokens_in", "tokens_out"),
    [
        # 720 / 28 rounds to 26 rows of cells, 1280 / 28 to 46: 52 x 92 patches, as the processor has it.
        ("qwen2-vl", "1280x720", 14, 4784, 1196),
        # Its convolution makes one of 2 x 2 patches: 720 / 32 rounds to 22, 1280 / 32 is 40.
        ("hunyuan-ocr", "1280x720", 16, 44 * 80, 2 + 22 * 41),
        ("qwen-vl", "448x448", 14, 1024, 16),
        ("qwen2-vl", "1x1", 14, 4, 1),
    ],
)
def test_the_grid_of_an_image(run, name, size, patch, tokens_in, tokens_out):
    code, out, _ = run("build", *arguments(name), "--image-size", size, "--patch-size", patch)
    assert code == 0
    found = facts(out)
    assert found["in x"].startswith(f"{tokens_in:,} tokens [")
    assert found["out tokens"].startswith(f"{tokens_out:,} tokens [")
    assert found["image"].startswith(f"{size} as ")


def test_contracts_choose_the_small_sizes(run, spec):
    path = spec(
        "mine.yaml",
        ("b n vision", "b (h w) vision\n  size: {sizes: h w}"),
        ("steps:", "steps:\n  - spatial_merge: {size: 7}"),
    )
    code, out, _ = run("build", path)
    assert code == 0
    assert facts(out)["in size"] == "7 7"
    assert facts(out)["out tokens"] == "1 tokens [1, 1, 16]"


@pytest.mark.parametrize(
    ("type_", "held", "steps", "fact"),
    [
        (
            "b n vision",
            "b n",
            "{queries: {name: q, count: 8}}, {attention: {name: m, heads: 2, mask: held}}",
            "[1, 16]",
        ),
        (
            "b n vision",
            "8 n",
            "{queries: {name: q, count: 8}}, {multihead_attention: {name: m, heads: 2, mask: held}}",
            "[8, 16]",
        ),
        ("window(n) vision", "n", "{unwindow: {index: held}}, {linear: {name: p, out: 8}}", "[16]"),
    ],
)
def test_masks_and_indices_are_what_they_must_be(run, tmp_path, type_, held, steps, fact):
    path = tmp_path / "mine.yaml"
    inputs = f"inputs: {{x: {type_}, held: {held}}}"
    path.write_text(f"spec_version: 1\nname: mine\ndims: {{vision: 16}}\n{inputs}\nsteps: [{steps}]\n")
    code, out, err = run("build", path)
    assert (code, err) == (0, "")
    assert facts(out)["in held"].endswith(fact)


def test_an_image_that_does_not_fit(run):
    code, _, err = run("build", *arguments("qwen-vl"), "--image-size", "448x224", "--patch-size", 14)
    assert code == 2
    assert "16 x 32 patches do not fit the inputs: try an image with equal sides" in err


@pytest.mark.parametrize("name", ["llava-next", "granite-docling"])
def test_an_image_that_decides_nothing(run, name):
    code, out, err = run("build", name, "--image-size", "448x448", "--patch-size", 14)
    assert (code, out) == (2, "")
    assert f"`--image-size` cannot be used for `{name}`: it takes as many patches whatever the size" in err
    assert err.endswith("; leave it out\n")


def test_a_patch_size_is_never_assumed(run):
    code, out, err = run("build", "qwen2-vl", "--image-size", "448x448")
    assert (code, out) == (2, "")
    assert "a spec does not say how large the patches of its vision encoder are: add `--patch-size 14`" in err
    code, out, err = run("build", "qwen2-vl", "--patch-size", "14")
    assert (code, out) == (2, "")
    assert "add `--image-size 1280x720`" in err


@pytest.mark.parametrize("size", ["448", "448x", "x", "0x4", "axb", "-1x4", "1x2x3", "9999999x1"])
def test_what_is_no_image_size(run, size):
    code, _, err = run("build", "qwen2-vl", "--image-size", size)
    assert code == 2
    assert "is not WIDTHxHEIGHT" in err


def test_a_device_that_is_not_there(run):
    code, out, err = run("build", *arguments("qwen2-vl"), "--device", "nonsense")
    assert (code, out) == (2, "")
    assert err.startswith("error: torch cannot run it in float32 on nonsense: ")
    assert err.count("\n") == 1


def test_it_leaves_gradients_off_and_runs_once(run, monkeypatch):
    seen = []
    original = torch.nn.Module.__call__

    def call(self, *args, **kwargs):
        if type(self).__name__ == "Qwen2Vl":
            seen.append(torch.is_grad_enabled())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "__call__", call)
    assert run("build", *arguments("qwen2-vl")).code == 0
    assert seen == [False]
