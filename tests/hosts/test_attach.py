"""Every family: its adapter, composed, in a whole model, on a photograph and a line of text."""

import copy
import io
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

import vla_compose
from tests.hosts.photo import inputs_for
from tests.weights.models import SMALL, small_model
from vla_compose.hosts.attach import attach, copy_weights
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.registry import HOSTS, known
from vla_compose.originals.bits import flat

SPECS = Path(__file__).parents[2] / "specs"
NAMES = [host.spec for host in HOSTS]
QWEN3_MERGERS = (
    "model.visual.merger.",
    "model.visual.deepstack_merger_list.",
    "model.language_model.",
    "lm_head.",
)
each_host = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def prepared(name, fine=False):
    """A model's inputs, logits and tokens."""
    model = small_model(name)
    inputs = inputs_for(name, model, fine=fine)
    return inputs, logits(model, inputs), tokens(model, inputs)


def logits(model, inputs):
    with torch.no_grad():
        return model(**inputs).logits


def tokens(model, inputs):
    return model.generate(**inputs, max_new_tokens=6, do_sample=False)


def adapter_for(name, model=None, **dims):
    torch.manual_seed(1)
    adapter = vla_compose.build(name, **(SMALL[name].dims | dims))
    if model is not None:
        copy_weights(model, adapter)
    return adapter


def structure(model):
    """Every module and parameter object by its name, in order, and what instances carry themselves."""
    modules = [(name, id(part), sorted(part.__dict__)) for name, part in model.named_modules()]
    hooks = [
        (name, key, len(value))
        for name, part in model.named_modules()
        for key, value in part.__dict__.items()
        if key.endswith("_hooks") and value is not None
    ]
    return modules, hooks, [(name, id(parameter)) for name, parameter in model.named_parameters()]


def test_every_small_model_has_a_host():
    assert sorted(SMALL) == sorted(NAMES)


@each_host
def test_equal_bits_with_the_same_weights(name):
    inputs, expected, generated = prepared(name)
    model = small_model(name)
    tokens(model, inputs)  # transformers puts hooks of its own on a model when it first runs
    before = structure(model)
    with attach(model, adapter_for(name, model)) as attached:
        assert model.get_submodule(attached.path) is attached.adapter
        assert torch.equal(logits(model, inputs), expected)
        assert torch.equal(tokens(model, inputs), generated)
        assert structure(model) != before
    assert structure(model) == before
    assert torch.equal(logits(model, inputs), expected)


@each_host
def test_the_photograph_goes_through_the_adapter(name):
    """So that equal logits mean something."""
    inputs, expected, _ = prepared(name)
    model = small_model(name)
    fresh = adapter_for(name)
    attach(model, fresh)
    assert not torch.equal(logits(model, inputs), expected)
    again = adapter_for(name, small_model(name))
    flipped = again.state_dict(keep_vars=True)[list(again.state_dict())[-1]]
    with torch.no_grad():
        flipped.view(-1)[0] += 1
    model = small_model(name)
    attach(model, again)
    assert not torch.equal(logits(model, inputs), expected)


@each_host
def test_gradients_reach_every_parameter_that_is_read(name):
    inputs, *_ = prepared(name)
    grads = []
    for composed in (False, True):
        model = small_model(name)
        state = model.state_dict(keep_vars=True)
        if composed:
            attach(model, adapter_for(name, model))
            state = model.state_dict(keep_vars=True)
        model(**inputs).logits.square().sum().backward()
        grads.append({key: value.grad for key, value in state.items()})
    own, mine = grads
    assert list(own) == list(mine)
    prefix = vla_compose.load(name).layouts["transformers-5"].prefix
    for key, grad in own.items():
        assert (grad is None) == (mine[key] is None), key
        if grad is not None and name == "qwen3-vl" and not key.startswith(QWEN3_MERGERS):
            # The tower gets three gradients at a DeepStack layer, now summed in another order.
            torch.testing.assert_close(mine[key], grad, rtol=1e-5, atol=1e-6)
        else:
            assert grad is None or torch.equal(grad, mine[key]), key
    assert any(grad is not None and grad.any() for key, grad in mine.items() if key.startswith(prefix))


@each_host
def test_state_dict_keeps_names_and_order_and_loads(name):
    inputs, expected, _ = prepared(name)
    model, other = small_model(name), small_model(name, seed=1)
    names = [(key, value.shape) for key, value in model.state_dict().items()]
    adapter = adapter_for(name)
    attached = attach(other, adapter)
    assert [(key, value.shape) for key, value in other.state_dict().items()] == names
    # The adapter alone is still what its spec says, so that it can be saved as such.
    assert list(adapter.state_dict()) == [
        key for key, _ in vla_compose.compose(name, variant=None, **SMALL[name].dims).entries()
    ]
    other.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(logits(other, inputs), expected)
    attached.undo()
    assert [(key, value.shape) for key, value in other.state_dict().items()] == names
    assert not torch.equal(logits(other, inputs), expected)


@each_host
def test_save_pretrained_writes_the_same_files(name, tmp_path):
    inputs, expected, _ = prepared(name)
    model = small_model(name)
    model.save_pretrained(tmp_path / "before")
    attach(model, adapter_for(name, model))
    model.save_pretrained(tmp_path / "after")
    assert stored(tmp_path / "before") == stored(tmp_path / "after")
    loaded = type(model).from_pretrained(tmp_path / "after", dtype=torch.float32).eval()
    assert torch.equal(logits(loaded, inputs), expected)
    attach(loaded, adapter_for(name, loaded))
    assert torch.equal(logits(loaded, inputs), expected)


def stored(folder):
    """Names of files, and of tensors with their bytes."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".json"}
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = list(file.keys())
        values = {name: file.get_tensor(name) for name in names}
    return found, names, {name: value.numpy().tobytes() for name, value in values.items()}


@each_host
def test_a_deep_copy_has_an_adapter_of_its_own(name):
    inputs, expected, _ = prepared(name)
    model = small_model(name)
    attached = attach(model, adapter_for(name, model))
    twin = copy.deepcopy(model)
    assert list(twin.state_dict()) == list(model.state_dict())
    inner = twin.get_submodule(attached.path)
    assert inner is not attached.adapter
    with torch.no_grad():
        for parameter in inner.parameters():
            parameter.zero_()
    assert torch.equal(logits(model, inputs), expected)
    assert not torch.equal(logits(twin, inputs), expected)
    attached.undo()
    assert not torch.equal(logits(twin, inputs), expected)


@each_host
def test_bfloat16(name):
    inputs, *_ = prepared(name)
    inputs = {k: v.bfloat16() if v.is_floating_point() else v for k, v in inputs.items()}
    expected = logits(small_model(name).bfloat16(), inputs)
    model = small_model(name)
    adapter = adapter_for(name, model)
    attach(model, adapter)
    model.to(torch.bfloat16)
    assert {parameter.dtype for parameter in adapter.parameters()} == {torch.bfloat16}
    assert torch.equal(logits(model, inputs), expected)


@each_host
def test_a_pickle_of_the_model(name):
    inputs, expected, _ = prepared(name)
    model = small_model(name)
    attach(model, adapter_for(name, model))
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    again = torch.load(stream, weights_only=False)
    assert torch.equal(logits(again, inputs), expected)
    assert list(again.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize("more", [{}, {"output_hidden_states": True}])
def test_a_tuple_of_qwen3(more):
    inputs, *_ = prepared("qwen3-vl")
    model = small_model("qwen3-vl")
    pixels, grid = inputs["pixel_values"], inputs["image_grid_thw"]
    with torch.no_grad():
        own = model.model.visual(pixels, grid, return_dict=False, **more)
        attach(model, adapter_for("qwen3-vl", model))
        mine = model.model.visual(pixels, grid, return_dict=False, **more)
    assert len(own) == len(mine) == 3 + len(more)
    for left, right in zip(flat(list(own)).values(), flat(list(mine)).values(), strict=True):
        assert torch.equal(left, right)


def test_videos_of_ernie():
    model = small_model("ernie4-5-vl-moe")
    grid = torch.tensor([[4, 4, 4], [2, 2, 2]])
    pixels = torch.randn(int(grid.prod(-1).sum()), 48)
    with torch.no_grad():
        own = model.model.get_video_features(pixels, grid).pooler_output
        attach(model, adapter_for("ernie4-5-vl-moe", model))
        mine = model.model.get_video_features(pixels, grid).pooler_output
    assert all(torch.equal(left, right) for left, right in zip(own, mine, strict=True))


def test_gradient_checkpointing():
    inputs, *_ = prepared("qwen3-vl")
    model = small_model("qwen3-vl").train()
    adapter = adapter_for("qwen3-vl", model)
    attach(model, adapter)
    model.activation_checkpointing_enable()
    model(**inputs, use_cache=False).logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in adapter.parameters())


def test_the_fine_route_of_granite_docling():
    inputs, expected, _ = prepared("granite-docling", fine=True)
    model = small_model("granite-docling")
    attach(model, adapter_for("granite-docling", model))
    assert torch.equal(logits(model, inputs), expected)


def test_several_images_of_llava_next_are_split_as_before():
    model = small_model("llava-next")
    sizes = torch.tensor([[14, 32], [40, 11], [9, 9]])
    pixels = torch.randn(3, 5, 3, 16, 16)
    with torch.no_grad():
        own = model.model.get_image_features(pixels, sizes).pooler_output
        attach(model, adapter_for("llava-next", model))
        mine = model.model.get_image_features(pixels, sizes).pooler_output
    assert len(own) == len(mine) == 3
    assert all(torch.equal(left, right) for left, right in zip(own, mine, strict=True))


@each_host
def test_a_model_without_its_head(name):
    inputs, *_ = prepared(name)
    model = small_model(name).model
    with torch.no_grad():
        expected = model(**inputs).last_hidden_state
        attached = attach(model, adapter_for(name, model))
        assert torch.equal(model(**inputs).last_hidden_state, expected)
    assert not attached.path.startswith("model.")
    assert list(model.state_dict()) == list(small_model(name).model.state_dict())


def test_a_model_that_another_module_holds():
    model = nn.ModuleDict({"inside": small_model("qwen2-vl")})
    attached = attach(model, adapter_for("qwen2-vl"))
    assert attached.path == "inside.model.visual.merger"


def test_the_report():
    model = small_model("qwen3-vl")
    attached = attach(model, adapter_for("qwen3-vl"))
    head, *rows = repr(attached).splitlines()
    assert head == "qwen3-vl is in this Qwen3VLForConditionalGeneration, at model.visual.adapter"
    assert [row.split() for row in rows[:3]] == [
        "model.visual.adapter nothing -> Qwen3Vl 0 -> 68,688 parameters".split(),
        "model.visual.merger Qwen3VLVisionPatchMerger -> First 22,768 -> 0 parameters".split(),
        "model.visual.deepstack_merger_list ModuleList -> ModuleList 45,920 -> 0 parameters".split(),
    ]
    assert "because it calls its mergers one by one" in repr(attached)


OWN = """
spec_version: 1
name: mine
dims: {vision: 32, text: 48, merge: 2}
inputs:
  x: (n merge merge) vision
steps:
  - spatial_merge: {size: merge}
  - norm: {name: before, kind: rms, eps: 1e-6}
  - gated_mlp: {name: gate, hidden: text, out: text, activation: silu}
outputs: {tokens: n text}
"""


TWO = """
spec_version: 1
name: two
dims: {vision: 32, text: 48, merge: 2}
inputs:
  x: (n merge merge) vision
  other: n vision
chains:
  narrow: {from: other, steps: [linear: {name: proj, out: text}]}
  wide: {from: x, steps: [spatial_merge: {size: merge}, linear: {name: proj, out: text}]}
from: {add: [narrow, wide]}
steps: [activation: gelu]
outputs: {tokens: n text}
"""


@pytest.fixture
def own(tmp_path):
    def build(yaml=OWN, /, **dims):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml)
        return vla_compose.build(path, **dims)

    return build


def test_an_adapter_of_ones_own(own):
    inputs, expected, _ = prepared("qwen2-vl")
    model = small_model("qwen2-vl")
    keys = list(model.state_dict())
    with attach(model, own()):
        assert logits(model, inputs).shape == expected.shape
        new = [key for key in model.state_dict() if key not in keys]
        assert new[0] == "model.visual.merger.before.weight"
        with pytest.raises(AttachError, match=r"holds an adapter of ours already, at `visual[.]merger`"):
            attach(model, own())
    with pytest.raises(AttachError, match=r"other parameters than the model's own\n  `before[.]weight`"):
        copy_weights(model, own())


def test_sizes_are_checked_first(own):
    model = small_model("qwen2-vl")
    before = structure(model)
    with pytest.raises(AttachError) as error:
        attach(model, adapter_for("qwen2-vl", vision=24))
    assert str(error.value) == (
        "the adapter `qwen2-vl` does not fit into `Qwen2VLModel`\n"
        "  the model gives `x: (n 2 2) 32`, the adapter takes `x: (n 2 2) 24`\n"
        '  build it with the sizes of the model: build("qwen2-vl", vision=32)'
    )
    with pytest.raises(AttachError, match=r"the model takes `n 48`, the adapter gives `n 40`\n.*text=48"):
        attach(model, adapter_for("qwen2-vl", text=40))
    with pytest.raises(
        AttachError, match=r"`x: \(n 2 2\) 32`, the adapter takes `x: \(n 3 3\) 32`\n.*merge=2"
    ):
        attach(model, own(merge=3))
    with pytest.raises(AttachError, match=r"2 x \[\(n 2 2\) 32\]`, the adapter takes `deepstack: 3 x"):
        attach(small_model("qwen3-vl"), adapter_for("qwen3-vl", deepstack=3))
    with pytest.raises(
        AttachError, match=r"takes `x: b 1\+n 1024`\n.*\n  write inputs and outputs as `qwen2-vl` has"
    ):
        attach(model, vla_compose.build("llava", device="meta"))
    with pytest.raises(AttachError, match=r"gives `size: 2 sizes`, the adapter takes nothing of that name"):
        attach(small_model("hunyuan-ocr"), own())
    with pytest.raises(AttachError, match="takes `other: n 32`, of which the model knows nothing"):
        attach(model, own(TWO))
    assert structure(model) == before


def test_the_order_of_inputs_is_checked(own):
    swapped = "  deepstack: {each: deepstack, type: (n merge merge) vision}\n"
    text = (SPECS / "qwen3-vl.yaml").read_text().replace("name: qwen3-vl", "name: swapped")
    text = text.replace(swapped, "").replace("inputs:\n", f"inputs:\n{swapped}")
    with pytest.raises(
        AttachError, match="gives `x`, `deepstack` in this order, the adapter takes `deepstack`, `x`"
    ):
        attach(small_model("qwen3-vl"), own(text, **SMALL["qwen3-vl"].dims))


def test_windows_are_no_blocks():
    with pytest.raises(
        AttachError, match=r"gives `x: window\(n 2 2\) 32`, the adapter takes `x: \(n 2 2\) 32`"
    ):
        attach(small_model("qwen2.5-vl"), adapter_for("qwen2-vl"))


def test_type_and_device_are_checked():
    model = small_model("qwen2-vl").bfloat16()
    with pytest.raises(
        AttachError, match=r"is float32 on cpu, the model bfloat16 on cpu: call adapter.to\(\"cpu\""
    ):
        attach(model, adapter_for("qwen2-vl"))
    adapter = adapter_for("qwen2-vl").to("meta")
    with pytest.raises(AttachError, match="the adapter is on the meta device, without weights"):
        attach(small_model("qwen2-vl"), adapter)
    with pytest.raises(AttachError, match="the model's own adapter is on the meta device"):
        attach(small_model("qwen2-vl").to("meta"), adapter_for("qwen2-vl"))


def test_weights_that_cannot_be_copied():
    adapter = adapter_for("llava")
    before = {name: value.clone() for name, value in adapter.state_dict().items()}
    model = small_model("llava")
    first = model.model.multi_modal_projector.linear_1
    first.weight = nn.Parameter(first.weight.to(torch.int8), requires_grad=False)
    with pytest.raises(AttachError, match=r"own adapter is quantised \(int8\): load it without quantisation"):
        copy_weights(model, adapter)
    with pytest.raises(AttachError, match="own adapter is on the meta device"):
        copy_weights(small_model("llava").to("meta"), adapter)
    assert all(torch.equal(value, before[name]) for name, value in adapter.state_dict().items())
    with pytest.raises(AttachError, match="the adapter is on the meta device"):
        copy_weights(small_model("llava"), adapter_for("llava").to("meta"))
    # The model computes in the type of what is not quantised.
    with attach(model, adapter) as attached:
        assert attached.path == "model.multi_modal_projector"


@pytest.mark.parametrize(
    ("name", "setting", "value", "reason"),
    [
        ("llava", "vision_feature_select_strategy", "full", "the spec drops the first"),
        ("internvl", "vision_feature_layer", [-1], "the spec takes one"),
        ("llava-next", "image_grid_pinpoints", [[16, 32]], "`anyres_pack` has"),
    ],
)
def test_a_model_that_uses_its_adapter_otherwise(name, setting, value, reason):
    model = small_model(name)
    setattr(model.config, setting, value)
    with pytest.raises(AttachError, match=reason):
        attach(model, adapter_for(name))


def test_an_unknown_model():
    with pytest.raises(AttachError, match="`Linear` is no model") as error:
        attach(nn.Linear(2, 2), adapter_for("qwen2-vl"))
    assert all(name in str(error.value) for name in known())


def test_what_is_no_adapter():
    with pytest.raises(vla_compose.ModuleError, match="was not made by vla_compose"):
        attach(small_model("qwen2-vl"), nn.Linear(2, 2))


def test_changes_are_taken_back_in_order():
    model = small_model("qwen2-vl")
    first = attach(model, adapter_for("qwen2-vl"))
    model.model.visual.merger = nn.Identity()
    with pytest.raises(AttachError, match="take the later change back first"):
        first.undo()
    model.model.visual.merger = first.adapter
    first.undo()
    first.undo()
    assert type(model.model.visual.merger).__name__ == "PatchMerger"
