"""The pilot specs against their originals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import vla_compose
from tests.parity.harness import (
    DTYPES,
    Case,
    Inputs,
    Reference,
    assert_parity,
    assert_same,
    each_case,
    flatten,
    leaves,
    loss,
    pair,
    randomise,
)
from tests.parity.mutants import Mutant
from tests.parity.pilot_wrappers import (
    ernie_model,
    glm4v_model,
    granite_docling_model,
    idefics2_features,
    idefics2_model,
    idefics3_model,
    internvl_model,
    llava_model,
    llava_next_model,
)
from tests.parity.pilots import (
    ERNIE,
    GLM4V,
    GRANITE_DOCLING,
    IDEFICS2,
    IDEFICS3,
    INTERNVL,
    LLAVA,
    LLAVA_NEXT,
    OTHER_DIMS,
    PILOT_CONTROLS,
    PILOT_MUTANTS,
    PILOTS,
)


def by_name(reference: Reference) -> str:
    return reference.name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reference", "case"), each_case([*PILOTS, *OTHER_DIMS]))
def test_equal_bits(reference: Reference, case: Case, dtype: torch.dtype) -> None:
    assert_parity(reference, case, dtype)


@pytest.mark.parametrize("reference", PILOTS, ids=by_name)
def test_other_seeds(reference: Reference) -> None:
    for seed in range(1, 6):
        assert_parity(reference, reference.cases[-2], torch.bfloat16, seed=seed)
        assert_parity(reference, reference.cases[2], torch.float32, seed=seed)


def test_every_pilot_has_four_geometries() -> None:
    assert all(len(reference.cases) >= 4 for reference in PILOTS)
    assert {reference.spec for reference in PILOTS} <= set(vla_compose.list_specs())


@pytest.mark.parametrize("reference", PILOTS, ids=by_name)
def test_cases_reach_every_parameter(reference: Reference) -> None:
    """So each gradient is compared in some case."""
    original = randomise(reference.original()).eval()
    reached = set()
    for case in reference.cases:
        torch.manual_seed(0)
        original.zero_grad()
        loss(flatten(case.call(original, leaves(case.inputs(), torch.float32)))).backward()
        found = {
            name for name, value in original.named_parameters() if value.grad is not None and value.grad.any()
        }
        reached |= found
    assert reached == {name for name, _ in original.named_parameters()}


@pytest.mark.parametrize("reference", PILOTS, ids=by_name)
def test_names_and_shapes_at_released_sizes(reference: Reference) -> None:
    spec = vla_compose.load(reference.spec)
    for variant in (None, *spec.variants):
        sizes = {**spec.dims, **(spec.variants[variant] if variant else {})}
        with torch.device("meta"):
            original = reference.original.func(**{name: size.constant for name, size in sizes.items()})  # type: ignore[attr-defined]
        theirs = [(reference.ours(name), value.shape) for name, value in original.state_dict().items()]
        ours = vla_compose.build(reference.spec, variant=variant, device="meta").state_dict()
        assert [(name, value.shape) for name, value in ours.items()] == theirs


# --- the whole models, from pixels --------------------------------------------------------------------------


def watch(module: nn.Module) -> list[Any]:
    """Is filled with what the module is called with and what it returns."""
    seen: list[Any] = []
    module.register_forward_hook(
        lambda _, args, kwargs, output: seen.extend((args, kwargs, output)), with_kwargs=True
    )
    return seen


Run = Callable[[Any, torch.dtype], tuple[Inputs, Any]]
"""Runs a model on pixels: our inputs, as they were in the model, and its features."""


def run_internvl(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.vision_tower)
    features = model.get_image_features(torch.randn(3, 3, 8, 8, dtype=dtype)).pooler_output
    return {"x": seen[2].last_hidden_state}, features


def run_glm4v(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.visual.post_layernorm)
    grids = torch.tensor([[1, 4, 6], [1, 2, 2], [1, 8, 4]])
    pixels = torch.randn(int(grids.prod(-1).sum()), 3 * 2 * 2 * 2, dtype=dtype)
    features = model.get_image_features(pixels, grids).pooler_output
    return {"x": seen[0][0]}, torch.cat(features)


def run_glm4v_video(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.visual.post_layernorm)
    grids = torch.tensor([[3, 4, 6], [2, 2, 2]])
    pixels = torch.randn(int(grids.prod(-1).sum()), 3 * 2 * 2 * 2, dtype=dtype)
    features = model.get_video_features(pixels, grids).pooler_output
    return {"x": seen[0][0]}, torch.cat(features)


def run_idefics2(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.connector)
    mask = torch.ones(2, 2, 6, 8, dtype=torch.bool)
    mask[0, 1, 4:], mask[1, 0, :, 5:] = False, False
    features = model.get_image_features(torch.randn(2, 2, 3, 6, 8, dtype=dtype), mask).pooler_output
    return {"x": seen[0][0], "mask": seen[1]["attention_mask"]}, torch.stack(features).view(4, 8, 24)


def run_idefics2_unmasked(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.connector)
    features = model.get_image_features(torch.randn(1, 3, 3, 6, 8, dtype=dtype)).pooler_output
    assert seen[1]["attention_mask"].all()
    return {"x": seen[0][0]}, torch.stack(features).view(3, 8, 24)


def run_ernie(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.resampler_model)
    grids = torch.tensor([[1, 4, 6], [1, 2, 2]])
    features = model.get_image_features(torch.randn(28, 3 * 2 * 2, dtype=dtype), grids).pooler_output
    return {"x": seen[0][0], "grid_thw": grids}, torch.cat(features)


def run_ernie_video(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.resampler_model)
    grids = torch.tensor([[4, 4, 6], [2, 2, 2]])
    features = model.get_video_features(torch.randn(104, 3 * 2 * 2, dtype=dtype), grids).pooler_output
    return {"x": seen[0][0], "grid_thw": grids}, torch.cat(features)


def run_llava_next(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    """Images in one padded batch, as the processor gives them."""
    seen = watch(model.vision_tower)
    sizes = torch.tensor([[13, 20], [40, 11], [9, 9]])
    features = model.get_image_features(torch.randn(3, 5, 3, 8, 8, dtype=dtype), sizes).pooler_output
    return {"x": seen[2].hidden_states[-2], "image_sizes": sizes}, features


def run_granite_docling(model: Any, dtype: torch.dtype, fine: bool = False) -> tuple[Inputs, Any]:
    seen = watch(model.connector)
    output = model(torch.randn(3, 3, 16, 16, dtype=dtype), fine=fine)
    (x, deepstack), kwargs, _ = seen
    return {"x": x, "deepstack": deepstack} | kwargs, (output.pooler_output, output.deepstack_features)


def run_granite_docling_fine(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    return run_granite_docling(model, dtype, fine=True)


def run_llava(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.vision_tower)
    features = model.get_image_features(torch.randn(3, 3, 12, 12, dtype=dtype)).pooler_output
    return {"x": seen[2].hidden_states[-2]}, torch.stack(list(features))


def run_idefics3(model: Any, dtype: torch.dtype) -> tuple[Inputs, Any]:
    seen = watch(model.connector)
    features = model.get_image_features(torch.randn(2, 2, 3, 8, 8, dtype=dtype)).pooler_output
    return {"x": seen[0][0]}, torch.stack(list(features)).view(4, 4, 24)


WHOLE = [
    (INTERNVL, internvl_model, run_internvl),
    (GLM4V, glm4v_model, run_glm4v),
    (GLM4V, glm4v_model, run_glm4v_video),
    (IDEFICS2, idefics2_model, run_idefics2),
    (IDEFICS2, idefics2_model, run_idefics2_unmasked),
    (ERNIE, ernie_model, run_ernie),
    (ERNIE, ernie_model, run_ernie_video),
    (LLAVA_NEXT, llava_next_model, run_llava_next),
    (GRANITE_DOCLING, granite_docling_model, run_granite_docling),
    (GRANITE_DOCLING, granite_docling_model, run_granite_docling_fine),
    (LLAVA, llava_model, run_llava),
    (IDEFICS3, idefics3_model, run_idefics3),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reference", "make", "run"), WHOLE, ids=[run.__name__[4:] for *_, run in WHOLE])
def test_in_the_whole_model(
    reference: Reference, make: Callable[..., Any], run: Run, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    model = randomise(make(**reference.dims)).to(dtype).eval()
    inputs, expected = run(model, dtype)
    ours = reference.build().to(dtype).eval()
    weights = {reference.ours(f"model.{name}"): value for name, value in model.state_dict().items()}
    ours.load_state_dict({name: weights[name] for name in ours.state_dict()})
    outputs = zip(flatten(ours(**inputs)), flatten(expected), strict=True)
    for at, (mine, their) in enumerate(outputs):
        assert_same(mine, their, f"output {at}")


def test_idefics2_makes_a_mask_of_ones() -> None:
    """What no mask means in our forward is what the model does without one."""
    ours, original = pair(IDEFICS2, torch.float32)
    x = torch.randn(2, 30, 16)
    expected = idefics2_features(original.model, x)
    assert_same(ours(x), expected, "no mask")
    assert_same(ours(x, torch.ones(2, 30, dtype=torch.bool)), expected, "mask of ones")


def test_llava_next_refuses_a_wrong_number_of_tiles() -> None:
    """As many tiles as images is no exception: every image has a view of the whole and its parts."""
    ours = LLAVA_NEXT.build()
    with pytest.raises(ValueError, match=r"have .* tiles"):
        ours(torch.randn(3, 17, 16), torch.tensor([[8, 16]] * 3))


# --- mistakes -----------------------------------------------------------------------------------------------


def by_mutant(row: tuple[Any, ...]) -> str:
    return f"{row[1].name}: {row[0]}"


@pytest.mark.parametrize("row", PILOT_MUTANTS, ids=by_mutant)
def test_mutant_is_caught(row: tuple[Any, ...]) -> None:
    mutant = Mutant(*row)
    try:
        caught, by = mutant.found()
    except ValueError as error:
        caught, by = "run", str(error)
    assert caught == mutant.caught, by


@pytest.mark.parametrize("row", PILOT_CONTROLS, ids=by_mutant)
def test_equivalent_edit_passes(row: tuple[Any, ...]) -> None:
    assert Mutant(*row).found() == ("", "")
