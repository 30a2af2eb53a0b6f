"""A spec against its original, on checkpoints that transformers writes."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import vla_compose
from tests.weights.models import SMALL, small_model
from tests.weights.server import COMMIT, serving
from vla_compose.cli.verify import described
from vla_compose.hosts.fit import own_graph
from vla_compose.originals.original import load_original
from vla_compose.originals.verifying import compare, verify
from vla_compose.weights.checkpoint import open_checkpoint

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a small real model of a spec."""

    @cache
    def save(name):
        folder = tmp_path_factory.mktemp("models") / name
        small_model(name).save_pretrained(folder)
        return folder

    return save


@pytest.fixture
def copied(tmp_path):
    """A copy of a shipped spec, with other text in it."""

    def copy(name, *changes):
        text = (SPECS / f"{name}.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "copied.yaml"
        path.write_text(text)
        return path

    return copy


def differing(certificate):
    return {
        (found.what, found.name) for case in certificate.cases for found in case.compared if found.differing
    }


@pytest.mark.parametrize("name", SMALL)
def test_every_original_is_equal(name, saved):
    certificate = verify(name, saved(name))
    assert certificate.equal, differing(certificate)
    assert certificate.uncompared == ()
    assert certificate.dims == dict(vla_compose.compose(name, variant=None, **SMALL[name].dims).values)
    assert certificate.original.startswith("transformers.models.")
    assert len({case.name for case in certificate.cases}) >= 3
    assert [case.dtype for case in certificate.cases[:: len(certificate.cases) // 2]] == [
        "float32",
        "bfloat16",
    ]
    outputs = [found for case in certificate.cases for found in case.compared if found.what == "output"]
    assert all(found.bits for found in outputs)
    assert len({found.ours for found in outputs}) == len(outputs)
    read = {
        found.name
        for case in certificate.cases
        for found in case.compared
        if found.what.endswith("parameter")
    }
    assert read == {
        entry for entry, _ in vla_compose.compose(name, variant=None, **SMALL[name].dims).entries()
    }


@pytest.mark.parametrize("name", ["qwen2-vl", "qwen3-vl", "hunyuan-ocr", "internvl", "llava-next"])
def test_one_flipped_bit_of_one_weight_is_seen(name, saved):
    ours = vla_compose.from_checkpoint(name, saved(name)).eval()
    with open_checkpoint(saved(name)) as checkpoint:
        original = load_original(checkpoint)
    own = own_graph(original.host, original.model)
    assert not any(case.differing for case in compare(ours, original, own, torch.float32, gradients=False))
    last = next(p for n, p in reversed(list(ours.named_parameters())) if n != "image_sep")
    with torch.no_grad():
        last.view(torch.int32).view(-1)[0] ^= 1 << 20
    cases = list(compare(ours, original, own, torch.float32, gradients=False))
    assert all(case.differing for case in cases)


def test_another_epsilon_is_seen(saved, copied):
    certificate = verify(copied("qwen2-vl", ("eps: 1e-6", "eps: 1e-5")), saved("qwen2-vl"), gradients=False)
    assert certificate.result == "different"
    assert differing(certificate) == {("output", "tokens")}
    assert 0 < max(found.largest or 0.0 for case in certificate.cases for found in case.compared) < 1e-2


def test_another_activation_is_seen_in_gradients_too(saved, copied):
    certificate = verify(copied("glm4v", ("- activation: gelu", "- activation: gelu_tanh")), saved("glm4v"))
    assert ("gradient of a parameter", "downsample.weight") in differing(certificate)
    assert ("gradient of an input", "x") in differing(certificate)


def test_gradients_without_a_partner_are_named(saved, copied):
    other = copied(
        "qwen2-vl",
        ("name: ln_q,", "name: norm_q,"),
        ("  transformers-5:", "  mine:"),
        ("prefix: model.visual.merger.\n", "prefix: model.visual.merger.\n    names: {norm_q: ln_q}\n"),
        ("prefix: visual.merger.\n", "prefix: visual.merger.\n    names: {norm_q: ln_q}\n"),
    )
    certificate = verify(other, saved("qwen2-vl"), dtypes=["float32"])
    assert certificate.equal
    assert certificate.uncompared == ("norm_q.weight", "norm_q.bias")
    shown = "\n".join(map(str, described(certificate)))
    assert "gradients of norm_q.weight, norm_q.bias" in shown


def test_two_names_the_wrong_way_round_are_seen(saved, copied):
    """The original's weights are found without the layouts, which here are wrong."""
    swapped = ("  transformers-4:\n    prefix: multi_modal_projector.\n",
               "  transformers-4:\n    prefix: multi_modal_projector.\n"
               "    names: {linear_1.bias: linear_2.bias, linear_2.bias: linear_1.bias}\n")  # fmt: skip
    certificate = verify(copied("llava", swapped), saved("llava"))
    assert ("output", "tokens") in differing(certificate)


def test_a_setting_of_the_model_that_the_spec_does_not_have_is_seen(saved, tmp_path):
    """The original is made from `config.json`, not from what the spec says."""
    folder = tmp_path / "edited"
    folder.mkdir()
    for file in saved("hunyuan-ocr").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["rms_norm_eps"] = 1e-3
    (folder / "config.json").write_text(json.dumps(config))
    assert not verify("hunyuan-ocr", folder, gradients=False).equal


def test_the_certificate_is_the_same_every_time(saved):
    first, second = (verify("qwen2-vl", saved("qwen2-vl"), variant=None) for _ in range(2))
    assert first.to_json() == second.to_json()
    found = json.loads(first.to_json())
    assert found["result"] == "equal"
    assert found["certificate"] == 1
    assert found["versions"].keys() == {"vla_compose", "torch", "transformers", "python", "machine"}
    assert (found["device"], found["threads"], found["layout"]) == ("cpu", 1, "transformers-4")
    assert (found["tensors"], found["stored"], found["revision"]) == (6, "float32", None)
    hashes = [found[key] for key in ("spec_sha256", "source_sha256", "weights_sha256")]
    assert all(len(value) == 64 for value in hashes)
    assert len(set(hashes)) == 3


def test_the_weights_are_in_the_certificate(saved, tmp_path):
    small_model("qwen2-vl", seed=1).save_pretrained(tmp_path)
    hashes = [
        verify("qwen2-vl", folder, gradients=False).weights_sha256 for folder in (saved("qwen2-vl"), tmp_path)
    ]
    assert hashes[0] != hashes[1]


def test_bfloat16_weights_and_chosen_types(tmp_path):
    small_model("idefics3").bfloat16().save_pretrained(tmp_path)
    certificate = verify("idefics3", tmp_path, dtypes=["bfloat16", "float64"])
    assert certificate.equal
    assert certificate.stored == "bfloat16"
    assert {case.dtype for case in certificate.cases} == {"float64", "bfloat16"}
    with pytest.raises(vla_compose.BuildError, match="no dtype `int8` to compare in; there are: float64, "):
        verify("idefics3", tmp_path, dtypes=["int8"])


def test_a_sharded_checkpoint(tmp_path):
    small_model("qwen3-vl").save_pretrained(tmp_path, max_shard_size="100kB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert verify("qwen3-vl", tmp_path, gradients=False).equal


def test_weights_do_not_lie_where_the_file_has_them(saved, tmp_path):
    """Bits of a product with one row depend on the address of the weight, on some CPUs."""
    stored = (saved("qwen2-vl") / "model.safetensors").read_bytes()
    end = 8 + int.from_bytes(stored[:8], "little")
    header = stored[8:end].rstrip()
    header += b" " * (-(8 + len(header)) % 16 + 4)
    odd = tmp_path / "model.safetensors"
    odd.write_bytes(len(header).to_bytes(8, "little") + header + stored[end:])
    (tmp_path / "config.json").write_bytes((saved("qwen2-vl") / "config.json").read_bytes())
    with safe_open(odd, framework="pt") as opened:
        mapped = [opened.get_tensor(name).data_ptr() for name in opened.keys()]  # noqa: SIM118
    assert all(address % 16 for address in mapped)
    with open_checkpoint(tmp_path) as checkpoint:
        original = load_original(checkpoint)
    assert not any(weight.data_ptr() % 16 for weight in original.parameters().values())
    assert verify("qwen2-vl", tmp_path).equal


@pytest.mark.parametrize("name", ["qwen-vl", "qwen-vl-full"])
def test_what_transformers_does_not_have(name, saved):
    with pytest.raises(
        vla_compose.VerifyError, match=f"no class of `{name}`, so there is nothing to compare"
    ):
        verify(name, saved("qwen2-vl"))


def test_what_is_not_the_same_adapter(saved, copied):
    other = copied(
        "idefics3", ("b (s s) vision", "b 1+(s s) vision"), ("steps:\n", "steps:\n  - drop: {first: 1}\n")
    )
    with pytest.raises(
        vla_compose.VerifyError, match=r"cannot be compared: .*does not fit into `Idefics3Model`"
    ):
        verify(other, saved("idefics3"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "has no `config.json`, which says what the original is"),
        ({"model_type": "mine"}, "transformers has no model of type `mine`"),
        ({}, "transformers has no model of type `None`"),
        (
            {"model_type": "qwen2_vl", "vision_config": {"depth": "many"}},
            "transformers cannot make a model of",
        ),
        ({"model_type": "bert"}, "transformers cannot make a model of `bert` here"),
        ({"model_type": "git"}, "no shipped spec describes the adapter of `GitForCausalLM`"),
    ],
)
def test_what_describes_no_original(config, message, saved, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((saved("qwen2-vl") / "model.safetensors").read_bytes())
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(vla_compose.VerifyError, match=message):
        verify("qwen2-vl", tmp_path, merge=2)


@pytest.mark.parametrize("setting", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_a_configuration_chooses_no_code(setting, saved, tmp_path):
    """transformers would get such a kernel from the Hub and run it."""
    config = json.loads((saved("qwen2-vl") / "config.json").read_text())
    config |= {setting: "owner/kernel", "auto_map": {"AutoModelForImageTextToText": "mine.Model"}}
    config["vision_config"][setting] = "owner/kernel"
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((saved("qwen2-vl") / "model.safetensors").read_bytes())
    assert verify("qwen2-vl", tmp_path, gradients=False, dtypes=["float32"]).equal


def test_weights_that_are_no_numbers_show_nothing(tmp_path):
    model = small_model("qwen2-vl")
    with torch.no_grad():
        model.model.visual.merger.mlp[2].bias[3] = float("nan")
    model.save_pretrained(tmp_path)
    with pytest.raises(
        vla_compose.VerifyError, match=r"`tokens` holds NaN or infinity on both sides \(.* in float32"
    ):
        verify("qwen2-vl", tmp_path)


def test_without_transformers(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(vla_compose.BuildError, match=r"run `pip install 'transformers>=5[.]24'`"):
        verify("qwen2-vl", saved("qwen2-vl"))


def test_a_repository_on_the_hub(saved, monkeypatch):
    """Another process, because `huggingface_hub` reads `HF_ENDPOINT` when it is imported."""
    program = (
        "import vla_compose\n"
        "found = vla_compose.verify('qwen3-vl', 'owner/model', gradients=False, dtypes=['float32'])\n"
        "print(found.result, found.revision, found.checkpoint)"
    )
    with serving() as hub:
        hub.repositories["owner/model"] = saved("qwen3-vl")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=SPECS.parent, capture_output=True, text=True
        )
    assert ran.stdout.split() == ["equal", COMMIT, "owner/model"], ran.stderr
