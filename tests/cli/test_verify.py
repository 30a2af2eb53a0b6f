"""`vla-compose verify`: tables, certificates and exit codes."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.weights.models import small_model  # noqa: E402

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    small_model("qwen2-vl").save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_equal(run, model):
    code, out, err = run("verify", "qwen2-vl", "--checkpoint", model)
    assert (code, err) == (0, "")
    assert "transformers.models.qwen2_vl.modeling_qwen2_vl.Qwen2VLModel" in out
    rows = [line.split() for line in out.splitlines() if line.startswith("  three_images")]
    assert [row[1:3] + row[4:] for row in rows] == [["float32", "8", "0", "0"], ["bfloat16", "8", "0", "0"]]
    assert out.splitlines()[-1].startswith("  result   equal: all ")


def test_different(run, model, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        (SPECS / "qwen2-vl.yaml").read_text().replace("eps: 1e-6", "eps: 1e-4")
    )
    code, out, err = run("verify", "mine.yaml", "--checkpoint", model, "--dtype", "float32", "--no-gradients")
    assert (code, err) == (1, "")
    different = out.split("\ndifferent\n")[1]
    assert different.count("output tokens") == 6
    assert "bfloat16" not in out
    assert "result   different: " in out


def test_a_certificate(run, model, tmp_path):
    options = ("verify", "qwen2-vl", "--checkpoint", model, "--no-gradients", "-o", "certificate.json")
    assert run(*options).err == "wrote certificate.json\n"
    first = (tmp_path / "certificate.json").read_bytes()
    assert json.loads(first)["result"] == "equal"
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert "is there already: add `--force`" in err
    assert run(*options, "--force").code == 0
    assert (tmp_path / "certificate.json").read_bytes() == first


@pytest.mark.parametrize(
    ("name", "reason"),
    [("there.json", "is there already: add `--force`"), ("gone/c.json", "no folder `gone`")],
)
def test_a_place_for_the_certificate_before_the_work(run, tmp_path, name, reason):
    (tmp_path / "there.json").write_text("mine")
    code, out, err = run("verify", "qwen2-vl", "--checkpoint", "no-such-model", "-o", name)
    assert (code, out) == (2, "")
    assert reason in err
    assert (tmp_path / "there.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("qwen-vl",), "transformers has no class of `qwen-vl`"),
        (("qwen3-vl",), "the names fit no layout of `qwen3-vl`"),
        (("qwen2-vl", "--variant", "7b"), "error: "),
        (("qwen2-vl", "--dim", "vision=31"), "error: "),
        (("qwen2-vl", "--revision", "main"), "leave out `revision`"),
        (("qwen2-vl", "--layout", "none"), "has no layout `none`"),
    ],
)
def test_what_cannot_be_compared(run, model, options, message):
    code, out, err = run("verify", *options, "--checkpoint", model)
    assert (code, out) == (2, "")
    assert message in err


def test_a_wrong_command_line(run):
    assert run("verify", "qwen2-vl").code == 2
