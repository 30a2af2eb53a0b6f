"""Whatever a checkpoint holds: every parameter lands bit for bit, or there is one typed error."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import vla_compose
from tests.weights.files import safetensors
from vla_compose import report_of

DIMS: dict[str, Any] = {
    "qwen2-vl": {"vision": 4, "text": 6},
    "qwen3-vl": {"vision": 4, "text": 6, "deepstack": 2},
    "qwen-vl": {"vision": 4, "text": 128, "queries": 4},
}
GOOD = {
    (name, layout.name): {
        layout.there(ours): ("BF16", shape) for ours, shape in vla_compose.compose(name, **dims).entries()
    }
    for name, dims in DIMS.items()
    for layout in vla_compose.load(name).layouts.values()
}
SIZE = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16])
CONFIGS = [
    "{}",
    '{"vision_config": {"hidden_size": 4, "embed_dim": 4, "spatial_merge_size": 2}}',
    '{"vision_config": {"hidden_size": 5, "embed_dim": 5, "spatial_merge_size": 3}}',
    '{"vision_config": [1], "text_config": 7, "hidden_size": {}}',
    '{"text_config": {"hidden_size": 0}, "hidden_size": -1, "visual": {"width": true, "heads": 1e3}}',
]


@st.composite
def checkpoints(draw):
    """A good checkpoint, with up to four faults."""
    spec, layout = draw(st.sampled_from(sorted(GOOD)))
    tensors = dict(GOOD[spec, layout])
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(sorted(tensors)))
        fault = draw(st.sampled_from(["drop", "rename", "shape", "rank", "dtype", "more", "twin"]))
        dtype, shape = tensors[name]
        if fault == "drop":
            del tensors[name]
        elif fault == "rename":
            tensors[f"x.{name}"] = tensors.pop(name)
        elif fault == "shape":
            tensors[name] = dtype, (draw(SIZE), *shape[1:])
        elif fault == "rank":
            tensors[name] = dtype, tuple(draw(st.lists(SIZE, max_size=4)))
        elif fault == "dtype":
            tensors[name] = draw(st.sampled_from(["F32", "F64", "I8", "BOOL", "C64", "F8_E4M3"])), shape
        elif fault == "more":
            tensors[f"{name}.more"] = tensors[name]
        else:
            tensors[name.replace(".0.", ".7.")] = tensors[name]
        if not tensors:
            break
    return spec, layout, tensors


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(checkpoints(), st.sampled_from(CONFIGS), st.booleans(), st.booleans())
def test_all_or_nothing(tmp_path, checkpoint, config, named, converted):
    spec, layout, tensors = checkpoint
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(safetensors(tensors))
    try:
        module = vla_compose.from_checkpoint(
            spec, tmp_path, layout=layout if named else None, dtype=torch.float32 if converted else None
        )
    except vla_compose.VlaComposeError as refusal:
        lines = str(refusal).split("\n")
        assert all(line.isprintable() for line in lines)
        assert len(lines) <= 30
        assert tensors != GOOD[spec, layout] or config != "{}"
        return
    stored = load_file(tmp_path / "model.safetensors")
    report = report_of(module)
    assert report is not None
    found = vla_compose.load(spec).layouts[report.layout]
    for ours, value in module.state_dict().items():
        assert torch.equal(value, stored[found.there(ours)].to(value.dtype))
        assert not value.is_meta


@pytest.mark.parametrize(("spec", "layout"), sorted(GOOD))
def test_without_faults_all_of_them_load(tmp_path, spec, layout):
    (tmp_path / "model.safetensors").write_bytes(safetensors(GOOD[spec, layout]))
    module = vla_compose.from_checkpoint(spec, tmp_path)
    assert all(value.dtype is torch.bfloat16 for value in module.parameters())
